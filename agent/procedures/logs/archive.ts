/**
 * Compressed generations of logs: how one compares with its source, and how one is made so that a kill at any moment leaves the
 * source or the whole archive.
 */
import { constants } from 'node:fs';
import { open, rename, rm, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { syncDirectory } from '../../store/atomicWrite.ts';
import { codeOf } from '../../thrown.ts';
import { withRoom } from './ownFiles.ts';
import { DamagedArchive, packed, unpacked } from './packers.ts';

/**
 * How an archive stands to an uncompressed file: the same content (`equal`), whole but of a source that has grown since
 * (`older`), broken off in the middle of that content (`truncated`), or something else (`different`).
 */
export type Comparison = 'equal' | 'older' | 'truncated' | 'different';

/** A symbolic link, a device, a FIFO or a file of several names where a log was expected. */
export class UnsafeFile extends Error {
  override readonly name = 'UnsafeFile';
}

export async function compareArchive(archive: string, source: string, signal: AbortSignal): Promise<Comparison> {
  return await compare(archive, path.extname(archive), source, signal);
}

async function compare(archive: string, ending: string, source: string, signal: AbortSignal): Promise<Comparison> {
  await using plain = await openSafely(source);
  await using handle = await openSafely(archive);
  const buffer = Buffer.alloc(1 << 20);
  let position = 0;
  try {
    for await (const chunk of unpacked(handle, ending, signal)) {
      signal.throwIfAborted();
      for (let offset = 0; offset < chunk.length;) {
        const wanted = Math.min(buffer.length, chunk.length - offset);
        const { bytesRead } = await plain.read(buffer, 0, wanted, position);
        if (bytesRead === 0) return 'different';
        if (!chunk.subarray(offset, offset + bytesRead).equals(buffer.subarray(0, bytesRead))) return 'different';
        offset += bytesRead;
        position += bytesRead;
      }
    }
  } catch (error) {
    if (error instanceof DamagedArchive) return 'truncated';
    throw error;
  }
  return position === (await plain.stat()).size ? 'equal' : 'older';
}

/** Bytes that the archive holds unpacked; null when it is not whole. */
export async function unpackedSize(archive: string, signal: AbortSignal): Promise<number | null> {
  await using handle = await openSafely(archive);
  let bytes = 0;
  try {
    for await (const chunk of unpacked(handle, path.extname(archive), signal)) {
      signal.throwIfAborted();
      bytes += chunk.length;
    }
  } catch (error) {
    if (error instanceof DamagedArchive) return null;
    throw error;
  }
  return bytes;
}

/** Is `source`'s whole content the beginning of `file`? */
export async function isPrefixOf(source: string, file: string, signal: AbortSignal): Promise<boolean> {
  await using short = await openSafely(source);
  await using long = await openSafely(file);
  const [left, right] = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
  for (let position = 0; ;) {
    signal.throwIfAborted();
    const { bytesRead } = await short.read(left, 0, left.length, position);
    if (bytesRead === 0) return true;
    const other = await long.read(right, 0, bytesRead, position);
    if (!left.subarray(0, bytesRead).equals(right.subarray(0, other.bytesRead))) return false;
    position += bytesRead;
  }
}

/**
 * Puts the content of `source` into `archive` (replacing a half-made one) and removes `source`, in this order: temporary
 * file → fsync → compared with the source → rename → unlink. Mode, owner and time of modification are those of the source.
 */
export async function compress(source: string, archive: string, signal: AbortSignal): Promise<void> {
  const directory = path.dirname(archive);
  const temporary = path.join(directory, `.${path.basename(archive)}.upkeep`);
  await rm(temporary, { force: true });
  try {
    const size = await withRoom(archive, () => writeArchive(source, temporary, path.extname(archive), signal));
    if ((await compare(temporary, path.extname(archive), source, signal)) !== 'equal') {
      throw new Error(`${source} changed while it was compressed; nothing was removed.`);
    }
    await rename(temporary, archive);
    await syncDirectory(directory);
    await using plain = await openSafely(source);
    if ((await plain.stat()).size !== size) throw new Error(`${source} grew after it was compressed; it was kept.`);
    await unlink(source);
    await syncDirectory(directory);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Opens a regular file of one name; never follows a link, never waits for a FIFO. Throws UnsafeFile. */
export async function openSafely(file: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ELOOP') {
      throw new UnsafeFile(`${file} is a symbolic link; Upkeep does not touch it.`);
    }
    throw error;
  }
  const stats = await handle.stat();
  if (stats.isFile() && stats.nlink === 1) return handle;
  await handle.close();
  throw new UnsafeFile(
    `${file} is not a regular file with one name (hard link, FIFO or device); Upkeep does not touch it.`,
  );
}

async function writeArchive(source: string, temporary: string, ending: string, signal: AbortSignal): Promise<number> {
  await using plain = await openSafely(source);
  const stats = await plain.stat();
  // 'wx' is O_EXCL: a link planted under this name makes it fail.
  await using target = await open(temporary, 'wx', stats.mode & 0o600);
  await pipeline(
    packed(plain, ending, signal),
    async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) await target.writeFile(chunk);
    },
    { signal },
  );
  const own = await target.stat();
  if (own.uid !== stats.uid || own.gid !== stats.gid) {
    // As the user of `su` one may own only one's own files: the archive then keeps that owner, as with logrotate.
    await target.chown(stats.uid, stats.gid).catch(() => undefined);
  }
  await target.chmod(stats.mode & 0o777);
  await target.utimes(stats.atime, stats.mtime);
  await target.sync();
  return stats.size;
}
