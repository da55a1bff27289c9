/** How large an archive will be, known before hours of work: by samples of what goes into it. */
import type { FileHandle } from 'node:fs/promises';
import { formatBytes } from '../../config/units.ts';
import { counted } from '../counted.ts';
import { totalBytes } from '../totalBytes.ts';
import { freeBytes, openSource, reserveBytes } from './archiveContent.ts';
import type { Source } from './archiveContent.ts';
import { NoRoom } from './ownFiles.ts';
import { packBlock, release } from './compression.ts';
import type { Compression } from './compression.ts';

const samples = 32;
/** Large enough for zstd to work as it does on a whole block. */
const sampleBytes = 256 * 1024;
/** What is between the samples may pack worse. */
const margin = 1.05;
/** Of headers, checksums and padding for each file, packed. */
const perFile = 256;

/**
 * Bytes that an archive of the sources will have: pieces from all over their content are packed, so that what can not be packed counts
 * by its share. A source that can not be read counts as it is. As a rule it is less.
 */
export async function expectedBytes(sources: readonly Source[], compression: Compression): Promise<number> {
  const total = totalBytes(sources);
  const step = Math.max(sampleBytes, Math.ceil(total / samples));
  let [read, packed, begin] = [0, 0, 0];
  let next = Math.floor((step - sampleBytes) / 2);
  const piece = Buffer.alloc(sampleBytes);
  let used = 0;
  for (const source of sources) {
    const end = begin + source.bytes;
    const handle = next + used < end ? await openSource(source).catch(() => null) : null;
    while (next + used < end) {
      const bytes = Math.min(sampleBytes - used, end - next - used);
      const room = piece.subarray(used, used + bytes);
      if (handle === null || !(await isRead(handle, room, next + used - begin)))
        [read, packed] = [read + bytes, packed + bytes];
      used += bytes;
      if (used < sampleBytes) continue;
      [read, packed] = [read + used, packed + packedBytes(piece, compression)];
      [next, used] = [next + step, 0];
    }
    await handle?.close();
    begin = end;
  }
  if (used > 0) [read, packed] = [read + used, packed + packedBytes(piece.subarray(0, used), compression)];
  return Math.ceil(total * Math.min(1.001, (margin * packed) / Math.max(1, read))) + perFile * sources.length;
}

/** Throws NoRoom, with figures, when an archive of the sources has no place in the folder. */
export async function requireRoomFor(
  folder: string,
  sources: readonly Source[],
  compression: Compression,
): Promise<void> {
  const free = await freeBytes(folder);
  // Nothing grows by being packed: no sample is needed.
  if (free >= totalBytes(sources) * 1.001 + perFile * sources.length + reserveBytes) return;
  const expected = await expectedBytes(sources, compression);
  if (free >= expected + reserveBytes) return;
  throw new NoRoom(
    folder,
    `${folder} has ${formatBytes(free)} free; about ${formatBytes(expected)} for the archive of ${counted(sources.length, 'file')} (${formatBytes(totalBytes(sources))}, by samples of them) and ${formatBytes(reserveBytes)} in reserve are needed`,
  );
}

async function isRead(handle: FileHandle, room: Buffer, position: number): Promise<boolean> {
  return (await handle.read(room, 0, room.length, position)).bytesRead === room.length;
}

function packedBytes(piece: Buffer, compression: Compression): number {
  const packed = packBlock(piece, compression);
  const { length } = packed;
  release(packed);
  return length;
}
