/** The runbooks of the host: what lies in the configured folders, kept up to date by the kernel's notices. */
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import { FolderWatch } from '../config/folderWatch.ts';
import { reasonOf } from '../config/reason.ts';
import { folderIdentity, watchPlaces, type WatchPlace } from '../config/watchPlaces.ts';
import type { Runbook, RunbookBlock } from '../protocol/nouns.ts';
import { RequestError } from '../server/requestError.ts';
import { readRunbook, scanRunbooks, type ScannedFile } from './scan.ts';

export interface LibraryOptions {
  /** Absolute folders. */
  readonly directories: readonly string[];
  readonly log: Pick<Logger, 'warn'>;
}

export interface RunbookContent {
  readonly runbook: Runbook;
  readonly text: string;
  readonly blocks: RunbookBlock[];
}

interface Entry {
  readonly file: ScannedFile;
  readonly runbook: Runbook;
}

export class RunbookLibrary {
  readonly #log: LibraryOptions['log'];
  readonly #listeners = new Set<() => void>();
  readonly #folders: FolderWatch;
  #directories: readonly string[];
  #entries: ReadonlyMap<string, Entry> = new Map();
  #problems: readonly string[] = [];
  #running = false;
  #timer: NodeJS.Timeout | null = null;
  #work: Promise<void> = Promise.resolve();

  constructor(options: LibraryOptions) {
    this.#directories = options.directories;
    this.#log = options.log;
    this.#folders = new FolderWatch(
      () => {
        this.#settle();
      },
      (message) => {
        options.log.warn(message);
      },
    );
  }

  /** Resolves when the folders have been read. */
  async start(): Promise<void> {
    this.#running = true;
    await this.#enqueue();
  }

  stop(): void {
    this.#running = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#folders.close();
  }

  /** Other folders; the change is told through `onChange` once they have been read. */
  setDirectories(directories: readonly string[]): void {
    if (JSON.stringify(directories) === JSON.stringify(this.#directories)) return;
    this.#directories = directories;
    if (this.#running) void this.#enqueue();
  }

  /** By path. */
  list(): readonly Runbook[] {
    return [...this.#entries.values()].map(({ runbook }) => runbook);
  }

  /** What could not be read or was left out, one sentence each. */
  problems(): readonly string[] {
    return this.#problems;
  }

  /** Text and blocks as they are on disk now. Rejects with RequestError `notFound` for anything that `list()` does not name. */
  async get(path: string): Promise<RunbookContent> {
    const entry = this.#entries.get(path);
    if (entry === undefined) throw notFound();
    try {
      return await contentOf(entry.file);
    } catch (error) {
      this.#log.warn({ path, reason: reasonOf(error) }, 'a runbook can no longer be read');
      throw notFound();
    }
  }

  /** Called after every change of `list()`. Returns how to end that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #settle(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#enqueue();
    }, settling).unref();
  }

  #enqueue(): Promise<void> {
    this.#work = this.#work
      .then(() => this.#read())
      .catch((error: unknown) => {
        this.#log.warn({ error }, 'the runbook folders could not be read');
      });
    return this.#work;
  }

  async #read(): Promise<void> {
    if (!this.#running) return;
    const before = JSON.stringify(this.list());
    const entries = new Map<string, Entry>();
    const problems: string[] = [];
    const places = new Map<string, WatchPlace>();
    for (const directory of this.#directories) {
      for (const [folder, place] of watchPlaces(directory)) add(places, folder, place);
      const scan = await scanRunbooks(directory);
      problems.push(...scan.problems);
      for (const folder of scan.folders) watchAll(folder, places);
      for (const file of scan.files) {
        const content = await contentOf(file).catch((error: unknown) => {
          problems.push(reasonOf(error));
          return null;
        });
        if (content !== null) entries.set(file.path, { file, runbook: content.runbook });
      }
    }
    // It may have been stopped while the disk was slow.
    if (!this.#stillRunning()) return;
    this.#entries = new Map([...entries].sort(([one], [other]) => (one < other ? -1 : 1)));
    this.#report(problems);
    if (this.#folders.set(places)) this.#settle();
    if (JSON.stringify(this.list()) !== before) for (const listener of this.#listeners) listener();
  }

  #stillRunning(): boolean {
    return this.#running;
  }

  #report(problems: readonly string[]): void {
    for (const problem of problems) if (!this.#problems.includes(problem)) this.#log.warn(problem);
    this.#problems = problems;
  }
}

/** Notices within so many milliseconds count as one change. */
const settling = 100;

async function contentOf(file: ScannedFile): Promise<RunbookContent> {
  // Loaded here: a host without runbooks does without the reader of Markdown.
  const { inspectRunbook } = await import('./inspect.ts');
  const { bytes, modifiedAt } = await readRunbook(file);
  const text = bytes.toString('utf8');
  const { title, blocks, checklist } = inspectRunbook(text);
  const runbook: Runbook = {
    path: file.path,
    title: title === '' ? (file.path.split('/').at(-1) ?? file.path) : title,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    modifiedAt: modifiedAt.toISOString(),
    blocks: blocks.length,
    checklist: { checked: checklist.filter(({ checked }) => checked).length, total: checklist.length },
  };
  return { runbook, text, blocks: [...blocks] };
}

function watchAll(folder: string, places: Map<string, WatchPlace>): void {
  const identity = folderIdentity(folder);
  if (identity !== null) add(places, folder, { identity, names: null });
}

/** A folder can matter for two reasons. */
function add(places: Map<string, WatchPlace>, folder: string, place: WatchPlace): void {
  const known = places.get(folder);
  const names =
    known === undefined ? place.names : known.names && place.names ? new Set([...known.names, ...place.names]) : null;
  places.set(folder, { identity: place.identity, names });
}

function notFound(): RequestError {
  return new RequestError('notFound', 'There is no such runbook on this host: look at the list again.');
}
