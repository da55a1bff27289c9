/**
 * The first page of the store, kept a second time beside it. It says where each table begins, which depends on the migrations that the
 * store went through; without it nothing could be salvaged from a file whose first page is lost.
 */
import { closeSync, openSync, readFileSync, readSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** SQLite's default, which the store does not change. */
export const pageBytes = 4096;
/** Of the file, at its beginning; it changes with every commit (sqlite.org/fileformat2.html, 1.3). */
export const headerBytes = 100;
/** In the header: the number that each change of the schema raises. */
const cookieAt = 40;

/** Only while this process has the store not open: closing the file here would let SQLite's locks go (fcntl(2)). */
export function copyFirstPage(file: string): void {
  const copy = copyOf(file);
  const temporary = `${copy}.new`;
  try {
    const page = pageOf(file);
    const known = readFirstPage(file);
    if (known?.subarray(headerBytes).equals(page.subarray(headerBytes)) === true) return;
    // A log that was not brought into the file may have a newer one.
    if (page.readUInt32BE(cookieAt) !== cookieOf(file)) return;
    writeFileSync(temporary, page, { mode: 0o600, flush: true });
    renameSync(temporary, copy);
  } catch {
    // The next start tries again.
    rmSync(temporary, { force: true });
  }
}

/** Null when there is no copy. */
export function readFirstPage(file: string): Buffer | null {
  try {
    const page = readFileSync(copyOf(file));
    return page.length === pageBytes ? page : null;
  } catch {
    return null;
  }
}

function copyOf(file: string): string {
  return `${file}.first-page`;
}

function pageOf(file: string): Buffer {
  const page = Buffer.alloc(pageBytes);
  const descriptor = openSync(file, 'r');
  try {
    if (readSync(descriptor, page, 0, pageBytes, 0) < pageBytes) throw new Error('it is shorter than a page');
  } finally {
    closeSync(descriptor);
  }
  return page;
}

function cookieOf(file: string): number {
  const sql = new DatabaseSync(file, { readOnly: true });
  try {
    return Number(Object.values(sql.prepare('PRAGMA schema_version').get() ?? {})[0]);
  } finally {
    sql.close();
  }
}
