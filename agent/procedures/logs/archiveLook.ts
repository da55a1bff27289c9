/** Looking at archives: list, verify, restore. */
import { constants } from 'node:fs';
import { lstat, open, readdir, rename } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { makeFolders } from '../../makeFolders.ts';
import { formatBytes } from '../../config/units.ts';
import { messageOf } from '../../thrown.ts';
import { counted } from '../counted.ts';
import type { ProcedureContext } from '../define.ts';
import { totalBytes } from '../totalBytes.ts';
import { FolderProblem } from './archiveFolder.ts';
import type { ArchiveLogsPart } from './archiveLogsWork.ts';
import type { ArchiveSettings } from './archiveSettings.ts';
import { verifyArchive } from './archiveVerify.ts';
import { freeBytes } from './archiveContent.ts';
import { trustedAs } from './folderTrust.ts';
import { contentsOf, manifestOf, placesOf, readManifest, stemOf } from './manifest.ts';
import type { ArchivedFile, Manifest } from './manifest.ts';
import { isOutOfSpace } from './ownFiles.ts';

type ArchivePart = ArchiveLogsPart['archives'][number];

export async function listArchives(settings: ArchiveSettings, context: ProcedureContext): Promise<ArchiveLogsPart> {
  const archives: ArchivePart[] = [];
  for (const { archive, manifest, bytes } of await known(settings, context)) {
    archives.push(describe(archive, 'listed', manifest, bytes));
    const what =
      manifest === null
        ? 'no manifest'
        : `${counted(manifest.files.length, 'file')}, ${formatBytes(totalBytes(manifest.files))} before`;
    context.print(`${archive}  ${formatBytes(bytes)}  ${what}`);
  }
  return { archives, files: [] };
}

/** Reads each archive to its end. */
export async function verifyArchives(settings: ArchiveSettings, context: ProcedureContext): Promise<ArchiveLogsPart> {
  const archives: ArchivePart[] = [];
  const all = await known(settings, context);
  for (const { archive, manifest, bytes } of all) {
    const problem = manifest === null ? 'it has no manifest' : await verifyArchive(archive, manifest, context.signal);
    archives.push(describe(archive, problem === null ? 'verified' : 'damaged', manifest, bytes));
    context.finding({
      ...{ level: problem === null ? 'ok' : 'critical', code: 'logs.verify', subject: archive },
      message:
        problem === null
          ? `${archive} is whole: ${counted(manifest?.files.length ?? 0, 'file')}, each with its checksum.`
          : `${archive} can not be relied on (${problem}); restore it from a copy.`,
    });
    context.progress({ done: archives.length, total: all.length, unit: 'archives' });
  }
  return { archives, files: [] };
}

/** Unpacks into a folder that nobody has put anything into; each file is compared with its checksum. Throws FolderProblem. */
export async function restoreArchive(
  settings: ArchiveSettings,
  name: string,
  to: string | undefined,
  context: ProcedureContext,
): Promise<ArchiveLogsPart> {
  if (to === undefined)
    throw new FolderProblem('Where to restore to is not said: give --to with an empty or new folder.');
  const archive = path.basename(name);
  if (stemOf(archive) === null)
    throw new FolderProblem(`${name} is no archive of Upkeep: give a name that --list shows.`);
  const places = placesOf(settings.destination, archive);
  const manifest = await manifestOf(places.archive);
  if ((await lstat(places.archive).catch(() => null)) === null)
    throw new FolderProblem(`There is no archive ${places.archive}: give a name that --list shows.`);
  if (manifest === null)
    throw new FolderProblem(`${places.archive} has no manifest, so it can not be verified: unpack it with tar.`);
  const target = path.resolve(to);
  const files = manifest.files.map((file) => ({ file, place: placeFor(target, file) }));
  if (new Set(files.map(({ place }) => place)).size < files.length)
    throw new FolderProblem(`${places.archive} names one file twice; nothing was restored.`);
  if (!context.dryRun) {
    await makeEmpty(target);
    await requireRoomIn(target, totalBytes(manifest.files));
    const next = files.values();
    const halves = new Set<FileHandle>();
    const problem = await verifyArchive(places.archive, manifest, context.signal, async (file) => {
      const place = next.next().value?.place ?? placeFor(target, file);
      return await writer(place, file, halves);
    })
      .catch((error: unknown) => {
        if (!isOutOfSpace(error)) throw error;
        throw new FolderProblem(
          `There is no space left in ${target}, so ${places.archive} was not restored whole: remove ${target}, and give a folder on a larger file system as --to.`,
          { cause: error },
        );
      })
      .finally(() => Promise.all([...halves].map((half) => half.close())));
    if (problem !== null)
      throw new FolderProblem(`${places.archive} is damaged (${problem}); what is in ${target} may not be whole.`);
  }
  context.finding({
    ...{ level: 'ok', code: 'logs.restore', subject: archive },
    message: `${counted(files.length, 'file')} of ${archive} ${context.dryRun ? 'would be' : files.length === 1 ? 'was' : 'were'} restored to ${target}.`,
  });
  return {
    archives: [describe(places.archive, context.dryRun ? 'planned' : 'restored', manifest, manifest.bytes)],
    files: files.map(({ file, place }) => ({
      ...{ path: place, bytes: file.bytes, reason: null },
      action: context.dryRun ? ('planned' as const) : ('restored' as const),
    })),
  };
}

interface Known {
  readonly archive: string;
  readonly manifest: Manifest | null;
  readonly bytes: number;
}

async function known(settings: ArchiveSettings, context: ProcedureContext): Promise<readonly Known[]> {
  const folder = settings.destination;
  const contents = await contentsOf(folder).catch((error: unknown) => {
    throw new FolderProblem(`${folder} can not be read; nothing was archived there, or it is another folder.`, {
      cause: error,
    });
  });
  if (contents.pending.length + contents.halves.length > 0) {
    context.finding({
      ...{ level: 'warning', code: 'logs.recovered', subject: folder },
      message: `A run was interrupted here; run archive-logs once to finish or undo it.`,
    });
  }
  const found: Known[] = [];
  for (const name of contents.archives) {
    const places = placesOf(folder, name);
    const manifest =
      (await readManifest(places.manifest).catch(() => null)) ?? (await readManifest(places.pending).catch(() => null));
    found.push({ archive: places.archive, manifest, bytes: (await lstat(places.archive)).size });
  }
  if (found.length === 0) {
    context.finding({
      ...{ level: 'info', code: 'logs.archive', subject: folder },
      message: `There is no archive in ${folder}; give the folder of the archives as --destination if it is another.`,
    });
  }
  return found;
}

function describe(
  archive: string,
  action: ArchivePart['action'],
  manifest: Manifest | null,
  bytes: number,
): ArchivePart {
  const originalBytes = manifest === null ? null : totalBytes(manifest.files);
  return { path: archive, action, files: manifest?.files.length ?? 0, originalBytes, bytes };
}

function placeFor(target: string, file: ArchivedFile): string {
  const place = path.resolve(target, file.name);
  if (file.name.includes('\0') || path.isAbsolute(file.name) || !place.startsWith(`${target}${path.sep}`)) {
    throw new FolderProblem(
      `The archive names ${JSON.stringify(file.name)}, which leads out of the folder; nothing was restored.`,
    );
  }
  return place;
}

async function requireRoomIn(target: string, bytes: number): Promise<void> {
  const free = await freeBytes(target);
  if (free >= bytes) return;
  throw new FolderProblem(
    `${target} has ${formatBytes(free)} free, and the logs need ${formatBytes(bytes)}; nothing was restored. Give a folder on a larger file system as --to.`,
  );
}

async function makeEmpty(target: string): Promise<void> {
  await makeFolders(target, 0o700).catch((cause: unknown) => {
    const reason = messageOf(cause);
    throw new FolderProblem(`The folder ${target} can not be made (${reason}); give another one as --to.`, { cause });
  });
  if ((await trustedAs(target)) !== null)
    throw new FolderProblem(`Others can change ${target} while it is filled; give a folder of your own.`);
  if ((await readdir(target)).length > 0) {
    throw new FolderProblem(
      `${target} is not empty; nothing was restored. Give another folder, or remove this one if an interrupted restore left it.`,
    );
  }
}

/** A file has its name once it is whole: what a killed restore leaves is not taken for a log. `halves`: those that are open. */
async function writer(
  place: string,
  file: ArchivedFile,
  halves: Set<FileHandle>,
): Promise<(chunk: Buffer | null) => Promise<void>> {
  await makeFolders(path.dirname(place), 0o700);
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  const half = `${place}.upkeep-half`;
  const handle = await open(half, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, file.mode & 0o600);
  halves.add(handle);
  return async (chunk) => {
    if (chunk !== null) {
      await handle.writeFile(chunk);
      return;
    }
    await handle.chmod(file.mode & 0o777);
    await handle.utimes(new Date(file.modifiedAt), new Date(file.modifiedAt));
    await handle.sync();
    halves.delete(handle);
    await handle.close();
    await rename(half, place);
  };
}
