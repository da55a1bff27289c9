/** Reads certificate folders as they are on disk: what a backup holds, and whether a restore has made it so. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../thrown.ts';
import { type BackupEntry, limits, RefusedArchive, refuseName, restorableBits } from './backupEntries.ts';

export interface ScannedTree {
  /** Folders before what is in them, else by name. */
  readonly entries: readonly BackupEntry[];
  /** What is there and no part of a backup: devices, sockets, names that nobody could tell apart. */
  readonly leftOut: readonly { readonly path: string; readonly why: string }[];
}

/** Trees that are more than a backup takes: `message` names the place. */
export class TooMuch extends Error {
  override readonly name = 'TooMuch';
}

/** Entries of `roots`, absolute files and folders; a root that is not there has none. `signal` stops it. */
export async function scanTree(roots: readonly string[], signal: AbortSignal): Promise<ScannedTree> {
  const entries: BackupEntry[] = [];
  const leftOut: ScannedTree['leftOut'][number][] = [];
  let total = 0;
  const visit = async (path: string): Promise<void> => {
    signal.throwIfAborted();
    const why = unusableName(path);
    if (why !== null) {
      leftOut.push({ path, why });
      return;
    }
    const entry = await entryAt(path);
    if (typeof entry === 'string') {
      leftOut.push({ path, why: entry });
      return;
    }
    if (entry === null) return;
    entries.push(entry);
    if (entry.type === 'file') total += entry.size;
    if (entries.length > limits.entries || total > limits.total) {
      throw new TooMuch(
        `${roots.join(', ')} hold more than a backup of certificates takes; list only folders of certificates in certificates.backup.paths.`,
      );
    }
    if (entry.type !== 'directory') return;
    for (const name of (await readdir(path)).sort()) await visit(join(path, name));
  };
  for (const root of roots) await visit(root);
  return { entries, leftOut };
}

/** Content of a regular file, which is neither a link nor a FIFO. */
export async function readPlainFile(path: string, most: number = limits.file): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new TooMuch(`${path} is not a regular file.`);
    if (stats.size > most) throw new TooMuch(`${path} has ${stats.size} bytes, which is more than ${most}.`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

export function sha256(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/** `entry` with the rights that a restore gives. */
export function asRestored(entry: BackupEntry): BackupEntry {
  return entry.type === 'link' ? entry : { ...entry, mode: entry.mode & restorableBits };
}

export interface Difference {
  readonly path: string;
  /** Seen from `expected`: it is not there, it is there as well, or it is another. */
  readonly kind: 'missing' | 'surplus' | 'differs';
}

/** In type, content, target and rights; owners count where `owners` says so, times never. */
export function compareTrees(
  expected: readonly BackupEntry[],
  found: readonly BackupEntry[],
  owners: boolean,
): Difference[] {
  const left = new Map(found.map((entry) => [entry.path, entry]));
  const differences: Difference[] = [];
  for (const entry of expected) {
    const other = left.get(entry.path);
    left.delete(entry.path);
    if (other === undefined) differences.push({ path: entry.path, kind: 'missing' });
    else if (identity(entry, owners) !== identity(other, owners))
      differences.push({ path: entry.path, kind: 'differs' });
  }
  return [...differences, ...[...left.keys()].map((path) => ({ path, kind: 'surplus' as const }))];
}

function identity(entry: BackupEntry, owners: boolean): string {
  const rights = entry.type === 'link' ? null : entry.mode;
  const content = entry.type === 'file' ? entry.sha256 : entry.type === 'link' ? entry.target : null;
  return JSON.stringify([entry.type, rights, content, ...(owners ? [entry.uid, entry.gid] : [])]);
}

/** Null when nothing is there; a text when it is nothing that a backup holds. */
async function entryAt(path: string): Promise<BackupEntry | string | null> {
  const stats = await lstat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (stats === null) return null;
  const common = {
    path,
    mode: stats.mode & 0o777,
    uid: stats.uid,
    gid: stats.gid,
    mtime: Math.floor(stats.mtimeMs / 1000),
  };
  if (stats.isDirectory()) return { ...common, type: 'directory' };
  if (stats.isSymbolicLink()) {
    const target = await readlink(path);
    return /[\p{Cc}\p{Cf}\uFFFD]/u.test(target)
      ? 'it leads to a name with control characters'
      : { ...common, type: 'link', target };
  }
  if (!stats.isFile()) return 'it is no file, folder or symbolic link';
  const content = await readPlainFile(path);
  return { ...common, type: 'file', size: content.length, sha256: sha256(content) };
}

function unusableName(path: string): string | null {
  try {
    refuseName(path.slice(1));
    return null;
  } catch (error) {
    if (!(error instanceof RefusedArchive)) throw error;
    return 'its name holds characters that a restore would refuse';
  }
}
