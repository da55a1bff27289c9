/** What is written down about runs: each change in one transaction with its event. */
import type { EventBus } from '../events.ts';
import type { Progress, Run } from '../protocol/nouns.ts';
import type { Database } from '../store/database.ts';
import type { RunRequest } from './request.ts';
import { insertRun, updateRun } from '../store/runs.ts';

export class RunRecords {
  readonly #database: Database;
  readonly #events: EventBus;

  constructor(database: Database, events: EventBus) {
    this.#database = database;
    this.#events = events;
  }

  /** `also` is written together with it. */
  insert(run: Run, requestId: string | null, also?: () => void): void {
    this.together(() => {
      also?.();
      insertRun(this.#database, run, requestId);
      this.#events.emit('run.changed', { run });
    });
  }

  update(run: Run): void {
    this.together(() => {
      updateRun(this.#database, run);
      this.#events.emit('run.changed', { run });
    });
  }

  /** As `insert`, in a commit that others share; resolves once it is on the disk. */
  inserted(run: Run, request: Pick<RunRequest, 'requestId' | 'onRecord'>): Promise<void> {
    return this.#shared(() => {
      this.insert(run, request.requestId, request.onRecord);
    });
  }

  /** As `update`, in a commit that others share; resolves once it is on the disk. */
  updated(run: Run): Promise<void> {
    return this.#shared(() => {
      this.update(run);
    });
  }

  progress(runId: string, progress: Progress): void {
    this.#events.emit('run.progress', { runId, progress });
  }

  /** All of it, or nothing: the end of a run and what follows from it. */
  together(work: () => void): void {
    this.#database.transaction(work);
  }

  /** As `together`, in a commit that others share; `done` hears when it is on the disk, or why it is not. */
  soon(work: () => void, done: (error: Error | null) => void): void {
    this.#database.together(work, done);
  }

  /** Writes down now what waits for a shared commit. */
  settle(): void {
    this.#database.settle();
  }

  async #shared(work: () => void): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    this.#database.together(work, (error) => {
      if (error === null) resolve(undefined);
      else reject(error);
    });
    await promise;
  }
}
