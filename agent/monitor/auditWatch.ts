/** Watches over the audit log: tells of a changed one, and has archived entries leave the store when that is configured. */
import type { Logger } from 'pino';
import { auditDestination, type LogSettings } from '../config/logs.ts';
import { callAt, type Clock } from '../schedule/clock.ts';
import { auditStateInSteps, type AuditState } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import type { Alerts } from './alerts.ts';

/** The first look leaves a starting host in peace. */
const firstMs = 60_000;
/** Each trimming leaves an entry, so that it is not done for every few. */
const everyMs = 86_400_000;

const chainKey = 'store:audit';
const trimKey = 'store:audit-trim';

export interface AuditWatchParts {
  readonly database: Database;
  readonly alerts: Alerts;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  readonly settings: () => Pick<LogSettings, 'audit' | 'archive'>;
}

export class AuditWatch {
  readonly #parts: AuditWatchParts;
  #disarm: () => void = () => undefined;
  #stopped = new AbortController();
  #looking: Promise<void> | null = null;

  constructor(parts: AuditWatchParts) {
    this.#parts = parts;
    this.#stopped.abort();
  }

  start(): void {
    this.#stopped = new AbortController();
    this.#arm(firstMs);
  }

  stop(): void {
    this.#stopped.abort(new Error('the agent stops'));
    this.#disarm();
  }

  /** Looks now, for there may be a new archive; callers share a look that is going on. */
  look(): Promise<void> {
    const { signal } = this.#stopped;
    if (signal.aborted) return Promise.resolve();
    this.#looking ??= this.#look(signal)
      .catch((error: unknown) => {
        if (!signal.aborted) this.#parts.log.error({ err: error }, 'the audit log could not be looked at');
      })
      .finally(() => {
        this.#looking = null;
      });
    return this.#looking;
  }

  #arm(inMs: number): void {
    this.#disarm();
    const { clock } = this.#parts;
    this.#disarm = callAt(clock, clock.now() + inMs, () => {
      void this.look().then(() => {
        if (!this.#stopped.signal.aborted) this.#arm(everyMs);
      });
    });
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { alerts, database, log } = this.#parts;
    const chain = await auditStateInSteps(database, signal);
    const { brokenAt } = chain;
    signal.throwIfAborted();
    if (brokenAt === null) {
      alerts.resolve(chainKey);
      await this.#trim(chain, signal);
      return;
    }
    const message = `Entry ${brokenAt} of the audit log does not fit the one before it: somebody has changed the log in ${database.file}, or removed entries. Keep the file, run "upkeep audit verify", and look who could write there.`;
    log.error({ entry: brokenAt }, message);
    alerts.raise({ key: chainKey, level: 'critical', title: 'The audit log was changed', message, runId: null });
  }

  async #trim(chain: AuditState, signal: AbortSignal): Promise<void> {
    const { alerts, clock, database, log, settings } = this.#parts;
    const { audit, archive } = settings();
    const folder = auditDestination({ audit, archive });
    if (audit.trim === undefined || folder === undefined) {
      alerts.resolve(trimKey);
      return;
    }
    const { trimAuditLog } = await import('../procedures/logs/auditTrim.ts');
    const before = clock.now() - audit.trim;
    const { entries, problem } = await trimAuditLog({
      database,
      chain,
      folder,
      before,
      now: () => clock.now(),
      signal,
    });
    signal.throwIfAborted();
    if (entries > 0) log.info({ entries, folder }, 'archived entries of the audit log were removed from the store');
    if (problem === null) {
      alerts.resolve(trimKey);
      return;
    }
    log.warn({ folder }, problem);
    alerts.raise({
      key: trimKey,
      level: 'warning',
      title: 'The audit log can not be trimmed',
      message: problem,
      runId: null,
    });
  }
}
