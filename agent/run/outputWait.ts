/** Waiting for more output of a run. All who wait for the same file share one watch: fifty followers cost what one does. */
import { existsSync, watch, type FSWatcher } from 'node:fs';
import { dirname } from 'node:path';
import { nothingSecret, type Masker } from '../secrets/masker.ts';
import { readableSize } from './output.ts';

/** Resolves when there is something to read from `offset`, at `ended`, or at the abort of `signal`. */
export async function waitForOutput(
  file: string,
  offset: number,
  ended: Promise<unknown>,
  signal: AbortSignal,
  masker: Masker = nothingSecret,
): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const done = (): void => {
    resolve(undefined);
  };
  const leave = [GrowthWatch.join(file, offset, masker, done), whenOver(ended, done)];
  signal.addEventListener('abort', done, { once: true });
  try {
    await promise;
  } finally {
    for (const part of leave) part();
    signal.removeEventListener('abort', done);
  }
}

/** One file and those who wait for it; it lives as long as somebody does. */
class GrowthWatch {
  static readonly #all = new Map<string, GrowthWatch>();
  readonly #file: string;
  readonly #watcher: FSWatcher;
  readonly #waiting = new Map<() => void, number>();
  #masker: Masker = nothingSecret;
  #looking = false;
  #again = false;

  private constructor(file: string) {
    this.#file = file;
    // A run that waits in the queue has no output yet: its folder tells when it comes.
    this.#watcher = watch(existsSync(file) ? file : dirname(file), { persistent: false }, () => {
      this.#look();
    });
    this.#watcher.on('error', () => {
      this.#tell(() => true);
    });
  }

  /** Calls `done` when there is more to read than `offset`; returns how to stop waiting. Throws where no watch is to be had. */
  static join(file: string, offset: number, masker: Masker, done: () => void): () => void {
    let one = GrowthWatch.#all.get(file);
    if (one === undefined) {
      one = new GrowthWatch(file);
      GrowthWatch.#all.set(file, one);
    }
    const joined = one;
    joined.#masker = masker;
    joined.#waiting.set(done, offset);
    joined.#look();
    return () => {
      joined.#waiting.delete(done);
      if (joined.#waiting.size > 0) return;
      joined.#watcher.close();
      if (GrowthWatch.#all.get(file) === joined) GrowthWatch.#all.delete(file);
    };
  }

  #look(): void {
    this.#again = this.#looking;
    if (this.#looking) return;
    this.#looking = true;
    void readableSize(this.#file, this.#masker)
      .then(
        (size) => {
          this.#tell((offset) => size > offset);
        },
        () => {
          this.#tell(() => true);
        },
      )
      .finally(() => {
        this.#looking = false;
        if (this.#again) this.#look();
      });
  }

  #tell(concerns: (offset: number) => boolean): void {
    for (const [done, offset] of this.#waiting) if (concerns(offset)) done();
  }
}

/** Reactions to a promise stay with it: of a run that is followed for hours there is one, not one for each wait. */
const listeners = new WeakMap<Promise<unknown>, Set<() => void>>();

function whenOver(ended: Promise<unknown>, done: () => void): () => void {
  let all = listeners.get(ended);
  if (all === undefined) {
    const fresh = new Set<() => void>();
    const over = (): void => {
      listeners.delete(ended);
      for (const listener of fresh) listener();
    };
    void ended.then(over, over);
    listeners.set(ended, fresh);
    all = fresh;
  }
  all.add(done);
  const joined = all;
  return () => joined.delete(done);
}
