/**
 * The folder of archives: one at a time made, found again after a crash, listed, deleted when old. The order of steps of one archive:
 * temporary file → fsync → verified → pending manifest → rename → originals removed → manifest. Killed anywhere, the next run
 * finishes it (from the rename on) or undoes it (before).
 */
import { closeSync, openSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '../../makeFolders.ts';
import { lockFile } from '../../store/stateLock.ts';
import { syncDirectory, writeFileAtomic } from '../../store/atomicWrite.ts';
import { codeOf, errorOf, messageOf } from '../../thrown.ts';
import { SourceProblem } from './archiveContent.ts';
import type { Source } from './archiveContent.ts';
import { requireRoomFor } from './archiveRoom.ts';
import { verifyArchive } from './archiveVerify.ts';
import { NotAsWritten, writeArchive } from './archiveWriter.ts';
import type { ArchiveFileSettings } from './archiveWriter.ts';
import type { UserAndGroup } from './asUser.ts';
import { endings } from './compression.ts';
import { trustedAs } from './folderTrust.ts';
import { contentsOf, freshName, placesOf, readManifest } from './manifest.ts';
import type { ArchivedFile, ArchivePrefix, Manifest } from './manifest.ts';
import { removeOriginals } from './originals.ts';
import { NoRoom } from './ownFiles.ts';

/** The folder can not be used: one sentence says why and what to do. */
export class FolderProblem extends Error {
  override readonly name = 'FolderProblem';
}

/** The archive could not be made, for a reason that is neither a source nor the disk's room: why and what to do, without full stop. */
export class NotMade extends Error {
  override readonly name = 'NotMade';
}

const advice: ReadonlyMap<string, string> = new Map([
  ['EFBIG', 'raise the limit of file sizes (ulimit -f, LimitFSIZE) or name a file system that takes larger files'],
  ['EMFILE', 'raise the limit of open files (ulimit -n, LimitNOFILE)'],
  ['ENFILE', 'raise the limit of open files of this host (fs.file-max)'],
  ['ENOMEM', 'free some memory'],
  ['ERR_WORKER_OUT_OF_MEMORY', 'free some memory'],
  ['EIO', 'look at the disk (dmesg)'],
  ['EROFS', 'the file system is read-only: look why (dmesg), or give another `destination`'],
]);

function notMade(cause: unknown): NotMade {
  return new NotMade(withAdvice(cause) ?? messageOf(cause), { cause });
}

/** What keeps archives from being made or read at all, for people; null = it is no trouble of the folder or the host. */
export function troubleIn(error: unknown): string | null {
  if (error instanceof FolderProblem) return error.message;
  const known = withAdvice(error);
  if (known === null) return null;
  return `Nothing can be archived now: ${known}, then run this again. Originals that are in no whole archive are untouched.`;
}

/** The system's words, with what to do; null where that is not known. One clause without full stop. */
function withAdvice(cause: unknown): string | null {
  const [code, message] = [codeOf(cause), messageOf(cause).replace(/\.$/, '')];
  // Of a thread the system's own code is in the message alone, or its words are: `Worker initialization failure: EMFILE`.
  const inMessage = message.endsWith(': too many open files') ? 'EMFILE' : message.split(' ').at(-1);
  const known = advice.get(code) ?? advice.get(inMessage ?? '');
  return known === undefined ? null : `${message}; ${known}`;
}

export interface Finished {
  readonly archive: string;
  readonly manifest: Manifest;
  /** Originals that are still there, and why. */
  readonly kept: readonly { readonly file: ArchivedFile; readonly reason: string }[];
  readonly removed: number;
}

export interface Recovered {
  readonly finished: readonly Finished[];
  /** Half-written archives that were removed; their originals are whole. */
  readonly undone: readonly string[];
  /** Archives that do not fit their manifest: their originals are kept. */
  readonly damaged: readonly { readonly archive: string; readonly problem: string }[];
}

/** Makes the folder (0700) when it is missing. Throws FolderProblem when others could change what lies in it. */
export async function openFolder(folder: string): Promise<void> {
  try {
    await makeFolders(folder, 0o700);
  } catch (cause) {
    const reason = messageOf(cause);
    throw new FolderProblem(`The folder ${folder} can not be made (${reason}); give another \`destination\`.`, {
      cause,
    });
  }
  if ((await trustedAs(folder)) === null) return;
  throw new FolderProblem(
    `Others can change what lies in ${folder}, so archives are not safe there; give the folder, and those above it, to the user of Upkeep (chmod go-w).`,
  );
}

/** Runs `work` as the only one in the folder. Throws FolderProblem while another process works there. */
export async function alone<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  const lock = take(path.join(folder, '.upkeep.lock'));
  if (lock === null) {
    throw new FolderProblem(`Another run is archiving into ${folder} now; run this again when it has ended.`);
  }
  try {
    return await work();
  } finally {
    lock.close();
  }
}

function take(file: string): ReturnType<typeof lockFile> {
  try {
    return lockFile(file);
  } catch (cause) {
    // SQLite says of each of these that it can not open the file.
    const shortage = tooManyOpen();
    if (shortage !== null) throw shortage;
    throw new FolderProblem(`Nothing can be archived now, all originals are untouched: ${messageOf(cause)}`, { cause });
  }
}

/** The system's error while not even the few files can be opened that SQLite needs; else null. */
function tooManyOpen(): Error | null {
  const opened: number[] = [];
  try {
    while (opened.length < 4) opened.push(openSync('/dev/null', 'r'));
    return null;
  } catch (error) {
    return errorOf(error);
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}

/** What interrupted runs left: finished where the archive is in its place and whole, undone where it is not there yet. */
export async function recover(folder: string, signal: AbortSignal, su: UserAndGroup | null): Promise<Recovered> {
  const contents = await contentsOf(folder);
  const finished: Finished[] = [];
  const undone: string[] = [];
  const damaged: { archive: string; problem: string }[] = [];
  for (const name of contents.pending) {
    const pending = path.join(folder, name);
    const manifest = await readManifest(pending);
    if (manifest === null) continue;
    const places = placesOf(folder, manifest.archive);
    if (!contents.archives.includes(manifest.archive)) {
      await rm(places.temporary, { force: true });
      await rm(pending, { force: true });
      undone.push(places.archive);
      continue;
    }
    const problem = await verifyArchive(places.archive, manifest, signal);
    if (problem === null)
      finished.push(await finish(folder, manifest, signal, { marks: new Map(), inUse: new Map(), su }));
    else damaged.push({ archive: places.archive, problem });
  }
  for (const half of contents.halves) {
    await rm(path.join(folder, half), { force: true });
    if (half.endsWith('.upkeep')) undone.push(path.join(folder, half.slice(1, -'.upkeep'.length)));
  }
  return { finished, undone: [...new Set(undone)], damaged };
}

export interface Making {
  readonly folder: string;
  readonly prefix: ArchivePrefix;
  readonly sources: readonly Source[];
  readonly settings: ArchiveFileSettings;
  readonly now: Date;
  readonly progress: (bytes: number) => void;
  readonly signal: AbortSignal;
  /** With whose rights originals go from folders that others can write to. */
  readonly su: UserAndGroup | null;
  /** Looks once more before originals go; what it names stays. */
  readonly inUse: () => Promise<ReadonlyMap<string, string>>;
}

/**
 * One archive of all sources, verified; then the originals are removed. Rejects with SourceProblem, NoRoom, NotAsWritten, NotMade or the
 * signal's reason while nothing is removed yet, later with the system's error.
 */
export async function makeArchive(making: Making): Promise<Finished> {
  const { manifest, marks } = await putInPlace(making).catch((error: unknown) => {
    const known = [SourceProblem, NoRoom, NotAsWritten].some((kind) => error instanceof kind);
    throw known || error === making.signal.reason ? error : notMade(error);
  });
  await syncDirectory(making.folder);
  // From here on the archive counts: what has begun is brought to its end.
  const { folder, su } = making;
  return await finish(folder, manifest, new AbortController().signal, { marks, inUse: await making.inUse(), su });
}

/** Leaves no half behind when it rejects. */
async function putInPlace({ folder, prefix, sources, settings, now, progress, signal }: Making): Promise<Placed> {
  await requireRoomFor(folder, sources, settings.compression);
  const archive = await freshName(folder, prefix, now, endings[settings.compression]);
  const places = placesOf(folder, archive);
  const { about, marks } = await writeArchive(places.temporary, sources, settings, progress, signal);
  const manifest: Manifest = { version: 1, archive, createdAt: now.toISOString(), ...about };
  try {
    signal.throwIfAborted();
    await writeFileAtomic(places.pending, manifestText(manifest), settings.mode);
    await rename(places.temporary, places.archive);
  } catch (error) {
    await rm(places.pending, { force: true });
    await rm(places.temporary, { force: true });
    throw error;
  }
  return { manifest, marks };
}

interface Placed {
  readonly manifest: Manifest;
  readonly marks: ReadonlyMap<string, string>;
}

/** Removes the originals of an archive that is in its place, and puts its manifest beside it. */
async function finish(
  folder: string,
  manifest: Manifest,
  signal: AbortSignal,
  { marks, inUse, su }: Pick<Placed, 'marks'> & Pick<Making, 'su'> & { readonly inUse: ReadonlyMap<string, string> },
): Promise<Finished> {
  const places = placesOf(folder, manifest.archive);
  const kept: { file: ArchivedFile; reason: string }[] = [];
  const folders = new Set<string>();
  let removed = 0;
  for (const file of manifest.files) {
    const reason = inUse.get(file.path);
    if (reason !== undefined) kept.push({ file, reason });
  }
  const unused = manifest.files.filter((file) => !inUse.has(file.path));
  for (const [file, removal] of await removeOriginals(unused, marks, signal, su)) {
    if (typeof removal === 'object') kept.push({ file, reason: removal.kept });
    else if (removal === 'removed') {
      removed += 1;
      folders.add(path.dirname(file.path));
    }
  }
  for (const one of folders) await syncDirectory(one).catch(() => undefined);
  await rename(places.pending, places.manifest);
  await syncDirectory(folder);
  return { archive: places.archive, manifest, kept, removed };
}

/** Deletes archives made before `before`, manifest first: an archive without one is still found by its name. */
export async function deleteOld(folder: string, prefix: ArchivePrefix, before: Date): Promise<readonly string[]> {
  const deleted: string[] = [];
  for (const archive of (await contentsOf(folder)).archives) {
    if (!archive.startsWith(`${prefix}-`) || !(madeAt(archive) < before.getTime())) continue;
    const places = placesOf(folder, archive);
    if ((await readManifest(places.pending)) !== null) continue;
    await rm(places.manifest, { force: true });
    await rm(places.archive);
    deleted.push(places.archive);
  }
  return deleted;
}

/** Time in the name of an archive, in milliseconds. */
export function madeAt(archive: string): number {
  const match = /-(\d{4}-\d{2}-\d{2})T(\d{2})(\d{2})(\d{2})Z/.exec(archive);
  return match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2]}:${match[3]}:${match[4]}Z`);
}

function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}
