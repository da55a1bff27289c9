/** Entry of the extension. */
import type * as vscode from 'vscode';
import { App } from './app.ts';

let app: App | null = null;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  app = new App(context);
  await app.start();
}

/** VS Code waits for this: the local agent is told to end before its extension host does. */
export async function deactivate(): Promise<void> {
  await app?.stop();
  app = null;
}
