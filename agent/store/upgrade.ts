/** Brings the store of an older Upkeep to this version before anything works with it, and gives back the space that this leaves free. */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { Database } from './database.ts';
import { schemaVersion, schemaVersionOf } from './migrations.ts';
import type { Reserve } from './reserve.ts';
import { isDamage, storeError } from './storeErrors.ts';

const vacuumDue = "SELECT 1 FROM meta WHERE key = 'vacuum'";

/** Throws StoreError when the store is damaged or the disk has no space for its new form. */
export function upgrade(file: string, reserve: Reserve): void {
  if (!existsSync(file)) return;
  const { version, vacuum } = stateOf(file);
  if (version < schemaVersion) new Database(file, { reserve }).close();
  if (version < schemaVersion || vacuum) giveSpaceBack(file, reserve);
}

/** Whether opening the store to write brings it to this version. */
export function isOlder(file: string): boolean {
  return stateOf(file).version < schemaVersion;
}

function stateOf(file: string): { readonly version: number; readonly vacuum: boolean } {
  const sql = new DatabaseSync(file, { readOnly: true });
  try {
    sql.exec('PRAGMA busy_timeout = 5000');
    const version = schemaVersionOf(sql);
    return { version, vacuum: version > 0 && sql.prepare(vacuumDue).get() !== undefined };
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
    const bytes = bytesInUse(sql);
    if (process.availableMemory() < 2 * bytes || !reserve.hasRoom(bytes + bytes / 8)) return;
    sql.exec("VACUUM; DELETE FROM meta WHERE key = 'vacuum'; PRAGMA wal_checkpoint(TRUNCATE)");
  } catch (error) {
    if (isDamage(error)) throw storeError(file, error);
  } finally {
    sql.close();
  }
}

function bytesInUse(sql: DatabaseSync): number {
  const of = (name: string): number => Number(Object.values(sql.prepare(`PRAGMA ${name}`).get() ?? {})[0]);
  return (of('page_count') - of('freelist_count')) * of('page_size');
}
