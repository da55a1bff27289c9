/** Notices of the kernel about a changing set of folders. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { reasonOf } from './reason.ts';
import type { WatchPlace } from './watchPlaces.ts';

export class FolderWatch {
  readonly #onNotice: () => void;
  readonly #onProblem: (message: string) => void;
  readonly #watchers = new Map<string, { place: WatchPlace; readonly watcher: fs.FSWatcher }>();

  /** `onProblem` tells why a folder can not be watched (out of inotify watches, no right to read it). */
  constructor(onNotice: () => void, onProblem: (message: string) => void) {
    this.#onNotice = onNotice;
    this.#onProblem = onProblem;
  }

  /** Watches these folders and no others; returns whether any is new, as something may have happened in it before. */
  set(places: ReadonlyMap<string, WatchPlace>): boolean {
    let isNew = false;
    for (const [directory, { place, watcher }] of this.#watchers) {
      if (places.get(directory)?.identity === place.identity) continue;
      watcher.close();
      this.#watchers.delete(directory);
    }
    for (const [directory, place] of places) {
      const watched = this.#watchers.get(directory);
      if (watched !== undefined) watched.place = place;
      else if (this.#watch(directory, place)) isNew = true;
    }
    return isNew;
  }

  close(): void {
    this.set(new Map());
  }

  #watch(directory: string, place: WatchPlace): boolean {
    try {
      const watcher = fs.watch(directory, { persistent: false }, (_, name) => {
        const names = this.#watchers.get(directory)?.place.names ?? null;
        // A notice about the folder itself carries its own name.
        if (names === null || name === null || name === path.basename(directory) || names.has(name)) this.#onNotice();
      });
      watcher.on('error', () => {
        this.#onNotice();
      });
      this.#watchers.set(directory, { place, watcher });
      return true;
    } catch (error) {
      this.#onProblem(`changes in ${directory} are not seen by themselves: ${reasonOf(error)}; reload by hand`);
      return false;
    }
  }
}
