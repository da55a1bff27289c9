/**
 * The two compressions of archives, zstd (RFC 8878) and gzip (RFC 1952). An archive is a row of blocks, each packed by itself as a frame
 * or a member, so that several are packed at once; one after the other they are one file to every program (RFC 8878, 3.1; RFC 1952, 2.2).
 */
import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import { constants, createGunzip, createGzip, createZstdCompress, createZstdDecompress } from 'node:zlib';
import { isZlibError, through } from './zlibStream.ts';
import { zstdFrames } from './zstdFrames.ts';

export type Compression = 'zstd' | 'gzip';

export const endings: Readonly<Record<Compression, string>> = { zstd: '.zst', gzip: '.gz' };

/** What one block holds unpacked: what is lost at each border is below a hundredth, and some of them fit into memory. */
export const blockBytes = 3 << 20;
/** Of what zlib and zstd give out at once. No divisor of a block, or they would make another for the nothing after it. */
const chunkSize = 500_000;
/** Blocks that are packed at once: of libuv's four threads one is for what is read, written and unpacked meanwhile. */
export const packers = Math.min(3, availableParallelism());

/** A block that can not be unpacked to what was packed into it. */
export class BlockProblem extends Error {
  override readonly name = 'BlockProblem';
}

/** Node has zstd since 22.15. */
export function canZstd(): boolean {
  return typeof createZstdDecompress === 'function';
}

/**
 * The block as one frame or member, with a checksum, in pieces. Made by a thread beside the program's own; give the pieces to `release`
 * after use.
 */
export async function pack(block: Buffer, compression: Compression): Promise<readonly Buffer[]> {
  const { ZSTD_c_compressionLevel: level, ZSTD_c_checksumFlag: checksum } = constants;
  const encoder =
    compression === 'gzip'
      ? createGzip({ level: 6, chunkSize })
      : createZstdCompress({ chunkSize, params: { [level]: 3, [checksum]: 1 } });
  encoder.end(block);
  const pieces: Buffer[] = [];
  for await (const piece of encoder) pieces.push(piece as Buffer);
  return pieces;
}

/**
 * What `pack` packed: `bytes` bytes, and nothing besides. Throws BlockProblem when it is not. A piece is gone once the next one is asked
 * for.
 */
export async function* unpackBlock(packed: Buffer, compression: Compression, bytes: number): AsyncGenerator<Buffer> {
  const decoder = compression === 'gzip' ? createGunzip({ chunkSize }) : createZstdDecompress({ chunkSize });
  let left = bytes;
  let last: Buffer | null = null;
  try {
    decoder.end(packed);
    for await (const part of decoder) {
      const piece = part as Buffer;
      left -= piece.length;
      if (left < 0) break;
      yield piece;
      // One that is not full yet may be filled further.
      if (piece.length === chunkSize) release(piece);
      else last = piece;
    }
  } catch (error) {
    if (!isZlibError(error)) throw error;
    throw new BlockProblem(`a block in it can not be unpacked: ${error.message}`, { cause: error });
  } finally {
    decoder.destroy();
  }
  if (left !== 0 || decoder.bytesWritten !== packed.length) {
    throw new BlockProblem('a block in it does not hold what was packed into it');
  }
  if (last !== null) release(last);
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
