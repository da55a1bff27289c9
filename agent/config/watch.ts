/** Tells when the content of a file has changed, by the kernel's notices (inotify, FSEvents) and not by polling. */
import * as fs from 'node:fs';
import { createHash } from 'node:crypto';
import { FolderWatch } from './folderWatch.ts';
import { reasonOf } from './reason.ts';
import { maxConfigBytes } from './text.ts';
import { watchPlaces } from './watchPlaces.ts';

export interface Watcher {
  readonly start: () => void;
  readonly stop: () => void;
}

/**
 * `onChange` is called once the content differs from that of the last call (at first: of `start`) and has stood still for a
 * moment, so that truncate-and-write, rename and swapped links each count as one change, and a half-written file as none.
 * `onProblem` tells why changes may go unseen (out of inotify watches).
 */
export function watchConfig(
  file: string,
  onChange: () => void,
  onProblem: (message: string) => void = () => undefined,
): Watcher {
  let watch: FileWatch | null = null;
  return {
    start: () => {
      watch ??= new FileWatch(file, onChange, onProblem);
    },
    stop: () => {
      watch?.close();
      watch = null;
    },
  };
}

/** The content must stand still for so long, in milliseconds. */
const stillness = 100;

class FileWatch {
  readonly #file: string;
  readonly #onChange: () => void;
  readonly #folders: FolderWatch;
  #known: string;
  #seen: string;
  #timer: NodeJS.Timeout | null = null;

  constructor(file: string, onChange: () => void, onProblem: (message: string) => void) {
    this.#file = file;
    this.#onChange = onChange;
    this.#folders = new FolderWatch(() => {
      this.#settle();
    }, onProblem);
    this.#folders.set(watchPlaces(file));
    this.#known = this.#seen = fingerprint(file);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#folders.close();
  }

  #settle(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#look();
    }, stillness).unref();
  }

  #look(): void {
    const moved = this.#folders.set(watchPlaces(this.#file));
    const now = fingerprint(this.#file);
    const still = now === this.#seen && !moved;
    this.#seen = now;
    if (!still) {
      this.#settle();
      return;
    }
    if (now === this.#known) return;
    this.#known = now;
    this.#onChange();
  }
}

/** Of the content; for a file that can not be read, of the reason. */
function fingerprint(file: string): string {
  let descriptor: number | null = null;
  try {
    descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const stats = fs.fstatSync(descriptor);
    if (!stats.isFile() || stats.size > maxConfigBytes) return `odd ${stats.mode} ${stats.size} ${stats.mtimeMs}`;
    return createHash('sha256').update(fs.readFileSync(descriptor)).digest('hex');
  } catch (error) {
    return `unreadable ${reasonOf(error)}`;
  } finally {
    if (descriptor !== null) fs.closeSync(descriptor);
  }
}
