/** Which thresholds of a thing people were told of: survives restarts, and alerts that come and go. */
import type { Database } from './database.ts';

/** One threshold that a thing has passed. */
export interface Notice {
  /** Which thing it is: a new certificate in the same place is another one. */
  readonly identity: string;
  /** The higher the worse. */
  readonly stage: number;
}

/**
 * Highest stage that was told of `identity`, by whatever alert, or that another alert than `key` will tell; null when there is none. The
 * same certificate in several files and at several endpoints is one thing.
 */
export function toldStage(database: Database, key: string, identity: string): number | null {
  const row = database.get(
    'SELECT max(stage) AS stage FROM notices WHERE identity = ? AND (told = 1 OR key <> ?)',
    identity,
    key,
  );
  const stage = row?.['stage'] ?? null;
  return stage === null ? null : Number(stage);
}

/** Keeps what is to be told (`told` false: at the end of a window). */
export function saveNotice(database: Database, key: string, notice: Notice, told: boolean, now: number): void {
  database.change(
    `INSERT INTO notices (key, identity, stage, told, seen) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (key, identity) DO UPDATE SET stage = excluded.stage, told = excluded.told, seen = excluded.seen`,
    ...[key, notice.identity, notice.stage, told ? 1 : 0, now],
  );
}

/** A notice whose cause is still seen is kept. */
export function seeNotice(database: Database, identity: string, now: number): void {
  database.change('UPDATE notices SET seen = ? WHERE identity = ?', now, identity);
}

/** What waited for the end of a window is told now. */
export function markTold(database: Database, key: string): void {
  database.change('UPDATE notices SET told = 1 WHERE key = ? AND told = 0', key);
}

/** What waited for the end of a window is over before anyone was told. */
export function dropUntold(database: Database, key: string): void {
  database.change('DELETE FROM notices WHERE key = ? AND told = 0', key);
}
