import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants, zstdCompressSync } from 'node:zlib';
import { unpacked } from '../../../agent/procedures/logs/compression.ts';
import { zstdFrames } from '../../../agent/procedures/logs/zstdFrames.ts';

/** In pieces of `size` bytes. */
async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

describe('Zstandard frames', () => {
  const parts = [randomBytes(300_000), Buffer.from('ERROR: disk 1\n'.repeat(50_000)), Buffer.from('x'), randomBytes(7)];
  const skippable = Buffer.from([0x5c, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4]);
  const checksummed = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };

  it('unpacks frames in a row, skippable and empty ones between them, however the input is cut', async () => {
    const whole = Buffer.concat([
      skippable,
      ...parts.flatMap((part) => [zstdCompressSync(part, checksummed), skippable, zstdCompressSync(Buffer.alloc(0))]),
    ]);
    for (const size of [whole.length, 65_536, 1000]) {
      assert.ok((await collect(zstdFrames(pieces(whole, size)))).equals(Buffer.concat(parts)), `pieces of ${size}`);
    }
    assert.ok((await collect(unpacked(pieces(whole, 4096), 'zstd'))).equals(Buffer.concat(parts)));
  });

  it('unpacks what the zstd of the system writes, file after file', async () => {
    const packed = parts.map((part) => execFileSync('zstd', ['-q', '-c'], { input: part }));
    assert.ok((await collect(zstdFrames(pieces(Buffer.concat(packed), 50_000)))).equals(Buffer.concat(parts)));
  });

  it('says so when a frame breaks off, is damaged, or is followed by rubbish', async () => {
    const first = zstdCompressSync(parts[0]!, checksummed);
    const second = zstdCompressSync(parts[1]!, checksummed);
    const damaged = Buffer.from(first);
    damaged[200_000] = damaged[200_000]! ^ 0xff;
    for (const bad of [
      Buffer.concat([first, second.subarray(0, second.length - 3)]),
      Buffer.concat([damaged, second]),
      Buffer.concat([first, Buffer.from('rubbish and more')]),
    ]) {
      await assert.rejects(collect(zstdFrames(pieces(bad, 10_000))), { code: /^ZSTD_|^Z_/ });
    }
  });

  it('ends its source when nobody wants the rest', async () => {
    let ended = false;
    const source = async function* (): AsyncGenerator<Buffer> {
      try {
        for (;;) yield await Promise.resolve(zstdCompressSync(parts[1]!));
      } finally {
        ended = true;
      }
    };
    for await (const piece of zstdFrames(source())) {
      assert.ok(piece.length > 0);
      break;
    }
    assert.ok(ended);
  });
});
