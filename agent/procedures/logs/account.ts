/** Bookkeeping by inode and size: after a rotation the content of every file from before must still be somewhere. */
import { closeSync, constants, openSync } from 'node:fs';
import { codeOf } from '../../thrown.ts';
import { UnsafeFile, unpackedSize } from './archive.ts';
import { generationsOf, withoutEnding } from './generations.ts';
import type { FolderNames, Generation } from './generations.ts';
import type { LogReport } from './logrotateOutput.ts';
import { MissingPacker } from './packers.ts';

export interface Snapshot {
  /** The log itself; null when it was missing. */
  readonly log: Generation | null;
  /** The log and all its generations. */
  readonly files: readonly Generation[];
}

/**
 * Keeps files open while they are compared: an inode that is free again would soon be another file's. A file that may not be
 * opened, and those beyond the number of files that the process may have open, are known by their inode alone.
 */
export class Pins {
  readonly #open: number[] = [];
  #full = false;

  get descriptors(): ReadonlySet<number> {
    return new Set(this.#open);
  }

  add(files: readonly Generation[]): void {
    for (const { path } of files) {
      if (this.#full) return;
      try {
        this.#open.push(openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
      } catch (error) {
        if (!['EMFILE', 'ENFILE'].includes(codeOf(error))) continue;
        this.#full = true;
        // The rest of the work opens files too.
        this.#release(this.#open.splice(-64));
      }
    }
  }

  release(): void {
    this.#release(this.#open.splice(0));
  }

  #release(descriptors: readonly number[]): void {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

export interface Account {
  /** Where the log's content is now; null when it was not rotated, or was removed as configured (`rotate 0`). */
  readonly rotatedTo: string | null;
  /** The content left its old place: the log is a new file (or was emptied) and the content stands elsewhere, whole. */
  readonly verified: boolean;
  /** Why `verified` is false for a log that logrotate says it rotated. */
  readonly doubt: string | null;
  /** Files from before of which nothing is left although nothing was to be removed. */
  readonly lost: readonly Generation[];
}

export async function takeSnapshot(log: LogReport, folders: FolderNames): Promise<Snapshot> {
  const files = await generationsOf(log, folders);
  return { log: files.find(({ path }) => path === log.path) ?? null, files };
}

/** Compares before and after of one log; `report` is that of the run itself. Opens only archives that are new. */
export async function account(
  before: Snapshot,
  report: LogReport,
  after: readonly Generation[],
  signal: AbortSignal,
): Promise<Account> {
  const places = new Map(after.map((generation) => [generation.key, generation]));
  const old = new Set(before.files.map(({ key }) => key));
  const archives = await sizesOf(
    after.filter(({ key, ending }) => ending !== null && !old.has(key)),
    signal,
  );
  const copied = report.copies ? after.filter(({ key, ending }) => ending === null && !old.has(key)) : [];
  const lost: Generation[] = [];
  let rotatedTo: string | null = null;
  // The log comes last: it may have grown since, so of what is larger it may only take what nobody else claims.
  for (const file of before.files.toSorted((one, other) => rank(one, report) - rank(other, report))) {
    const isLog = file.path === report.path;
    const still = places.get(file.key);
    const copy = copied.find(({ bytes }) => bytes >= file.bytes)?.path ?? null;
    const place =
      still !== undefined && !(isLog && report.copies && still.bytes < file.bytes)
        ? still.path
        : ((isLog ? copy : null) ?? take(archives, file) ?? copy);
    if (isLog && place !== report.path) rotatedTo = place;
    if (place === null && file.bytes > 0 && !wasToGo(file, report)) lost.push(file);
  }
  return { rotatedTo, lost, ...verify(before, after, report, rotatedTo) };
}

function verify(
  before: Snapshot,
  after: readonly Generation[],
  report: LogReport,
  rotatedTo: string | null,
): Pick<Account, 'verified' | 'doubt'> {
  const current = after.find(({ path }) => path === report.path);
  const doubt = (reason: string) => ({ verified: false, doubt: reason });
  if (before.log === null) return doubt('it was not there before');
  if (report.copies) {
    if (current?.key !== before.log.key) return doubt('it is no longer the file that was copied');
    return rotatedTo === null && before.log.bytes > 0 && !wasToGo(before.log, report)
      ? doubt('no whole copy of its content was found')
      : { verified: true, doubt: null };
  }
  if (current?.key === before.log.key) return doubt('its name still leads to the old file');
  if (current === undefined && report.creates) return doubt('the new file is not there');
  if (rotatedTo === null && !wasToGo(before.log, report)) return doubt('its old content was not found');
  return { verified: true, doubt: null };
}

function rank(file: Generation, report: LogReport): number {
  return file.path === report.path ? 1 : 0;
}

/** Was the file to be removed? Follows it through the renames that logrotate printed. */
function wasToGo(file: Generation, report: LogReport): boolean {
  // What is beyond the number, since that was lowered, is overwritten by the last that is kept.
  if (file.index !== null && report.keep !== null && report.keep >= 0 && file.index >= report.start + report.keep) {
    return true;
  }
  let place = file.path;
  // A generation that was compressed on its way (delaycompress) goes on under the name of its archive.
  const plain = (name: string): string => withoutEnding(name).plainPath;
  for (const { from, to } of report.renames) if (plain(from) === plain(place)) place = to;
  if (report.copies && place === report.path && report.target !== null) place = report.target;
  return report.removed.has(place);
}

/** An archive as large as the file when unpacked; each archive answers for one file. */
function take(archives: Map<string, number>, file: Generation): string | null {
  const candidates = [...archives].filter(
    ([, bytes]) => bytes === file.bytes || (bytes > file.bytes && file.index === null),
  );
  const best = candidates.find(([, bytes]) => bytes === file.bytes) ?? candidates[0];
  if (best === undefined) return null;
  archives.delete(best[0]);
  return best[0];
}

/** Unpacked size of each archive that is whole. One whose program is not installed is taken at logrotate's word. */
async function sizesOf(archives: readonly Generation[], signal: AbortSignal): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const archive of archives) {
    const size = await unpackedSize(archive.path, signal).catch((error: unknown) => {
      if (error instanceof MissingPacker) return Number.POSITIVE_INFINITY;
      // Somebody who controls its folder has put something else there since.
      if (error instanceof UnsafeFile || (error instanceof Error && 'code' in error)) return null;
      throw error;
    });
    if (size !== null) sizes.set(archive.path, size);
  }
  return sizes;
}
