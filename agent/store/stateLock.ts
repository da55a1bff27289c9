/**
 * One agent per state folder. The lock is SQLite's own on an empty file: the kernel holds it (fcntl(2)) and lets it go when the
 * process ends, however it ends, so there is no stale lock, and no reused pid to be taken for the holder.
 */
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Logger } from 'pino';
import { resultCodeOf, storeError } from './storeErrors.ts';

const busy = 5;
/** A lock whose object nobody held any more would go with the garbage. */
const held = new Set<DatabaseSync>();

class StateLockedError extends Error {
  override readonly name = 'StateLockedError';
}

/** Takes the lock, or throws StateLockedError naming the holder. Returns what gives it back, and never throws. */
export function lockState(directory: string, log?: Pick<Logger, 'warn'>): () => void {
  const file = join(directory, 'agent.lock');
  const sql = lock(file, directory);
  held.add(sql);
  const holder = join(directory, 'agent.pid');
  try {
    writeFileSync(holder, `${process.pid}\n`, { mode: 0o600 });
  } catch {
    // A full disk: the lock holds without its holder's name.
  }
  return () => {
    if (!held.delete(sql)) return;
    try {
      rmSync(holder, { force: true });
    } catch (error) {
      log?.warn(
        { file: holder, error },
        `${holder} can not be removed; it names an agent that is gone, and hinders no other`,
      );
    } finally {
      sql.close();
    }
  };
}

/** Pid of the agent that has the folder; null when none has. */
export function lockHolder(directory: string): number | null {
  const file = join(directory, 'agent.lock');
  if (!existsSync(file)) return null;
  try {
    lock(file, directory).close();
    return null;
  } catch (error) {
    return error instanceof StateLockedError ? readHolder(directory) : null;
  }
}

function lock(file: string, directory: string): DatabaseSync {
  const sql = lockFile(file);
  if (sql !== null) return sql;
  const pid = readHolder(directory);
  throw new StateLockedError(
    `Another agent (${pid === null ? 'just starting' : `pid ${pid}`}) uses the state folder ${directory}: stop it, or give this one its own with --state.`,
  );
}

/** The lock of `file`, which is made when it is missing; null while another process holds it. Closing it, or the end of the process, gives it back. */
export function lockFile(file: string): DatabaseSync | null {
  let sql: DatabaseSync | null = null;
  makePrivate(file);
  try {
    sql = new DatabaseSync(file);
    sql.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
    // By its name: opening and closing the file here would let the lock go (fcntl(2)).
    chmodSync(file, 0o600);
    return sql;
  } catch (error) {
    sql?.close();
    if (resultCodeOf(error) === busy) return null;
    throw storeError(file, error);
  }
}

/** SQLite gives its journal the mode of the file. One that is there is not opened: closing it would let the lock go (fcntl(2)). */
function makePrivate(file: string): void {
  try {
    writeFileSync(file, '', { mode: 0o600, flag: 'wx' });
  } catch {
    // It is there, or SQLite says in a moment why it can not be.
  }
}

function readHolder(directory: string): number | null {
  try {
    const pid = Number(readFileSync(join(directory, 'agent.pid'), 'utf8'));
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  } catch {
    return null;
  }
}
