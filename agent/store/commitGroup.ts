/** Changes of several parts that share one commit, so that they share its fsync. */

/** So many turns of the event loop at most go by while changes keep coming. */
const mostTurns = 4;

export class CommitGroup<Change> {
  readonly changes: Change[] = [];
  readonly #waiting: ((error: Error | null) => void)[] = [];
  readonly #commit: () => void;
  #turn: NodeJS.Immediate | null = null;
  #turns = 0;
  #joined = 0;

  constructor(commit: () => void) {
    this.#commit = commit;
    this.#wait();
  }

  join(changes: readonly Change[], done: (error: Error | null) => void): void {
    this.changes.push(...changes);
    this.#waiting.push(done);
  }

  /** It is over: nothing joins any more. Every member hears of it, with `null` when all of it is on the disk. */
  end(error: Error | null): void {
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
    for (const done of this.#waiting) {
      try {
        done(error);
      } catch (problem) {
        // A fault of one must not keep the others waiting; it ends the process as any other would.
        process.nextTick(() => {
          throw problem;
        });
      }
    }
  }

  /** A turn in which nobody came ends the waiting: then all that was under way has joined. */
  #wait(): void {
    this.#turn = setImmediate(() => {
      this.#turns += 1;
      const quiet = this.#waiting.length === this.#joined;
      this.#joined = this.#waiting.length;
      if (quiet || this.#turns >= mostTurns) this.#commit();
      else this.#wait();
    });
  }
}
