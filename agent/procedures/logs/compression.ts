/**
 * The two compressions of archives, zstd (RFC 8878) and gzip (RFC 1952). An archive is a row of blocks, each packed by itself as a frame
 * or a member, so that several are packed at once; one after the other they are one file to every program (RFC 8878, 3.1; RFC 1952, 2.2).
 */
import { Readable } from 'node:stream';
import {
  constants,
  createGunzip,
  createZstdDecompress,
  gunzipSync,
  gzipSync,
  zstdCompressSync,
  zstdDecompressSync,
} from 'node:zlib';
import { codeOf } from '../../thrown.ts';
import { isZlibError, through } from './zlibStream.ts';
import { zstdFrames } from './zstdFrames.ts';

export type Compression = 'zstd' | 'gzip';

export const endings: Readonly<Record<Compression, string>> = { zstd: '.zst', gzip: '.gz' };

/** What one block holds unpacked: what is lost at each border is below a hundredth, and some of them fit into memory. gzip looks back 32 KiB only. */
export const blockBytes = { zstd: 3 << 20, gzip: 3 << 19 } as const satisfies Record<Compression, number>;

/** A block that can not be unpacked to what was packed into it. */
export class BlockProblem extends Error {
  override readonly name = 'BlockProblem';
}

/** Node has zstd since 22.15. */
export function canZstd(): boolean {
  return typeof createZstdDecompress === 'function';
}

/** Bytes that any block of so many has packed: more than deflateBound (zlib) and ZSTD_compressBound (zstd) say. */
export function mostPacked(bytes: number): number {
  return bytes + (bytes >> 7) + 1024;
}

/**
 * The block as one frame or member, with a checksum; give it to `release` after use. Zlib and zstd get all there is in one call with room
 * for any result: what they would keep between two calls is then neither made nor copied. Memory that is not written to costs nothing.
 */
export function packBlock(block: Uint8Array, compression: Compression): Buffer<ArrayBuffer> {
  const { ZSTD_c_compressionLevel: level, ZSTD_c_checksumFlag: checksum } = constants;
  // A small one would share its memory, and could not be handed to another thread.
  const chunkSize = Math.max(mostPacked(block.length), Buffer.poolSize);
  return compression === 'gzip'
    ? gzipSync(block, { level: 6, chunkSize })
    : zstdCompressSync(block, { chunkSize, params: { [level]: 3, [checksum]: 1 } });
}

/** What `packBlock` packed: `bytes` bytes, and nothing besides; give it to `release` after use. Throws BlockProblem when it is not. */
export function unpackBlock(packed: Buffer, compression: Compression, bytes: number): Buffer {
  const { buffer, engine } = unpackAll(packed, compression, bytes);
  if (buffer.length === bytes && engine.bytesWritten === packed.length) return buffer;
  throw new BlockProblem('a block in it does not hold what was packed into it');
}

/** As Node gives it with `info`, which its types do not know. */
interface Unpacked {
  readonly buffer: Buffer;
  /** `bytesWritten`: taken from what is packed. */
  readonly engine: { readonly bytesWritten: number };
}

function unpackAll(packed: Buffer, compression: Compression, bytes: number): Unpacked {
  // More room than it needs, or another piece would be made for the nothing behind it.
  const options = { chunkSize: bytes + 64, maxOutputLength: bytes, info: true };
  try {
    return (compression === 'gzip' ? gunzipSync : zstdDecompressSync)(packed, options) as unknown as Unpacked;
  } catch (error) {
    if (!isZlibError(error) && !isTooMuch(error)) throw error;
    throw new BlockProblem(`a block in it can not be unpacked: ${error.message}`, { cause: error });
  }
}

/** There is more than `maxOutputLength`. */
function isTooMuch(error: unknown): error is Error {
  return codeOf(error) === 'ERR_BUFFER_TOO_LARGE';
}

/**
 * Gives a large buffer's memory back at once, which V8 would do some hundred megabytes later: its own part of a buffer is small. Nobody
 * may use the buffer any more.
 */
export function release({ buffer }: Buffer): void {
  // Small ones share one.
  if (buffer instanceof ArrayBuffer && buffer.byteLength > Buffer.poolSize) buffer.transfer(0);
}

/** Of a file from any program: members or frames of any number and size. */
export function unpacked(source: AsyncIterable<Buffer>, compression: Compression): AsyncIterable<Buffer> {
  return compression === 'gzip'
    ? through(
        Readable.from(source, { objectMode: false, highWaterMark: 1 << 20 }),
        createGunzip({ chunkSize: 256 * 1024 }),
      )
    : zstdFrames(source);
}
