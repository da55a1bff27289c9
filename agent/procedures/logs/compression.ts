/**
 * The two compressions of archives: zstd (RFC 8878) and gzip (RFC 1952), the latter packed by several cores. The work is done by threads
 * beside the program's own, in pieces; memory stays bounded.
 */
import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import { constants, createGunzip, createZstdCompress, gzip } from 'node:zlib';
import { zstdFrames } from './zstdFrames.ts';

export type Compression = 'zstd' | 'gzip';

export const endings: Readonly<Record<Compression, string>> = { zstd: '.zst', gzip: '.gz' };

/** One member of a gzip file holds so much: what is lost at each border is below a thousandth. */
const memberBytes = 4 << 20;
const mostThreads = 4;

/** Node has zstd since 22.15. */
export function canZstd(): boolean {
  return typeof createZstdCompress === 'function';
}

export function packed(source: AsyncIterable<Buffer>, compression: Compression): AsyncIterable<Buffer> {
  return compression === 'gzip' ? gzipped(source) : zstandard(source);
}

export function unpacked(source: AsyncIterable<Buffer>, compression: Compression): AsyncIterable<Buffer> {
  return compression === 'gzip' ? through(source, createGunzip()) : zstdFrames(source);
}

/** Members one after the other are one file (RFC 1952, 2.2): each is packed by itself, several at once. */
async function* gzipped(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const pack = promisify<Buffer, { level: number }, Buffer>(gzip);
  const waiting: Promise<Buffer>[] = [];
  const threads = Math.min(mostThreads, availableParallelism());
  const start = (block: Buffer): void => {
    const work = pack(block, { level: 6 });
    work.catch(() => undefined);
    waiting.push(work);
  };
  for await (const block of blocksOf(source, memberBytes)) {
    start(block);
    while (waiting.length > threads) yield await (waiting.shift() ?? Promise.reject(new Error('nothing waits')));
  }
  for (const work of waiting) yield await work;
}

async function* blocksOf(source: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let size = 0;
  for await (const chunk of source) {
    pieces.push(chunk);
    size += chunk.length;
    if (size < bytes) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(pieces);
}

/** By one thread: with several (ZSTD_c_nbWorkers) Node 24 ends the stream before they have given all (seen with 24.21). */
function zstandard(source: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const { ZSTD_c_compressionLevel: level, ZSTD_c_checksumFlag: checksum } = constants;
  return through(source, createZstdCompress({ params: { [level]: 3, [checksum]: 1 } }));
}

async function* through(source: AsyncIterable<Buffer>, stream: Transform): AsyncGenerator<Buffer> {
  const input = Readable.from(source, { objectMode: false, highWaterMark: 1 << 20 });
  input.on('error', (error) => stream.destroy(error));
  input.pipe(stream);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } finally {
    input.destroy();
    stream.destroy();
  }
}
