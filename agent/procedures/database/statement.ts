/** One maintenance statement: lock time-outs retried with back-off, and every way to end told apart. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../../config/schema.ts';
import type { DatabaseSession } from './connection.ts';
import { errorCode, errorMessage, isConnectionLost } from './connectionProblem.ts';
import type { DatabaseRun } from './run.ts';

export type ObstacleKind = 'locked' | 'timed-out' | 'denied' | 'gone' | 'full' | 'failed';

/** `reason` is a clause without a full stop. */
export type StatementOutcome = { readonly kind: 'done' } | { readonly kind: ObstacleKind; readonly reason: string };

interface Statement {
  readonly sql: string;
  /** Clears away what a failed try has left, before the next one and at the end. */
  readonly cleanUp?: () => Promise<void>;
}

/**
 * Runs a command under the session's lock_timeout and statement_timeout. Throws only when the run was stopped or the
 * connection is gone. A WARNING means that the server left the work undone (VACUUM of a table without the right to it).
 */
export async function runStatement(
  { session, settings, context: { signal } }: Pick<DatabaseRun, 'session' | 'settings' | 'context'>,
  { sql, cleanUp }: Statement,
): Promise<StatementOutcome> {
  for (let tries = 1; ; tries++) {
    const outcome = await runOnce(session, sql, settings, signal);
    if (outcome.kind !== 'done') await cleanUp?.();
    if (outcome.kind !== 'locked') return outcome;
    if (tries > settings.lock_retries) {
      return {
        kind: 'locked',
        reason: `no lock within ${settings.lock_timeout} ms, ${tries === 1 ? 'one try' : `${tries} tries`}`,
      };
    }
    await delay(backOff(settings.lock_timeout, tries), undefined, { signal }).catch(() => undefined);
    signal.throwIfAborted();
  }
}

/** Pause in ms before the next try: a fifth of the lock time-out, doubled each time, at most 30 s. */
export function backOff(lockTimeout: number, tries: number): number {
  return Math.min((lockTimeout / 5) * 2 ** (tries - 1), 30_000);
}

async function runOnce(
  session: DatabaseSession,
  sql: string,
  settings: Config['database'],
  signal: AbortSignal,
): Promise<StatementOutcome> {
  const start = performance.now();
  try {
    const notices = await session.command(sql);
    const warning = notices.find((notice) => notice.severity === 'WARNING');
    if (warning === undefined) return { kind: 'done' };
    // With SKIP_LOCKED a statement that did nothing ends without an error.
    return { kind: warning.code === '55P03' ? 'locked' : 'denied', reason: warning.message };
  } catch (error) {
    signal.throwIfAborted();
    if (isConnectionLost(error)) throw error;
    const reason = errorMessage(error);
    switch (errorCode(error)) {
      case '55P03':
        return { kind: 'locked', reason };
      case '57014':
        // The same code means "another session cancelled it", and the text is translated: only the time tells them apart.
        return performance.now() - start >= settings.statement_timeout
          ? { kind: 'timed-out', reason: `${reason} (statement_timeout ${settings.statement_timeout} ms)` }
          : { kind: 'failed', reason };
      case '42501':
        return { kind: 'denied', reason };
      case '53100':
        return { kind: 'full', reason };
      case '42P01':
      case '42704':
      case '3F000':
        return { kind: 'gone', reason };
      default:
        return { kind: 'failed', reason };
    }
  }
}
