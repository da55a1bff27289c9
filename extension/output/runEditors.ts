/** Opens the documents about runs. */
import * as vscode from 'vscode';
import { schemes } from '../ids.ts';
import type { Hosts } from '../state/hosts.ts';
import { detailsUri } from './runDetails.ts';
import { runPath } from './runPath.ts';
import { ScrollLock } from './scrollLock.ts';

export class RunEditors implements vscode.Disposable {
  readonly #hosts: Hosts;
  readonly #scrollLock = new ScrollLock();

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
  }

  /** A run that goes on is followed at its end, one that has ended is shown from its beginning. */
  readonly openOutput = async (host: string, runId: string, task: string): Promise<void> => {
    const uri = vscode.Uri.from({ scheme: schemes.output, path: runPath(host, runId, task, 'log') });
    const document = await openDocument(uri);
    if (document === null) return;
    await vscode.window.showTextDocument(document, { preview: true });
    const run = this.#hosts.get(host)?.store.data?.runs.find((one) => one.id === runId);
    if (run !== undefined && run.state !== 'ended') this.#scrollLock.follow(document);
  };

  readonly openDetails = async (host: string, runId: string, task: string): Promise<void> => {
    const document = await vscode.workspace.openTextDocument(detailsUri(host, runId, task));
    await vscode.window.showTextDocument(document, { preview: true });
  };

  dispose(): void {
    this.#scrollLock.dispose();
  }
}

/** Null when the text is too long for extensions (50 MB): the editor itself still shows and searches it. */
async function openDocument(uri: vscode.Uri): Promise<vscode.TextDocument | null> {
  const { size } = await vscode.workspace.fs.stat(uri);
  if (size < 45_000_000) return vscode.workspace.openTextDocument(uri);
  await vscode.commands.executeCommand('vscode.open', uri);
  return null;
}
