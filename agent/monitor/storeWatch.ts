/** Watches over the store: tells of a full disk and of repairs, and brings the store back to normal when it can. */
import { existsSync, mkdirSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Clock } from '../schedule/clock.ts';
import type { Database } from '../store/database.ts';
import type { Run } from '../protocol/nouns.ts';
import type { Alerts } from './alerts.ts';
import { AuditWatch, type AuditWatchParts } from './auditWatch.ts';

const retryMs = 5000;
/** A full check of a large store waits until the agent has long started. */
const checkAfterMs = 60_000;

/** How often it is looked whether somebody has deleted the file: SQLite goes on writing into one that nobody can open any more. */
const lookForFileMs = 30_000;

const diskKey = 'store:disk';
const repairKey = 'store:repaired';

export interface StoreWatchParts {
  readonly database: Database;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly directory: string;
  /** Deletes old history, which may free the space that is missing. */
  readonly sweep: () => Promise<unknown>;
  /** Checks the whole file in another process; the problem, or null. Absent = the start has checked it all. */
  readonly check?: () => Promise<string | null>;
  readonly logs: AuditWatchParts['settings'];
}

export class StoreWatch {
  readonly #parts: StoreWatchParts;
  readonly #audit: AuditWatch;
  #repairs: string[];
  #stopWatching: () => void = () => undefined;
  #disarm: () => void = () => undefined;
  #disarmCheck: () => void = () => undefined;
  #disarmFile: () => void = () => undefined;
  #running = false;

  /** `repairs` happened while the store was opened. */
  constructor(parts: StoreWatchParts, repairs: readonly string[]) {
    this.#parts = parts;
    this.#audit = new AuditWatch({ ...parts, settings: parts.logs });
    this.#repairs = [...repairs];
  }

  start(): void {
    const { alerts, clock, database, check } = this.#parts;
    this.#running = true;
    if (this.#repairs.length === 0) alerts.resolve(repairKey);
    this.#tellRepairs();
    // Not at once: the store is in the middle of a write then.
    this.#stopWatching = database.onCondition(() => {
      this.#after(0);
    });
    if (database.condition().state === 'ok') alerts.resolve(diskKey);
    else this.#after(0);
    this.#watchFile();
    this.#audit.start();
    if (check !== undefined)
      this.#disarmCheck = clock.after(Math.min(checkAfterMs, 30_000), () => void this.#check(check));
  }

  stop(): void {
    this.#running = false;
    this.#audit.stop();
    this.#stopWatching();
    this.#disarm();
    this.#disarmCheck();
    this.#disarmFile();
  }

  /** The store was repaired while the agent worked. */
  noteRepair(message: string): void {
    this.#repairs.push(message);
    if (this.#running) this.#after(0);
  }

  /** What a run has archived may leave the audit log at once. */
  runEnded({ procedure, dryRun }: Pick<Run, 'procedure' | 'dryRun'>): void {
    if (procedure === 'archive-audit-logs' && !dryRun) void this.#audit.look();
  }

  /** For `/healthz`: one sentence each. */
  problems(): readonly string[] {
    const problem = this.#diskProblem();
    return problem === null ? [] : [problem];
  }

  #after(ms: number): void {
    this.#disarm();
    if (this.#running)
      this.#disarm = this.#parts.clock.after(ms, () => {
        this.#look();
      });
  }

  #watchFile(): void {
    const { clock, database, directory, log } = this.#parts;
    this.#disarmFile = clock.after(lookForFileMs, () => {
      try {
        if (!existsSync(database.file)) {
          mkdirSync(directory, { recursive: true, mode: 0o700 });
          database.replaceDamaged('it is gone');
        }
      } catch (error) {
        log.error({ err: error }, 'the store is gone and could not be made anew');
      }
      this.#watchFile();
    });
  }

  #look(): void {
    const { alerts, database, log, sweep } = this.#parts;
    this.#tellRepairs();
    const before = database.condition().state;
    if (database.recover()) {
      alerts.resolve(diskKey);
      log.info({}, 'the store is well again');
      return;
    }
    const problem = this.#diskProblem();
    if (problem !== null && !alerts.open().some(({ key, message }) => key === diskKey && message === problem)) {
      log.error({ condition: database.condition() }, problem);
      alerts.raise({
        key: diskKey,
        level: 'critical',
        title: 'The disk of the state folder is full',
        message: problem,
        runId: null,
      });
      if (before !== 'ok')
        void sweep().catch((error: unknown) => {
          log.error({ err: error }, 'old history could not be deleted');
        });
    }
    this.#after(retryMs);
  }

  #diskProblem(): string | null {
    const { state, cause } = this.#parts.database.condition();
    if (state === 'ok') return null;
    const what =
      state === 'held' ? 'history is kept in memory and would be lost with the agent' : 'the reserve is used up';
    return `The state folder ${this.#parts.directory} takes no more data (${cause ?? 'full'}): ${what}. Free space there; the agent goes on by itself.`;
  }

  #tellRepairs(): void {
    const messages = this.#repairs;
    this.#repairs = [];
    for (const message of messages) {
      this.#parts.log.error({}, message);
      this.#parts.alerts.raise({
        key: repairKey,
        level: 'warning',
        title: 'The store was repaired',
        message,
        runId: null,
      });
    }
  }

  async #check(check: () => Promise<string | null>): Promise<void> {
    try {
      const problem = await check();
      if (problem !== null && this.#running) this.#parts.database.replaceDamaged(problem);
    } catch (error) {
      this.#parts.log.error({ err: error }, 'the store could not be checked');
    }
  }
}
