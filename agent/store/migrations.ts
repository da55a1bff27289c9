/** Numbered migrations of the store; each runs once, in a transaction, and is never edited after a release. */
import { closeSync, openSync, readSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { rollBack } from './databaseFile.ts';
import type { Reserve } from './reserve.ts';
import { constraint, corrupt, isOutOfSpace, resultCodeOf, StoreError } from './storeErrors.ts';

const migrations: readonly string[] = [
  `CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
   CREATE TABLE runs (
     id TEXT PRIMARY KEY, task TEXT NOT NULL, kind TEXT NOT NULL, procedure TEXT, trigger TEXT NOT NULL,
     attempt INTEGER NOT NULL, scheduled_for INTEGER, actor TEXT NOT NULL, reason TEXT, dry_run INTEGER NOT NULL,
     window_id TEXT, state TEXT NOT NULL, outcome TEXT, outcome_reason TEXT, exit_code INTEGER, signal TEXT,
     queued_at INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER, adopted INTEGER NOT NULL,
     findings TEXT NOT NULL, progress TEXT, request_id TEXT
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX runs_by_task ON runs (task, queued_at);
   CREATE INDEX runs_by_time ON runs (queued_at);
   CREATE INDEX runs_open ON runs (state) WHERE state <> 'ended';
   CREATE UNIQUE INDEX runs_by_request ON runs (request_id) WHERE request_id IS NOT NULL;
   CREATE UNIQUE INDEX runs_by_instant ON runs (task, scheduled_for, attempt) WHERE scheduled_for IS NOT NULL;
   CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL) STRICT;
   CREATE TABLE reports (id TEXT PRIMARY KEY, at INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
   CREATE TABLE alerts (id TEXT PRIMARY KEY, key TEXT NOT NULL, state TEXT NOT NULL, updated_at INTEGER NOT NULL, document TEXT NOT NULL) STRICT;
   CREATE UNIQUE INDEX alerts_open ON alerts (key) WHERE state <> 'resolved';
   CREATE TABLE windows (id TEXT PRIMARY KEY, state TEXT NOT NULL, starts_at INTEGER NOT NULL, request_id TEXT, document TEXT NOT NULL) STRICT;
   CREATE UNIQUE INDEX windows_by_request ON windows (request_id) WHERE request_id IS NOT NULL;
   CREATE TABLE schedule (task TEXT PRIMARY KEY, considered_until INTEGER NOT NULL) STRICT;
   CREATE TABLE audit (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
     target TEXT NOT NULL, reason TEXT, detail TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL
   ) STRICT;
   CREATE TABLE tokens (
     id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL UNIQUE,
     created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER
   ) STRICT;`,
  `ALTER TABLE schedule ADD COLUMN fingerprint TEXT;
   ALTER TABLE schedule ADD COLUMN anchor INTEGER;
   ALTER TABLE schedule ADD COLUMN configured INTEGER NOT NULL DEFAULT 1;
   CREATE TABLE snoozes (task TEXT PRIMARY KEY, since INTEGER NOT NULL, until INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT) STRICT;
   CREATE TABLE pause (id INTEGER PRIMARY KEY CHECK (id = 1), since INTEGER NOT NULL, actor TEXT NOT NULL, reason TEXT) STRICT;`,
  `ALTER TABLE runs ADD COLUMN attempts INTEGER;
   ALTER TABLE runs ADD COLUMN retry_of TEXT;
   ALTER TABLE runs ADD COLUMN waiting_for TEXT;
   ALTER TABLE runs ADD COLUMN waiting_reason TEXT;
   ALTER TABLE runs ADD COLUMN waiting_until INTEGER;
   ALTER TABLE runs ADD COLUMN approval TEXT;
   ALTER TABLE runs ADD COLUMN output_dropped INTEGER;`,
  `CREATE TABLE series (
     id INTEGER PRIMARY KEY, source TEXT NOT NULL, code TEXT NOT NULL, subject TEXT NOT NULL, unit TEXT NOT NULL,
     UNIQUE (source, code, subject, unit)
   ) STRICT;
   CREATE TABLE samples (
     series INTEGER NOT NULL, at INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (series, at)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX samples_by_time ON samples (at);`,
  `CREATE TABLE notices (
     key TEXT NOT NULL, identity TEXT NOT NULL, stage INTEGER NOT NULL, told INTEGER NOT NULL, seen INTEGER NOT NULL,
     PRIMARY KEY (key, identity)
   ) STRICT;`,
  // The id as a key (runKeys.ts, here without JavaScript: five times as fast, in a fixed amount of memory), and NULL for what nearly every run has (runs.ts).
  `CREATE TABLE packed (
     id ANY PRIMARY KEY NOT NULL, task TEXT NOT NULL, kind TEXT NOT NULL, procedure TEXT, trigger TEXT NOT NULL,
     attempt INTEGER NOT NULL, scheduled_for INTEGER, actor TEXT, reason TEXT, dry_run INTEGER NOT NULL,
     window_id TEXT, state TEXT NOT NULL, outcome TEXT, outcome_reason TEXT, exit_code INTEGER, signal TEXT,
     queued_at INTEGER NOT NULL, started_at INTEGER, ended_at INTEGER, adopted INTEGER NOT NULL, findings TEXT,
     progress TEXT, request_id TEXT, attempts INTEGER, retry_of TEXT, waiting_for TEXT, waiting_reason TEXT,
     waiting_until INTEGER, approval TEXT, output_dropped INTEGER
   ) STRICT, WITHOUT ROWID;
   INSERT INTO packed
     SELECT
       CASE WHEN length(id) = 24 AND second BETWEEN 0 AND 4294967295
         AND strftime('%Y%m%dT%H%M%S-', second, 'unixepoch') || lower(hex(unhex(substr(id, 17)))) = id
       THEN unhex(printf('%08x', second) || substr(id, 17)) ELSE id END,
       task, kind, procedure, trigger, attempt, scheduled_for, nullif(actor, trigger), reason, dry_run,
       window_id, state, outcome, outcome_reason, exit_code, signal, queued_at, started_at, ended_at, adopted,
       nullif(findings, '{"ok":0,"info":0,"warning":0,"critical":0}'), progress, request_id, attempts, retry_of,
       waiting_for, waiting_reason, waiting_until, approval, output_dropped
     FROM (SELECT *, unixepoch(substr(id, 1, 4) || '-' || substr(id, 5, 2) || '-' || substr(id, 7, 2) || 'T' ||
       substr(id, 10, 2) || ':' || substr(id, 12, 2) || ':' || substr(id, 14, 2)) AS second FROM runs) ORDER BY id;
   INSERT OR REPLACE INTO meta (key, value) SELECT 'vacuum', 'due' WHERE EXISTS (SELECT 1 FROM runs);
   DROP TABLE runs;
   ALTER TABLE packed RENAME TO runs;
   CREATE INDEX runs_by_task ON runs (task, queued_at);
   CREATE INDEX runs_by_time ON runs (queued_at);
   CREATE INDEX runs_open ON runs (state) WHERE state <> 'ended';
   CREATE UNIQUE INDEX runs_by_request ON runs (request_id) WHERE request_id IS NOT NULL;
   CREATE UNIQUE INDEX runs_by_instant ON runs (task, scheduled_for, attempt) WHERE scheduled_for IS NOT NULL;`,
];

export const schemaVersion = migrations.length;

/**
 * Brings the store to `schemaVersion`; on a full disk in the space of `reserve`. Throws when it was written by a newer Upkeep, is damaged
 * or has no space, and leaves it as it is: each step is there as a whole or not at all.
 */
export function migrate(sql: DatabaseSync, reserve?: Reserve): void {
  const found = schemaVersionOf(sql);
  refuse(found);
  if (found === schemaVersion) return;
  // What a large store is copied to goes to the log as it comes, and not through the memory.
  sql.exec('PRAGMA cache_spill = ON');
  for (let version = found; version < schemaVersion; version += 1) {
    try {
      step(sql, version);
    } catch (error) {
      if (reserve?.exists() !== true || !isOutOfSpace(error)) throw error;
      reserve.release();
      step(sql, version);
    }
  }
  sql.exec('PRAGMA cache_spill = OFF');
}

export function schemaVersionOf(sql: DatabaseSync): number {
  return Number(Object.values(sql.prepare('PRAGMA user_version').get() ?? {})[0]);
}

function step(sql: DatabaseSync, version: number): void {
  try {
    sql.exec('BEGIN IMMEDIATE');
    // Another process may have been faster.
    if (schemaVersionOf(sql) === version) sql.exec(`${migrations[version]} PRAGMA user_version = ${version + 1}`);
    sql.exec('COMMIT');
  } catch (error) {
    rollBack(sql);
    if (resultCodeOf(error) !== constraint) throw error;
    const what = 'Rows of the store break the rules under which they were written';
    const advice = 'stop the agent and run "upkeep store rebuild"; a starting agent does it by itself';
    throw new StoreError(`${what}: ${advice}.`, corrupt, error);
  }
}

/** As `migrate` refuses, without opening the file as a database, which might already change it (sqlite.org/fileformat2.html, offset 60). */
export function refuseNewer(file: string): void {
  const header = Buffer.alloc(100);
  try {
    const descriptor = openSync(file, 'r');
    try {
      if (readSync(descriptor, header, 0, header.length, 0) < header.length) return;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Not there, or not readable: opening it says so.
    return;
  }
  if (header.toString('latin1', 0, 15) === 'SQLite format 3') refuse(header.readUInt32BE(60));
}

function refuse(found: number): void {
  if (found <= schemaVersion) return;
  throw new StoreError(
    `The store has version ${found}, this Upkeep knows versions up to ${schemaVersion}: install the newer Upkeep again, or use another state folder.`,
    null,
  );
}
