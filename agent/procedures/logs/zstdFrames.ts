/**
 * Unpacks Zstandard data of any number of frames, skippable ones too (RFC 8878, section 3.1): `cat a.zst b.zst`, and what pzstd writes.
 * Node's own decoder ends after the first frame, as if that were all (seen with 24.21).
 */
import { createZstdDecompress } from 'node:zlib';
import type { ZstdDecompress } from 'node:zlib';
import { errorOf } from '../../thrown.ts';

/** Throws the error of zlib (`ZSTD_…`) where the data is damaged or breaks off. */
export async function* zstdFrames(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const input = new Input(source);
  try {
    while (!(await input.atEnd())) yield* frames(input);
  } finally {
    await input.close();
  }
}

/** From one decoder: up to the end of a frame behind which the same piece of input goes on. */
async function* frames(input: Input): AsyncGenerator<Buffer> {
  const decoder = createZstdDecompress({ chunkSize: 256 * 1024 });
  const feeding = feed(decoder, input);
  // Awaited below; what goes wrong before that ends the decoder.
  feeding.catch((error: unknown) => decoder.destroy(errorOf(error)));
  try {
    for await (const piece of decoder) yield piece as Buffer;
    input.unread(await feeding);
  } finally {
    decoder.destroy();
  }
}

/** Resolves with what the decoder did not want. */
async function feed(decoder: ZstdDecompress, input: Input): Promise<Buffer> {
  for (let fed = 0; ;) {
    const piece = await input.next();
    if (piece === null) {
      decoder.end();
      return Buffer.alloc(0);
    }
    fed += piece.length;
    await new Promise<void>((resolve) => {
      decoder.write(piece, () => {
        resolve();
      });
    });
    const left = fed - decoder.bytesWritten;
    if (left > 0 || decoder.destroyed) return piece.subarray(piece.length - left);
  }
}

class Input {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  async next(): Promise<Buffer | null> {
    if (await this.atEnd()) return null;
    const piece = this.#rest;
    this.#rest = Buffer.alloc(0);
    return piece;
  }

  unread(piece: Buffer): void {
    this.#rest = piece;
  }

  async atEnd(): Promise<boolean> {
    while (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return true;
      this.#rest = next.value;
    }
    return false;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}
