import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { BlockProblem, blockBytes, pack, release, unpackBlock } from '../../../agent/procedures/logs/compression.ts';
import type { Compression } from '../../../agent/procedures/logs/compression.ts';

const text = Buffer.from(Array.from({ length: 90_000 }, (_, line) => `line ${line * 7919}\n`).join(''));

async function packed(block: Buffer, compression: Compression): Promise<Buffer> {
  return Buffer.concat(await pack(block, compression));
}

async function unpacked(data: Buffer, compression: Compression, bytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  // A piece is gone once the next one is asked for.
  for await (const piece of unpackBlock(data, compression, bytes)) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

describe('blocks of an archive', () => {
  for (const [compression, program] of [
    ['zstd', 'zstd'],
    ['gzip', 'gzip'],
  ] as const) {
    for (const [name, block] of [
      ['text', text],
      ['what can not be packed', randomBytes(blockBytes)],
      ['one byte', Buffer.from('x')],
      ['a whole block of zeros', Buffer.alloc(blockBytes)],
    ] as const) {
      it(`gives ${name} back as it was (${compression})`, async () => {
        const data = await packed(block, compression);
        assert.ok((await unpacked(data, compression, block.length)).equals(block));
      });
    }

    it(`are one file in a row to ${program}(1)`, async () => {
      const blocks = [text, randomBytes(1000), Buffer.from('end')];
      const file = Buffer.concat(await Promise.all(blocks.map((block) => packed(block, compression))));
      const output = execFileSync(program, ['-d', '-c'], { input: file, maxBuffer: 1 << 26 });
      assert.ok(output.equals(Buffer.concat(blocks)));
    });

    for (const [name, damage] of [
      ['is cut off', (data) => data.subarray(0, -1)],
      ['has something behind it', (data) => Buffer.concat([data, Buffer.from('rubbish')])],
      ['has another one behind it', (data) => Buffer.concat([data, data])],
      [
        'has one changed byte',
        (data) => Buffer.concat([data.subarray(0, 99), Buffer.of(~(data[99] ?? 0) & 255), data.subarray(100)]),
      ],
    ] as const satisfies readonly (readonly [string, (data: Buffer) => Buffer])[]) {
      it(`refuse one that ${name} (${compression})`, async () => {
        const data = damage(await packed(text, compression));
        await assert.rejects(unpacked(data, compression, text.length), BlockProblem);
      });
    }

    for (const more of [1, -1]) {
      it(`refuse one that does not hold as much as expected: ${more} byte (${compression})`, async () => {
        const data = await packed(text, compression);
        await assert.rejects(unpacked(data, compression, text.length + more), BlockProblem);
      });
    }
  }

  it('gives memory back at once, and never that which others share', () => {
    const large = Buffer.alloc(1 << 20);
    release(large);
    assert.equal(large.length, 0);
    const [one, other] = [Buffer.from('one'), Buffer.from('other')];
    release(one);
    assert.deepEqual([one.toString(), other.toString()], ['one', 'other']);
    release(large);
  });
});
