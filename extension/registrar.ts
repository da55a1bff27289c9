/** Registers every command in one place: arguments made sense of, trust checked, failures told. */
import * as vscode from 'vscode';
import { isAbort, messageOf } from './client/errors.ts';
import type { Log } from './client/log.ts';
import type { Dialogs } from './dialogs.ts';
import { commandIds, commandsThatNeedTrust, type CommandName } from './ids.ts';
import { targetOf, type Target } from './views/node.ts';

/** Called with what the person pointed at; undefined from the palette. */
export type Handler = (target: Target | undefined) => Promise<void> | void;
export type Handlers = Readonly<Record<CommandName, Handler>>;

export function registerCommands(handlers: Handlers, dialogs: Dialogs, log: Log): vscode.Disposable {
  const names = Object.keys(commandIds) as CommandName[];
  const registered = names.map((name) =>
    vscode.commands.registerCommand(commandIds[name], async (argument: unknown) => {
      try {
        if (commandsThatNeedTrust.has(name) && !vscode.workspace.isTrusted) {
          log.warn(`${commandIds[name]}: ${notTrusted}`);
          void askForTrust(dialogs);
          return;
        }
        await handlers[name](targetOf(argument));
      } catch (error) {
        if (error instanceof vscode.CancellationError || isAbort(error)) return;
        log.error(`${commandIds[name]}: ${messageOf(error)}`);
        void tell(dialogs, messageOf(error));
      }
    }),
  );
  return vscode.Disposable.from(...registered);
}

const notTrusted = 'In a workspace that is not trusted Upkeep only looks: trust the workspace to run something.';

/** Granting trust is the editor's own page: what was wanted is not run after it, as the person may have thought twice. */
async function askForTrust(dialogs: Dialogs): Promise<void> {
  const manage = 'Manage Workspace Trust';
  if ((await dialogs.warn(notTrusted, manage)) === manage)
    await vscode.commands.executeCommand('workbench.trust.manage');
}

async function tell(dialogs: Dialogs, message: string): Promise<void> {
  const shown = message.charAt(0).toUpperCase() + message.slice(1);
  if ((await dialogs.error(shown, 'Show Log')) === 'Show Log') await vscode.commands.executeCommand(commandIds.showLog);
}
