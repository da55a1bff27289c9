/** A stream of node:zlib between what is read and who wants it. */
import type { Readable, Transform } from 'node:stream';
import { codeOf } from '../../thrown.ts';

/** What comes out of `stream` for `input`; both are given up when nobody wants more. */
export async function* through(input: Readable, stream: Transform): AsyncGenerator<Buffer> {
  input.on('error', (error) => stream.destroy(error));
  input.pipe(stream);
  try {
    for await (const chunk of stream) yield chunk as Buffer;
  } finally {
    input.destroy();
    stream.destroy();
  }
}

/** What is unpacked is damaged or breaks off: `Z_…` of zlib, `ZSTD_…` of zstd. */
export function isZlibError(error: unknown): error is Error {
  return /^Z(STD)?_/.test(codeOf(error));
}
