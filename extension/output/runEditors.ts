/** Opens the documents about runs. */
import * as vscode from 'vscode';
import { schemes } from '../ids.ts';
import type { Hosts } from '../state/hosts.ts';
import { columnOfBlockOutput } from './columns.ts';
import { detailsUri } from './runDetails.ts';
import { runPath } from './runPath.ts';
import { ScrollLock } from './scrollLock.ts';

export class RunEditors implements vscode.Disposable {
  readonly #hosts: Hosts;
  readonly #scrollLock = new ScrollLock();
  /** Names of blocks by run, so that a run has one document wherever it is opened from. */
  readonly #names = new Map<string, string>();

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
  }

  /** A run that goes on is followed at its end, one that has ended is shown from its beginning. */
  readonly openOutput = async (host: string, runId: string, task: string): Promise<void> => {
    await this.#open(host, runId, task, { preview: true });
  };

  /** The output of a block stands beside its runbook, where the reader stays. */
  readonly openBlockOutput = async (host: string, runId: string, name: string): Promise<void> => {
    this.#names.set(runId, name);
    await this.#open(host, runId, name, {
      preview: true,
      preserveFocus: true,
      viewColumn: columnOfBlockOutput(),
    });
  };

  readonly openDetails = async (host: string, runId: string, task: string): Promise<void> => {
    const document = await vscode.workspace.openTextDocument(detailsUri(host, runId, task));
    await vscode.window.showTextDocument(document, { preview: true });
  };

  async #open(host: string, runId: string, task: string, options: vscode.TextDocumentShowOptions): Promise<void> {
    const name = this.#names.get(runId) ?? task;
    const uri = vscode.Uri.from({ scheme: schemes.output, path: runPath(host, runId, name, 'log') });
    const document = await openDocument(uri);
    if (document === null) return;
    await vscode.window.showTextDocument(document, options);
    const run = this.#hosts.get(host)?.store.data?.runs.find((one) => one.id === runId);
    if (run !== undefined && run.state !== 'ended') this.#scrollLock.follow(document);
  }

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
