/** Commands of the extension as a person gives them, on the local agent. */
import * as vscode from 'vscode';
import { commandIds, type CommandName } from '../../../extension/ids.ts';
import type { Target } from '../../../extension/views/node.ts';

export const host = 'local';

export async function run(command: CommandName, target?: Target): Promise<void> {
  await vscode.commands.executeCommand(commandIds[command], target);
}

export function task(name: string): Target {
  return { kind: 'task', host, task: name };
}

export async function closeEditors(): Promise<void> {
  await vscode.commands.executeCommand('workbench.action.closeAllEditors');
}
