/** Finds the maintenance.yaml of this workspace: the one that the setting names, else one of the usual places. */
import { isAbsolute } from 'node:path';
import * as vscode from 'vscode';
import { settings } from './settings.ts';

const usualPlaces = ['maintenance.yaml', '.upkeep/maintenance.yaml'];

export class LocalConfiguration implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly #subscriptions: vscode.Disposable[] = [];
  #watchers: vscode.Disposable[] = [];
  #file: vscode.Uri | null = null;
  readonly onDidChange = this.#changed.event;

  constructor() {
    this.#subscriptions.push(
      vscode.workspace.onDidChangeWorkspaceFolders(() => {
        this.#watch();
        void this.find();
      }),
    );
    this.#watch();
  }

  /** Null when there is none. */
  get file(): vscode.Uri | null {
    return this.#file;
  }

  /** Looks again; tells when another file (or none) is the one. */
  async find(): Promise<void> {
    const found = settings.localEnabled() ? await findFile() : null;
    if (found?.toString() === this.#file?.toString()) return;
    this.#file = found;
    this.#changed.fire(undefined);
  }

  dispose(): void {
    vscode.Disposable.from(...this.#subscriptions, ...this.#watchers).dispose();
    this.#changed.dispose();
  }

  #watch(): void {
    vscode.Disposable.from(...this.#watchers).dispose();
    this.#watchers = (vscode.workspace.workspaceFolders ?? []).flatMap((folder) => {
      const watcher = vscode.workspace.createFileSystemWatcher(
        new vscode.RelativePattern(folder, `{${usualPlaces.join(',')}}`),
        false,
        true,
        false,
      );
      const look = (): void => {
        void this.find();
      };
      return [watcher, watcher.onDidCreate(look), watcher.onDidDelete(look)];
    });
  }
}

async function findFile(): Promise<vscode.Uri | null> {
  const folders = (vscode.workspace.workspaceFolders ?? []).filter((folder) => folder.uri.scheme === 'file');
  const named = settings.localConfigFile();
  if (named !== null) {
    const [first] = folders;
    if (isAbsolute(named)) return vscode.Uri.file(named);
    return first === undefined ? null : vscode.Uri.joinPath(first.uri, named);
  }
  for (const folder of folders)
    for (const place of usualPlaces) {
      const uri = vscode.Uri.joinPath(folder.uri, place);
      if (await isFile(uri)) return uri;
    }
  return null;
}

async function isFile(uri: vscode.Uri): Promise<boolean> {
  try {
    return ((await vscode.workspace.fs.stat(uri)).type & vscode.FileType.File) !== 0;
  } catch {
    return false;
  }
}
