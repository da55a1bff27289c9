import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  BlockProblem,
  blockBytes,
  mostPacked,
  packBlock,
  release,
  unpackBlock,
} from '../../../agent/procedures/logs/compression.ts';

const text = Buffer.from(Array.from({ length: 90_000 }, (_, line) => `line ${line * 7919}\n`).join(''));

describe('blocks of an archive', () => {
  for (const [compression, program] of [
    ['zstd', 'zstd'],
    ['gzip', 'gzip'],
  ] as const) {
    for (const [name, block] of [
      ['text', text],
      ['what can not be packed', randomBytes(blockBytes[compression])],
      ['one byte', Buffer.from('x')],
      ['a whole block of zeros', Buffer.alloc(blockBytes[compression])],
    ] as const) {
      it(`gives ${name} back as it was (${compression})`, () => {
        const data = packBlock(block, compression);
        assert.ok(data.length <= mostPacked(block.length));
        assert.ok(unpackBlock(data, compression, block.length).equals(block));
      });
    }

    it(`are one file in a row to ${program}(1)`, () => {
      const blocks = [text, randomBytes(1000), Buffer.from('end')];
      const file = Buffer.concat(blocks.map((block) => packBlock(block, compression)));
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
      it(`refuse one that ${name} (${compression})`, () => {
        const data = damage(packBlock(text, compression));
        assert.throws(() => unpackBlock(data, compression, text.length), BlockProblem);
      });
    }

    for (const more of [1, -1]) {
      it(`refuse one that does not hold as much as expected: ${more} byte (${compression})`, () => {
        const data = packBlock(text, compression);
        assert.throws(() => unpackBlock(data, compression, text.length + more), BlockProblem);
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
