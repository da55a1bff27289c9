/** Output of runs as read-only files that grow: searchable at any length, and still there when the run has ended. */
import * as vscode from 'vscode';
import { schemes } from '../ids.ts';
import { followOutput, type OutputSource } from './followOutput.ts';
import { parseRunPath } from './runPath.ts';

interface OutputFile {
  readonly uri: vscode.Uri;
  readonly pieces: Buffer[];
  size: number;
  modified: number;
  readonly stop: AbortController;
  /** Settles with the first text, or soon. */
  readonly begun: Promise<void>;
  timer: NodeJS.Timeout | undefined;
}

/** How long opening waits for the first text. */
const patienceMs = 500;

export class OutputFiles implements vscode.FileSystemProvider, vscode.Disposable {
  readonly #sourceOf: (host: string) => OutputSource | null;
  readonly #files = new Map<string, OutputFile>();
  readonly #changed = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly #subscriptions: vscode.Disposable;
  readonly onDidChangeFile = this.#changed.event;

  constructor(sourceOf: (host: string) => OutputSource | null) {
    this.#sourceOf = sourceOf;
    this.#subscriptions = vscode.Disposable.from(
      vscode.workspace.registerFileSystemProvider(schemes.output, this, { isReadonly: true, isCaseSensitive: true }),
      vscode.window.tabGroups.onDidChangeTabs(({ closed }) => {
        if (closed.length > 0) this.#dropUnseen();
      }),
    );
  }

  dispose(): void {
    this.#subscriptions.dispose();
    for (const file of this.#files.values()) this.#drop(file);
    this.#changed.dispose();
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => undefined);
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const file = this.#file(uri);
    await file.begun;
    return {
      type: vscode.FileType.File,
      ctime: 0,
      mtime: file.modified,
      size: file.size,
      permissions: vscode.FilePermission.Readonly,
    };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    const file = this.#file(uri);
    await file.begun;
    return Buffer.concat(file.pieces);
  }

  readDirectory(): [string, vscode.FileType][] {
    return [];
  }
  createDirectory(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }
  writeFile(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }
  delete(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }
  rename(uri: vscode.Uri): never {
    throw vscode.FileSystemError.NoPermissions(uri);
  }

  /** The file, followed from now on when it is not yet. */
  #file(uri: vscode.Uri): OutputFile {
    const key = uri.toString();
    const existing = this.#files.get(key);
    if (existing !== undefined) return existing;
    const address = parseRunPath(uri.path);
    const source = address === null ? null : this.#sourceOf(address.host);
    if (address === null || source === null) throw vscode.FileSystemError.FileNotFound(uri);
    const begun = Promise.withResolvers<undefined>();
    const patience = setTimeout(() => {
      begun.resolve(undefined);
    }, patienceMs);
    const file: OutputFile = {
      uri,
      pieces: [],
      size: 0,
      modified: Date.now(),
      stop: new AbortController(),
      begun: begun.promise,
      timer: undefined,
    };
    this.#files.set(key, file);
    const append = (text: string): void => {
      if (text !== '') this.#append(file, text);
      clearTimeout(patience);
      begun.resolve(undefined);
    };
    void followOutput(source, address.runId, file.stop.signal, append);
    return file;
  }

  /** Tells the editor of new text at once, then ever less often the longer the text is, as it reads the whole file again. */
  #append(file: OutputFile, text: string): void {
    const piece = Buffer.from(text, 'utf8');
    file.pieces.push(piece);
    file.size += piece.length;
    if (file.stop.signal.aborted || file.timer !== undefined) return;
    const delay = file.size < 1e6 ? 100 : file.size < 1e7 ? 1000 : 4000;
    file.timer = setTimeout(() => {
      file.timer = undefined;
      file.modified = Math.max(file.modified + 1, Date.now());
      this.#changed.fire([{ type: vscode.FileChangeType.Changed, uri: file.uri }]);
    }, delay);
  }

  #dropUnseen(): void {
    const seen = new Set(
      vscode.window.tabGroups.all
        .flatMap((group) => group.tabs)
        .map((tab) => (tab.input instanceof vscode.TabInputText ? tab.input.uri.toString() : '')),
    );
    for (const [key, file] of this.#files)
      if (!seen.has(key)) {
        this.#files.delete(key);
        this.#drop(file);
      }
  }

  #drop(file: OutputFile): void {
    file.stop.abort();
    clearTimeout(file.timer);
  }
}
