/** Folders at places that a person named. */
import { mkdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { codeOf } from './thrown.ts';

/**
 * Makes the folder, and those above it, where they are missing. Unlike Node's `recursive`, which then tries for ever, it throws ENOENT
 * where a folder that is there takes none: below /proc, or a mount point of automount(8).
 */
export async function makeFolders(folder: string, mode: number): Promise<void> {
  if (await made(folder, mode)) return;
  await makeFolders(path.dirname(folder), mode);
  if (!(await made(folder, mode))) throw new Error(`${path.dirname(folder)} was removed meanwhile`);
}

/** False when the one above it is missing. */
async function made(folder: string, mode: number, again = false): Promise<boolean> {
  try {
    await mkdir(folder, { mode });
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST' && (await isFolder(folder))) return true;
    if (code !== 'ENOENT' || (again && (await isFolder(path.dirname(folder))))) throw error;
    // Somebody else may have made it meanwhile.
    return (await isFolder(path.dirname(folder))) ? await made(folder, mode, true) : false;
  }
}

async function isFolder(place: string): Promise<boolean> {
  return await stat(place).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}
