/** What holds scheduled runs back by a person's word: the pause of all, and snoozes of single tasks. Instants are milliseconds since the epoch. */
import type { Database } from './database.ts';

export interface PauseRecord {
  readonly since: number;
  readonly actor: string;
  readonly reason: string | null;
}

export interface SnoozeRecord extends PauseRecord {
  readonly task: string;
  readonly until: number;
}

export function readPause(database: Database): PauseRecord | null {
  const row = database.get('SELECT since, actor, reason FROM pause');
  if (row === undefined) return null;
  return { since: Number(row['since']), actor: String(row['actor']), reason: textOf(row['reason']) };
}

export function savePause(database: Database, { since, actor, reason }: PauseRecord): void {
  database.change('INSERT OR REPLACE INTO pause (id, since, actor, reason) VALUES (1, ?, ?, ?)', since, actor, reason);
}

export function deletePause(database: Database): void {
  database.change('DELETE FROM pause');
}

export function readSnoozes(database: Database): readonly SnoozeRecord[] {
  return database.all('SELECT task, since, until, actor, reason FROM snoozes').map((row) => ({
    task: String(row['task']),
    since: Number(row['since']),
    until: Number(row['until']),
    actor: String(row['actor']),
    reason: textOf(row['reason']),
  }));
}

export function saveSnooze(database: Database, { task, since, until, actor, reason }: SnoozeRecord): void {
  database.change(
    'INSERT OR REPLACE INTO snoozes (task, since, until, actor, reason) VALUES (?, ?, ?, ?, ?)',
    task,
    since,
    until,
    actor,
    reason,
  );
}

export function deleteSnooze(database: Database, task: string): void {
  database.change('DELETE FROM snoozes WHERE task = ?', task);
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
