/** How far a long statement has come, by the server's own account. PostgreSQL manual: "Progress Reporting". */
import { setTimeout as delay } from 'node:timers/promises';
import type { DatabaseRun } from './run.ts';

/** Phase of a statement, and the share of that phase that is done. */
interface Phase {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** Whom CREATE INDEX or REINDEX CONCURRENTLY waits for. */
  readonly waitsFor: number | null;
}

/**
 * Runs the statement; while it takes longer than a second its phase is told as the step's detail, once a second, as seen over
 * the second connection. Without such a connection nothing is told: the work itself does not depend on it.
 */
export async function watched<T>(run: DatabaseRun, work: () => Promise<T>): Promise<T> {
  const { detail } = run;
  if (detail === undefined) return work();
  const over = new AbortController();
  const looking = look(run, detail, over.signal).catch(() => undefined);
  try {
    return await work();
  } finally {
    over.abort();
    await looking;
  }
}

async function look(run: DatabaseRun, detail: (text: string) => void, signal: AbortSignal): Promise<void> {
  let last = '';
  for (;;) {
    await delay(pause, undefined, { signal });
    const observer = await run.observer.open();
    const rows = await observer.query<Phase & Record<string, unknown>>(phaseQuery, [run.session.pid], 'progress');
    const text = rows[0] === undefined ? '' : phaseText(rows[0]);
    if (signal.aborted) return;
    if (text !== '' && text !== last) detail(text);
    last = text;
  }
}

/** `scanning heap, 40 %`, `waiting for old snapshots (pid 12)`. */
export function phaseText({ phase, done, total, waitsFor }: Phase): string {
  const share = total > 0 ? `, ${Math.min(100, Math.round((done / total) * 100))} %` : '';
  return `${phase}${share}${waitsFor === null || waitsFor === 0 ? '' : ` (pid ${waitsFor})`}`;
}

/** The views of all commands that report; a backend is in one of them at a time. */
const phaseQuery = `
  select phase, heap_blks_scanned::float8 as done, heap_blks_total::float8 as total, null::int as "waitsFor"
  from pg_catalog.pg_stat_progress_vacuum where pid = $1
  union all
  select phase, heap_blks_scanned::float8, heap_blks_total::float8, null
  from pg_catalog.pg_stat_progress_cluster where pid = $1
  union all
  select phase, case when lockers_total > 0 then lockers_done when blocks_total > 0 then blocks_done else tuples_done end::float8,
    case when lockers_total > 0 then lockers_total when blocks_total > 0 then blocks_total else tuples_total end::float8,
    current_locker_pid::int
  from pg_catalog.pg_stat_progress_create_index where pid = $1
  union all
  select phase, sample_blks_scanned::float8, sample_blks_total::float8, null
  from pg_catalog.pg_stat_progress_analyze where pid = $1`;

/** Milliseconds. */
const pause = 1_000;
