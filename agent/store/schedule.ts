/**
 * What is known of each task's schedule: until when it has been looked at, which tells a missed run from one that is still to
 * come, and from where the steps of `every` are counted. Instants are milliseconds since the epoch.
 */
import type { Database } from './database.ts';

export interface ScheduleRecord {
  readonly consideredUntil: number;
  /** Of the schedule that this is about; null = written before there were any. */
  readonly fingerprint: string | null;
  readonly anchor: number | null;
  /** False while the configuration has no such task: then nothing is missed. */
  readonly configured: boolean;
}

export function scheduleOf(database: Database, task: string): ScheduleRecord | null {
  const row = database.get(
    'SELECT considered_until, fingerprint, anchor, configured FROM schedule WHERE task = ?',
    task,
  );
  if (row === undefined) return null;
  const { considered_until: until, fingerprint, anchor, configured } = row;
  return {
    consideredUntil: Number(until),
    fingerprint: typeof fingerprint === 'string' ? fingerprint : null,
    anchor: typeof anchor === 'number' ? anchor : null,
    configured: configured === 1,
  };
}

export function saveSchedule(database: Database, task: string, record: ScheduleRecord): void {
  database.change(
    `INSERT INTO schedule (task, considered_until, fingerprint, anchor, configured) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (task) DO UPDATE SET considered_until = excluded.considered_until, fingerprint = excluded.fingerprint,
       anchor = excluded.anchor, configured = excluded.configured`,
    task,
    record.consideredUntil,
    record.fingerprint,
    record.anchor,
    record.configured ? 1 : 0,
  );
}

export function setConsideredUntil(database: Database, task: string, until: number): void {
  database.change('UPDATE schedule SET considered_until = ? WHERE task = ?', until, task);
}

/** Notes that only these tasks have a schedule now. */
export function keepConfigured(database: Database, tasks: ReadonlySet<string>): void {
  for (const row of database.all('SELECT task FROM schedule WHERE configured = 1')) {
    const task = String(row['task']);
    if (!tasks.has(task)) database.change('UPDATE schedule SET configured = 0 WHERE task = ?', task);
  }
}

/** The instants after another for which the task has a run, of whatever outcome. */
export function recordedAfter(database: Database, task: string, after: number): ReadonlySet<number> {
  const rows = database.all(
    'SELECT DISTINCT scheduled_for FROM runs WHERE task = ? AND scheduled_for > ?',
    task,
    after,
  );
  return new Set(rows.map((row) => Number(row['scheduled_for'])));
}
