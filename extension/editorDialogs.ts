/** Dialogs of VS Code. */
import * as vscode from 'vscode';
import { back, type Choice, type Dialogs, type InputOptions, type Reply, type StepOptions } from './dialogs.ts';
import { plain, withoutIcons, withoutLinks } from './views/text.ts';

interface Item<T> extends vscode.QuickPickItem {
  readonly value: T;
}

export const editorDialogs: Dialogs = {
  pick: async (choices, options) => {
    const items = choices.map(asItem);
    if (options.step !== undefined || options.canGoBack === true) {
      const reply = await pickInRow(items, options, false);
      return reply === undefined || reply === back ? reply : reply[0]?.value;
    }
    const item = await vscode.window.showQuickPick(items, {
      title: options.title,
      placeHolder: options.placeholder ?? '',
      matchOnDescription: true,
      ignoreFocusOut: true,
    });
    return item?.value;
  },

  pickMany: async (choices, options) => {
    const reply = await pickInRow(choices.map(asItem), options, true);
    return reply === undefined || reply === back ? reply : reply.map((item) => item.value);
  },

  input: (options) => inputInRow(options),

  confirm: async (message, detail, action) =>
    (await vscode.window.showWarningMessage(plain(message), { modal: true, detail }, action)) === action,

  inform: async (message, ...actions) => vscode.window.showInformationMessage(withoutLinks(message), ...actions),
  warn: async (message, ...actions) => vscode.window.showWarningMessage(withoutLinks(message), ...actions),
  error: async (message, ...actions) => vscode.window.showErrorMessage(withoutLinks(message), ...actions),
};

function asItem<T>(choice: Choice<T>): Item<T> {
  return {
    label: withoutIcons(choice.label),
    value: choice.value,
    ...(choice.icon === undefined ? {} : { iconPath: new vscode.ThemeIcon(choice.icon) }),
    ...(choice.description === undefined ? {} : { description: withoutIcons(choice.description) }),
    ...(choice.detail === undefined ? {} : { detail: withoutIcons(choice.detail) }),
    ...(choice.picked === undefined ? {} : { picked: choice.picked }),
  };
}

function pickInRow<T>(
  items: readonly Item<T>[],
  options: StepOptions,
  many: boolean,
): Promise<Reply<readonly Item<T>[]>> {
  const quickPick = vscode.window.createQuickPick<Item<T>>();
  quickPick.items = items;
  quickPick.canSelectMany = many;
  quickPick.selectedItems = many ? items.filter((item) => item.picked) : [];
  quickPick.activeItems = many ? [] : items.filter((item) => item.picked).slice(0, 1);
  quickPick.matchOnDescription = true;
  quickPick.placeholder = options.placeholder;
  return ask(quickPick, options, () => [...quickPick.selectedItems]);
}

function inputInRow(options: InputOptions): Promise<Reply<string>> {
  const input = vscode.window.createInputBox();
  input.value = options.value ?? '';
  input.password = options.password ?? false;
  input.prompt = options.prompt;
  input.placeholder = options.placeholder;
  const judge = (): boolean => {
    const problem = options.validate?.(input.value) ?? null;
    input.validationMessage = problem ?? undefined;
    return problem === null;
  };
  input.onDidChangeValue(judge);
  return ask(input, options, () => (judge() ? input.value : null));
}

/** Shows the input until it is accepted with a value, left by the back button, or hidden. */
function ask<R>(
  input:
    | vscode.QuickPick<Item<never>>
    | (vscode.QuickInput & {
        onDidAccept: vscode.Event<void>;
        onDidTriggerButton: vscode.Event<vscode.QuickInputButton>;
        buttons: readonly vscode.QuickInputButton[];
      }),
  options: StepOptions,
  valueOf: () => R | null,
): Promise<Reply<R>> {
  input.title = options.title;
  input.ignoreFocusOut = true;
  if (options.canGoBack === true) input.buttons = [vscode.QuickInputButtons.Back];
  if (options.step !== undefined) {
    input.step = options.step.number;
    input.totalSteps = options.step.total;
    if (options.step.number > 1) input.buttons = [vscode.QuickInputButtons.Back];
  }
  return new Promise((resolve) => {
    const finish = (reply: Reply<R>): void => {
      resolve(reply);
      input.dispose();
    };
    input.onDidAccept(() => {
      const value = valueOf();
      if (value !== null) finish(value);
    });
    input.onDidTriggerButton((button) => {
      if (button === vscode.QuickInputButtons.Back) finish(back);
    });
    input.onDidHide(() => {
      finish(undefined);
    });
    input.show();
  });
}
