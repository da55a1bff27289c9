/** Stands in for the person: VS Code shows no dialogs while it runs tests. Answers are given in the order of the questions. */
import assert from 'node:assert/strict';
import * as vscode from 'vscode';

export interface Told {
  readonly kind: 'information' | 'warning' | 'error' | 'modal';
  readonly message: string;
  readonly detail: string;
}

export class Answers {
  /** Everything that was said. */
  readonly told: Told[] = [];
  readonly #replies: string[] = [];
  readonly #toMessages: { readonly pattern: RegExp; readonly button: string }[] = [];
  readonly #window = vscode.window as unknown as Record<string, unknown>;
  readonly #originals = new Map<string, unknown>();
  readonly #said = new vscode.EventEmitter<Told>();

  constructor() {
    this.#replace('showInformationMessage', this.#show('information'));
    this.#replace('showWarningMessage', this.#show('warning'));
    this.#replace('showErrorMessage', this.#show('error'));
    this.#replace('showQuickPick', (items: readonly vscode.QuickPickItem[]) => {
      const reply = this.#replies.shift();
      const found = items.find((item) => item.label === reply);
      assert.ok(found, `${reply ?? 'nothing'} is not offered: ${items.map((item) => item.label).join(', ')}`);
      return Promise.resolve(found);
    });
    this.#replace('createInputBox', () => this.#input());
    this.#replace('createQuickPick', () => this.#quickPick());
  }

  /** Replies to the coming questions: text of an input, label of a choice, title of a button. */
  willBe(...replies: string[]): void {
    this.#replies.push(...replies);
  }

  /** Presses a button of the next notification that fits, whatever else is told meanwhile. */
  willPress(button: string, pattern: RegExp): void {
    this.#toMessages.push({ pattern, button });
  }

  /** Resolves with the next message that fits, or one that was said already. */
  hear(pattern: RegExp): Promise<Told> {
    const found = this.told.find((one) => pattern.test(one.message));
    if (found !== undefined) return Promise.resolve(found);
    return new Promise((resolve) => {
      const subscription = this.#said.event((one) => {
        if (!pattern.test(one.message)) return;
        subscription.dispose();
        resolve(one);
      });
    });
  }

  restore(): void {
    for (const [name, original] of this.#originals) this.#window[name] = original;
    this.#said.dispose();
    const left = [...this.#replies, ...this.#toMessages.map(({ button }) => button)];
    assert.deepEqual(left, [], 'questions that nobody asked');
  }

  #replace(name: string, stand: unknown): void {
    this.#originals.set(name, this.#window[name]);
    this.#window[name] = stand;
  }

  #show(
    kind: 'information' | 'warning' | 'error',
  ): (message: string, ...rest: unknown[]) => Promise<string | undefined> {
    return (message, ...rest) => {
      const [options] = rest;
      const isModal = typeof options === 'object' && options !== null && 'modal' in options && options.modal === true;
      const detail = isModal && 'detail' in options && typeof options.detail === 'string' ? options.detail : '';
      const told: Told = { kind: isModal ? 'modal' : kind, message, detail };
      this.told.push(told);
      this.#said.fire(told);
      const meant = this.#toMessages.findIndex(({ pattern, button }) => pattern.test(message) && rest.includes(button));
      if (meant >= 0) return Promise.resolve(this.#toMessages.splice(meant, 1)[0]?.button);
      const next = this.#replies[0];
      return Promise.resolve(next !== undefined && rest.includes(next) ? this.#replies.shift() : undefined);
    };
  }

  #input(): unknown {
    return this.#question((input, reply) => {
      input['value'] = reply;
    });
  }

  #quickPick(): unknown {
    return this.#question((input, reply) => {
      const items = input['items'] as readonly vscode.QuickPickItem[];
      const wanted = reply === '' ? [] : reply.split(', ');
      const found = items.filter((item) => wanted.includes(item.label));
      assert.equal(
        found.length,
        wanted.length,
        `${reply} is not offered: ${items.map((item) => item.label).join(', ')}`,
      );
      input['selectedItems'] = found;
    });
  }

  /** An input that takes the next reply as soon as it is shown. */
  #question(answer: (input: Record<string, unknown>, reply: string) => void): unknown {
    const accepted = new vscode.EventEmitter<undefined>();
    const never = new vscode.EventEmitter<undefined>();
    const input: Record<string, unknown> = {
      onDidAccept: accepted.event,
      onDidHide: never.event,
      onDidChangeValue: never.event,
      onDidTriggerButton: never.event,
      dispose: () => {
        accepted.dispose();
        never.dispose();
      },
      show: () => {
        const reply = this.#replies.shift();
        assert.ok(reply !== undefined, `nobody expected the question "${String(input['title'])}"`);
        answer(input, reply);
        accepted.fire(undefined);
      },
    };
    return input;
  }
}
