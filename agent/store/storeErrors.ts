/** SQLite's errors by what they mean for the store (sqlite.org/rescode.html). */

import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';

const busy = 5;
const readOnly = 8;
const ioError = 10;
export const corrupt = 11;
const full = 13;
const cannotOpen = 14;
export const constraint = 19;
const notADatabase = 26;

/** A store that can not be used as it is; the message says which file and what to do. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
  /** SQLite's primary result code, null when it is not from SQLite. */
  readonly code: number | null;

  constructor(message: string, code: number | null, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** No space, a quota, or a disk that no longer takes writes: waiting may help. */
export function isOutOfSpace(error: unknown): error is Error {
  return [full, ioError, readOnly].includes(resultCodeOf(error) ?? -1);
}

/** The disk of the file has no space left. */
export function isFullDisk(file: string, error: unknown): boolean {
  const code = resultCodeOf(error);
  return code === full || (code === ioError && isFull(dirname(file)));
}

/** The content of the file is not what SQLite wrote. */
export function isDamage(error: unknown): error is Error {
  return [corrupt, notADatabase].includes(resultCodeOf(error) ?? -1);
}

/** The same error as a sentence for people, where SQLite's own words would not help them. */
export function storeError(file: string, error: unknown): unknown {
  if (error instanceof StoreError) return error;
  const code = resultCodeOf(error);
  const advice = code === null ? undefined : adviceFor(code, file);
  return advice === undefined ? error : new StoreError(advice, code, error);
}

/** The primary result code; null when it is not SQLite's. */
export function resultCodeOf(error: unknown): number | null {
  if (error instanceof StoreError) return error.code;
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null;
  return error.errcode & 0xff;
}

/** SQLite gives some failures for want of space as input/output errors (SQLITE_IOERR_SHMSIZE). */
function isFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < 64 * 1024;
  } catch {
    return false;
  }
}

function adviceFor(code: number, file: string): string | undefined {
  switch (code) {
    case busy:
      return `The store ${file} is held by another process: try again in a moment, or look whether the agent's disk is full.`;
    case readOnly:
      return `The store ${file} can not be written: give its file and folder to the user of the agent, and mount the file system read-write.`;
    case ioError:
      if (isFull(dirname(file))) return adviceFor(full, file);
      return `The store ${file} can not be read or written: look at the disk (dmesg, df).`;
    case full:
      return `The disk of the store ${file} is full: free space there.`;
    case cannotOpen:
      return `The store ${file} can not be opened: look at the owner and mode of its folder, and whether the file system is writable.`;
    case corrupt:
    case notADatabase:
      return `The store ${file} is damaged: stop the agent and run "upkeep store rebuild"; a starting agent does it by itself.`;
    default:
      return undefined;
  }
}
