/** Brings the store of an older Upkeep to this version before anything works with it, and gives back the space that this leaves free. */
import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Database } from './database.ts';
import { schemaVersion, schemaVersionOf } from './migrations.ts';
import { freeBytes, type Reserve } from './reserve.ts';
import { isDamage, isFullDisk, storeError, StoreError } from './storeErrors.ts';

const vacuumDue = "SELECT 1 FROM meta WHERE key = 'vacuum'";

/** Throws StoreError when the store is damaged or the disk has no space for its new form. */
export function upgrade(file: string, reserve: Reserve): void {
  if (!existsSync(file)) return;
  const { version, vacuum } = stateOf(file);
  if (version < schemaVersion) migrateFile(file, reserve);
  if (version < schemaVersion || vacuum) giveSpaceBack(file, reserve);
}

/** Whether opening the store to write brings it to this version. */
export function isOlder(file: string): boolean {
  return stateOf(file).version < schemaVersion;
}

function migrateFile(file: string, reserve: Reserve): void {
  try {
    new Database(file, { reserve }).close();
  } catch (error) {
    if (!(error instanceof StoreError) || !isFullDisk(file, error)) throw error;
    throw new StoreError(`${error.message} ${roomFor(file)}`, error.code, error.cause);
  }
}

/** Beside each page in the log its header; beside the log its index and what marks free pages (sqlite.org/fileformat2.html, 4). */
const pageHeader = 24;
const besideTheLog = 128 * 1024;

/** A migration writes each page once at most, to the log, before anything of the file is changed. */
function roomFor(file: string): string {
  const folder = dirname(file);
  const { bytes, page } = sizeOf(file);
  const needed = Math.ceil((bytes / page) * (page + pageHeader)) + besideTheLog;
  const free = freeBytes(folder);
  const missing = needed - free;
  const how =
    missing > 0
      ? `${missing} more bytes of room in ${folder} (${needed} in all, ${free} are free)`
      : `${needed} bytes in ${folder}, of which there are ${free}: look at the quota of this user`;
  return `The form that this version gives it takes ${how}; until then it stays as it is.`;
}

/** What is in use of the file; all of it where there is not even the room to look into it. */
function sizeOf(file: string): { readonly bytes: number; readonly page: number } {
  try {
    return look(file, (sql) => ({ bytes: bytesInUse(sql), page: pragma(sql, 'page_size') }));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return { bytes: statSync(file).size, page: 4096 };
  }
}

/** A VACUUM that waits for a start with room, in bytes. */
export interface WaitingVacuum {
  /** That it would give back. */
  readonly gain: number;
  /** That it takes meanwhile: on the disk of the store, beside its reserve, and of the memory. */
  readonly disk: number;
  readonly memory: number;
}

/** Null when none is due, or there is no store. Throws StoreError when the store can not be read. */
export function waitingVacuum(file: string, reserve: Reserve): WaitingVacuum | null {
  if (!existsSync(file) || !stateOf(file).vacuum) return null;
  return look(file, (sql) => {
    const gain = pragma(sql, 'freelist_count') * pragma(sql, 'page_size');
    const { disk, memory } = vacuumRoom(sql);
    return { gain, disk: disk + reserve.bytes, memory };
  });
}

function vacuumRoom(sql: DatabaseSync): Pick<WaitingVacuum, 'disk' | 'memory'> {
  const bytes = bytesInUse(sql);
  return { disk: bytes + bytes / 8, memory: 2 * bytes };
}

function stateOf(file: string): { readonly version: number; readonly vacuum: boolean } {
  return look(file, (sql) => {
    const version = schemaVersionOf(sql);
    return { version, vacuum: version > 0 && sql.prepare(vacuumDue).get() !== undefined };
  });
}

function look<Result>(file: string, work: (sql: DatabaseSync) => Result): Result {
  const sql = new DatabaseSync(file, { readOnly: true });
  try {
    sql.exec('PRAGMA busy_timeout = 5000');
    return work(sql);
  } catch (error) {
    throw storeError(file, error);
  } finally {
    sql.close();
  }
}

/**
 * A migration has marked it as due. It waits for a start with room: the log and the memory each take as much as is in use. Killed, or out
 * of room on the way, it leaves the store as it was (sqlite.org/lang_vacuum.html).
 */
function giveSpaceBack(file: string, reserve: Reserve): void {
  const sql = new DatabaseSync(file);
  try {
    sql.exec('PRAGMA busy_timeout = 5000; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY');
    if (sql.prepare(vacuumDue).get() === undefined) return;
    const { disk, memory } = vacuumRoom(sql);
    if (process.availableMemory() < memory || !reserve.hasRoom(disk)) return;
    sql.exec("VACUUM; DELETE FROM meta WHERE key = 'vacuum'; PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    if (isDamage(error)) throw storeError(file, error);
  } finally {
    sql.close();
  }
}

function bytesInUse(sql: DatabaseSync): number {
  return (pragma(sql, 'page_count') - pragma(sql, 'freelist_count')) * pragma(sql, 'page_size');
}

function pragma(sql: DatabaseSync, name: 'page_count' | 'freelist_count' | 'page_size'): number {
  return Number(Object.values(sql.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
}
