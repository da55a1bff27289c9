/** What is written down about runs: each change in one transaction with its event. */
import type { EventBus } from '../events.ts';
import type { Progress, Run } from '../protocol/nouns.ts';
import type { Database } from '../store/database.ts';
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

  progress(runId: string, progress: Progress): void {
    this.#events.emit('run.progress', { runId, progress });
  }

  /** All of it, or nothing: the end of a run and what follows from it. */
  together(work: () => void): void {
    this.#database.transaction(work);
  }
}
