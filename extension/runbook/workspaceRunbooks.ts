/** The Markdown runbooks of the workspace, kept up to date as files come, change and go. */
import { createHash } from 'node:crypto';
import * as vscode from 'vscode';
import { inspectRunbook } from '../../agent/runbook/inspect.ts';
import { messageOf } from '../client/errors.ts';
import type { Log } from '../client/log.ts';
import type { WorkspaceRunbook } from '../views/runbooksModel.ts';

const mostRunbooks = 500;
const longestFile = 1024 * 1024;

export class WorkspaceRunbooks implements vscode.Disposable {
  readonly #include: () => string;
  readonly #log: Log;
  readonly #changed = new vscode.EventEmitter<undefined>();
  #watcher: vscode.Disposable | null = null;
  #runbooks = new Map<string, WorkspaceRunbook>();
  #generation = 0;
  readonly onDidChange = this.#changed.event;

  constructor(include: () => string, log: Log) {
    this.#include = include;
    this.#log = log;
  }

  /** By title. */
  get all(): readonly WorkspaceRunbook[] {
    return [...this.#runbooks.values()].sort((a, b) => a.title.localeCompare(b.title));
  }

  /** Reads all again and watches from now on; also after a change of the setting or of the folders. */
  async load(): Promise<void> {
    this.#generation += 1;
    const generation = this.#generation;
    const pattern = this.#include();
    this.#watch(pattern);
    const uris = await vscode.workspace.findFiles(pattern, '**/node_modules/**', mostRunbooks);
    const found = await Promise.all(uris.map((uri) => this.#read(uri)));
    if (generation !== this.#generation) return;
    this.#runbooks = new Map(found.filter((one) => one !== null).map((one) => [one.uri, one]));
    this.#changed.fire(undefined);
  }

  dispose(): void {
    this.#generation += 1;
    this.#watcher?.dispose();
    this.#changed.dispose();
  }

  #watch(pattern: string): void {
    this.#watcher?.dispose();
    const watcher = vscode.workspace.createFileSystemWatcher(pattern);
    const update = (uri: vscode.Uri): void => {
      void this.#update(uri);
    };
    this.#watcher = vscode.Disposable.from(
      watcher,
      watcher.onDidCreate(update),
      watcher.onDidChange(update),
      watcher.onDidDelete((uri) => {
        if (this.#runbooks.delete(uri.toString())) this.#changed.fire(undefined);
      }),
    );
  }

  async #update(uri: vscode.Uri): Promise<void> {
    const generation = this.#generation;
    const runbook = uri.path.includes('/node_modules/') ? null : await this.#read(uri);
    if (runbook === null || generation !== this.#generation) return;
    this.#runbooks.set(runbook.uri, runbook);
    this.#changed.fire(undefined);
  }

  async #read(uri: vscode.Uri): Promise<WorkspaceRunbook | null> {
    try {
      const { size } = await vscode.workspace.fs.stat(uri);
      if (size > longestFile) return null;
      const bytes = await vscode.workspace.fs.readFile(uri);
      const text = new TextDecoder().decode(bytes);
      const { title, blocks, checklist } = inspectRunbook(text);
      const path = vscode.workspace.asRelativePath(uri);
      return {
        uri: uri.toString(),
        file: uri.fsPath,
        path,
        title: title === '' ? path : title,
        sha256: createHash('sha256').update(bytes).digest('hex'),
        checklist: { checked: checklist.filter((item) => item.checked).length, total: checklist.length },
        blocks: blocks.map(({ line, heading, runnable, text: content }) => ({
          line,
          heading,
          runnable,
          firstLine: content.split('\n').find((one) => one.trim() !== '' && !one.trim().startsWith('#')) ?? '',
        })),
      };
    } catch (error) {
      this.#log.warn(`the runbook ${uri.path} can not be read: ${messageOf(error)}`);
      return null;
    }
  }
}
