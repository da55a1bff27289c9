/** How the file of the store is kept: who may read it, when it is flushed, how long its log grows, and its identity. Source: sqlite.org/pragma.html. */
import { randomUUID } from 'node:crypto';
import { chmodSync, existsSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { Reserve } from './reserve.ts';

/** Before anything is read or written. */
export function prepareFile(sql: DatabaseSync, file: string, reserve: Reserve | undefined): void {
  if (file !== ':memory:') restrictToOwner(file);
  // FULL: the record of a start or end must survive a power cut, not only a killed agent.
  // No spill and no temporary files: only a commit writes, so only a commit can meet a full disk.
  sql.exec(
    `PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
     PRAGMA cache_spill = OFF; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 16777216;`,
  );
  sql.exec(`PRAGMA wal_autocheckpoint = ${logPages(reserve)}`);
}

function restrictToOwner(file: string): void {
  for (const name of [file, `${file}-wal`, `${file}-shm`]) if (existsSync(name)) chmodSync(name, 0o600);
}

/** The log stays at half of the reserve, so that freeing that always suffices to bring the log into the main file. */
function logPages(reserve: Reserve | undefined): number {
  return reserve === undefined ? 512 : Math.max(16, Math.min(1000, Math.floor(reserve.bytes / 4096 / 2)));
}

export function readEpoch(sql: DatabaseSync): string {
  sql.prepare("INSERT OR IGNORE INTO meta (key, value) VALUES ('epoch', ?)").run(randomUUID());
  return String(sql.prepare("SELECT value FROM meta WHERE key = 'epoch'").get()?.['value']);
}

export function rollBack(sql: DatabaseSync): void {
  try {
    sql.exec('ROLLBACK');
  } catch {
    // SQLite has rolled back by itself (sqlite.org, "Response To Errors Within A Transaction").
  }
}

/** Moves the log into the main file and gives its space back; whatever stops that stops only this. */
export function checkpoint(sql: DatabaseSync): void {
  try {
    sql.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch {
    // A reader holds it, or there is no space: the next call tries again.
  }
}
