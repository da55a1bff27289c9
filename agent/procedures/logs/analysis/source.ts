/** Opens a log for reading, packed (gzip, Zstandard) or not. */
import { constants, createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import * as zlib from 'node:zlib';
import type { Read } from './lines.ts';

export interface OpenSource {
  readonly read: Read;
  /** Bytes of the file that were read so far. */
  readonly position: () => number;
  readonly bytes: number;
  readonly packing: 'none' | 'gzip' | 'zstd';
  readonly close: () => Promise<void>;
}

/** A file that cannot be analysed; `message` is a sentence for people. */
export class UnreadableSource extends Error {
  override readonly name = 'UnreadableSource';
}

/**
 * A packed file is known by its first bytes (RFC 1952, RFC 8878), not by its name. What is written while it is read is left
 * for the next time. Throws UnreadableSource, or the error of open(2).
 */
export async function openSource(path: string): Promise<OpenSource> {
  // O_NONBLOCK: a FIFO must not hang it.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new UnreadableSource(`${path} is not a regular file.`);
    const magic = Buffer.alloc(6);
    await handle.read(magic, 0, 6, 0);
    const hex = magic.toString('hex');
    if (hex.startsWith('1f8b'))
      return unpacked(handle, 'gzip', zlib.createGunzip({ chunkSize: 256 * 1024 }), stats.size);
    if (hex.startsWith('28b52ffd')) {
      return unpacked(handle, 'zstd', zlib.createZstdDecompress({ chunkSize: 256 * 1024 }), stats.size);
    }
    for (const [start, name] of [
      ['425a68', 'bzip2'],
      ['fd377a58', 'xz'],
      ['04224d18', 'lz4'],
    ] as const) {
      if (hex.startsWith(start))
        throw new UnreadableSource(`${path} is packed by ${name}; unpack it first, or use gzip or zstd.`);
    }
    return plain(handle, stats.size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function plain(handle: FileHandle, bytes: number): OpenSource {
  let position = 0;
  return {
    read: async (buffer, offset, length) => {
      const wanted = Math.min(length, bytes - position);
      if (wanted <= 0) return 0;
      const { bytesRead } = await handle.read(buffer, offset, wanted, position);
      position += bytesRead;
      return bytesRead;
    },
    position: () => position,
    bytes,
    packing: 'none',
    close: () => handle.close(),
  };
}

function unpacked(
  handle: FileHandle,
  packing: 'gzip' | 'zstd',
  unpacker: zlib.Gunzip | zlib.ZstdDecompress,
  bytes: number,
): OpenSource {
  const input = createReadStream('', {
    fd: handle,
    autoClose: false,
    start: 0,
    ...(bytes > 0 ? { end: bytes - 1 } : {}),
    highWaterMark: 256 * 1024,
  });
  input.on('error', (error) => unpacker.destroy(error));
  input.pipe(unpacker);
  const chunks = unpacker[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  return {
    read: async (buffer, offset, length) => {
      while (rest.length === 0) {
        const next = await chunks.next();
        if (next.done === true) return 0;
        rest = next.value;
      }
      const count = rest.copy(buffer, offset, 0, length);
      rest = rest.subarray(count);
      return count;
    },
    position: () => input.bytesRead,
    bytes,
    packing,
    close: async () => {
      input.destroy();
      unpacker.destroy();
      await handle.close();
    },
  };
}

/** Packed data that is damaged or breaks off. */
export function isPackingError(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return error.code.startsWith('Z_') || error.code.startsWith('ZSTD_') || error.code.startsWith('ERR_ZLIB');
}
