/** The folder of the archives: their names by date, one at work in it at a time, the oldest given up. */
import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { BackupSettings } from '../../config/certificates.ts';
import { makeFolders } from '../../makeFolders.ts';
import { syncDirectory, writeNewFile } from '../../store/atomicWrite.ts';
import { lockFile } from '../../store/stateLock.ts';
import { codeOf, messageOf } from '../../thrown.ts';
import { type OpenArchive, openArchive, packArchive, TreeChanged } from './backupArchive.ts';
import { limits, type Manifest, RefusedArchive } from './backupEntries.ts';
import { withAccessLists, withoutMask } from './accessLists.ts';
import { readPlainFile, type ScannedTree, scanTree, TooMuch } from './backupTree.ts';

/** What stands in the way of backups and restores; `message` says what to do. */
export class StoreProblem extends Error {
  override readonly name = 'StoreProblem';
}

/** What a person is told of an error of backups and restores; null when it is a fault of the program or the system. */
export function problemText(error: unknown): string | null {
  if (error instanceof StoreProblem || error instanceof TooMuch || error instanceof TreeChanged) return error.message;
  if (error instanceof RefusedArchive) return `A restore would refuse what is there: ${error.message}.`;
  const advice = systemAdvice.get(codeOf(error));
  return advice === undefined ? null : `${messageOf(error)}: ${advice}`;
}

const systemAdvice: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'run Upkeep as a user who may read the certificates and write the archives.'],
  ['EPERM', 'run Upkeep as a user who may read the certificates and write the archives.'],
  ['EROFS', 'the file system is read-only; name another folder in certificates.backup.destination.'],
  ['ENOSPC', 'the disk is full, and the certificates are as they were; free some space and run it again.'],
  ['EDQUOT', 'the quota is used up, and the certificates are as they were; free some space and run it again.'],
  ['EBUSY', 'it is a mount point or in use; list the folders in it in certificates.backup.paths instead.'],
]);

/** `undo` archives are what a restore found before it began. */
export type ArchiveKind = 'certificates' | 'undo';

export interface StoredArchive {
  readonly file: string;
  /** `20240115-020000` */
  readonly label: string;
}

const archiveName = /^(certificates|undo)-(\d{8}(?:-\d{6})?)\.tar\.gz(?:\.enc)?$/;

/** Of one kind, the oldest first. */
export async function listArchives(destination: string, kind: ArchiveKind): Promise<StoredArchive[]> {
  const names = await readdir(destination).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return [];
    throw error;
  });
  return names
    .map((name) => ({ name, match: archiveName.exec(name) }))
    .filter(({ match }) => match?.[1] === kind)
    .map(({ name, match }) => ({ file: join(destination, name), label: match?.[2] ?? '' }))
    .sort((one, other) => (one.label < other.label ? -1 : 1));
}

/** `20240115-020000` by the clock of UTC. */
export function labelOf(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-');
}

/** Runs `work` while no other backup or restore works in the folder, which is made when it is missing. */
export async function inStore<Result>(destination: string, work: () => Promise<Result>): Promise<Result> {
  await makeFolders(destination, 0o700);
  const stats = await lstat(destination);
  if (!stats.isDirectory())
    throw new StoreProblem(`${destination} is not a folder; correct certificates.backup.destination.`);
  if ((stats.mode & 0o022) !== 0) {
    throw new StoreProblem(
      `Others may write to ${destination}, so its archives can not be trusted; run: chmod go-w ${destination}`,
    );
  }
  const lock = lockFile(join(destination, '.lock'));
  if (lock === null)
    throw new StoreProblem(`Another backup or restore is at work in ${destination}; run this again when it has ended.`);
  try {
    await removeUnfinished(destination);
    return await work();
  } finally {
    lock.close();
  }
}

export interface WrittenArchive {
  readonly file: string;
  readonly bytes: number;
  readonly tree: ScannedTree;
  /** What has an access control list, which the archive does not hold. */
  readonly listed: readonly string[];
}

/** A tree that changes is looked at anew so often; certbot needs a second to write its files. */
const attempts = 3;

/**
 * Writes an archive of `roots` and reads it back before it has its name: temporary file → fsync → read and compared → rename.
 * Throws StoreProblem when there is one of that name, and what `packArchive` throws.
 */
export async function writeArchive(given: {
  readonly destination: string;
  readonly kind: ArchiveKind;
  readonly label: string;
  readonly roots: readonly string[];
  readonly passphrase: string | undefined;
  readonly now: Date;
  readonly signal: AbortSignal;
}): Promise<WrittenArchive> {
  const { destination, kind, label, roots, passphrase, now, signal } = given;
  const file = join(destination, `${kind}-${label}.tar.gz${passphrase === undefined ? '' : '.enc'}`);
  for (const { file: other, label: taken } of await listArchives(destination, kind)) {
    if (taken === label)
      throw new StoreProblem(`There is an archive of that date already: ${other}; give another --date.`);
  }
  for (let attempt = 1; ; attempt += 1) {
    const tree = await scanTree(roots, signal);
    const listed = await withAccessLists(tree.entries, signal);
    const manifest = {
      format: 'upkeep-certificates-1' as const,
      createdAt: now.toISOString(),
      host: hostname(),
      roots: [...roots],
      entries: tree.entries.map((entry) => withoutMask(entry, new Set(listed))),
    };
    try {
      const bytes = await packArchive(manifest, passphrase);
      await store(file, bytes, passphrase, manifest);
      return { file, bytes: bytes.length, tree, listed };
    } catch (error) {
      if (!(error instanceof TreeChanged) || attempt === attempts) throw error;
    }
  }
}

/** Reads an archive whole and checks it; throws StoreProblem with the file and what is wrong with it. */
export async function readArchive(file: string, passphrase: string | undefined): Promise<OpenArchive> {
  try {
    return await openArchive(await readPlainFile(file, limits.archive), passphrase);
  } catch (error) {
    if (!(error instanceof RefusedArchive)) throw error;
    throw new StoreProblem(`The archive ${file} can not be restored: ${error.message}.`);
  }
}

export interface Retention extends Pick<BackupSettings, 'keep' | 'keep_for'> {
  readonly now: Date;
}

/** Those that are to go, so that there is room for `added` more: the oldest beyond `keep`, and those older than `keep_for`; never the newest. */
export function surplusOf(
  archives: readonly StoredArchive[],
  { keep, keep_for: keepFor, now }: Retention,
  added: number,
): StoredArchive[] {
  const tooMany = Math.max(0, archives.length + added - keep);
  return archives.filter(({ label }, index) => {
    if (index >= archives.length - 1 + added) return false;
    return index < tooMany || (keepFor !== undefined && now.getTime() - dateOf(label).getTime() > keepFor);
  });
}

/** Instant of a label, by UTC; of a day its first. */
function dateOf(label: string): Date {
  const [, year, month, day, hour = 0, minute = 0, second = 0] =
    /^(\d{4})(\d{2})(\d{2})(?:-(\d{2})(\d{2})(\d{2}))?$/.exec(label) ?? [];
  return new Date(Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)));
}

/** Removes what is surplus; its files. `written`, a moment old whatever its date says, stays. */
export async function pruneArchives(
  destination: string,
  kind: ArchiveKind,
  retention: Retention,
  written: string,
): Promise<string[]> {
  const others = (await listArchives(destination, kind)).filter(({ file }) => file !== written);
  const surplus = surplusOf(others, retention, 1).map(({ file }) => file);
  for (const file of surplus) await rm(file);
  if (surplus.length > 0) await syncDirectory(destination);
  return surplus;
}

/** What a killed run was writing: nobody else writes here now. */
async function removeUnfinished(destination: string): Promise<void> {
  for (const name of await readdir(destination)) {
    const archive = name.endsWith(unfinished) && archiveName.test(name.slice(0, -unfinished.length));
    if (archive || /^\.\.restore\.json\.[0-9a-f]{12}$/.test(name)) await rm(join(destination, name), { force: true });
  }
}

const unfinished = '.unfinished';

async function store(file: string, bytes: Buffer, passphrase: string | undefined, manifest: Manifest): Promise<void> {
  const temporary = `${file}${unfinished}`;
  await rm(temporary, { force: true });
  try {
    await writeNewFile(temporary, bytes, 0o600);
    const written = await openArchive(await readPlainFile(temporary, limits.archive), passphrase);
    if (!isDeepStrictEqual(written.manifest, manifest))
      throw new StoreProblem(`${file} does not read as it was written.`);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(join(file, '..'));
}
