/** Makes the trees that are restored, each in the folder that is kept for it, and looks whether they have become what they should be. */
import { constants } from 'node:fs';
import { chmod, chown, lchown, lutimes, mkdir, open, symlink, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolders } from '../../makeFolders.ts';
import { syncDirectory } from '../../store/atomicWrite.ts';
import { type BackupEntry, isWithin } from './backupEntries.ts';
import { compareTrees, type Difference, scanTree } from './backupTree.ts';
import type { MadeEntry } from './restoreScope.ts';
import { type Place, stagedRoot } from './restoreSwitch.ts';

/**
 * Every file is opened exclusively below folders that were made here, so nothing can be written through a link. Owners are
 * given only where `owners` says that we may.
 */
export async function stage(
  made: AsyncIterable<MadeEntry>,
  places: readonly Place[],
  owners: boolean,
  signal: AbortSignal,
): Promise<void> {
  for (const { root, stage: folder } of places) {
    await makeFolders(dirname(root), 0o777);
    await mkdir(folder, { mode: 0o700 });
  }
  const folders: { readonly path: string; readonly entry: BackupEntry }[] = [];
  for await (const { entry, content } of made) {
    signal.throwIfAborted();
    const path = stagedPath(entry.path, places);
    if (entry.type === 'file') await makeFile(path, entry, content, owners);
    else if (entry.type === 'link') await makeLink(path, entry.target, entry, owners);
    else {
      await mkdir(path, { mode: 0o700 });
      folders.push({ path, entry });
    }
  }
  // The innermost first: what is written into a folder changes its time, and its own rights might forbid it.
  for (const { path, entry } of folders.reverse()) {
    if (owners) await chown(path, entry.uid, entry.gid);
    await chmod(path, entry.mode);
    await utimes(path, entry.mtime, entry.mtime);
    await syncDirectory(path);
  }
  for (const { stage: folder } of places) await syncDirectory(folder);
}

/** What of `wanted` is not so on disk; `at` tells where a root lies. */
export async function lookAt(
  wanted: readonly BackupEntry[],
  places: readonly Place[],
  at: (place: Place) => string,
  owners: boolean,
  signal: AbortSignal,
): Promise<Difference[]> {
  const found: BackupEntry[] = [];
  for (const place of places) {
    const base = at(place);
    const { entries } = await scanTree([base], signal);
    found.push(...entries.map((entry) => ({ ...entry, path: place.root + entry.path.slice(base.length) })));
  }
  return compareTrees(wanted, found, owners);
}

function stagedPath(path: string, places: readonly Place[]): string {
  const place = places.find(({ root }) => isWithin(path, [root]));
  if (place === undefined) throw new Error(`${path} belongs to no folder that is restored`);
  return stagedRoot(place) + path.slice(place.root.length);
}

async function makeFile(path: string, entry: BackupEntry, content: Buffer, owners: boolean): Promise<void> {
  const file = await open(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  try {
    await file.writeFile(content);
    if (owners) await file.chown(entry.uid, entry.gid);
    await file.chmod(entry.mode);
    await file.utimes(entry.mtime, entry.mtime);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function makeLink(path: string, target: string, entry: BackupEntry, owners: boolean): Promise<void> {
  await symlink(target, path);
  if (owners) await lchown(path, entry.uid, entry.gid);
  await lutimes(path, entry.mtime, entry.mtime);
}
