import assert from 'node:assert/strict';
import { blockBytes, unpackBlock } from '../../../agent/procedures/logs/compression.ts';
import { PackThreads } from '../../../agent/procedures/logs/packThreads.ts';

const size = blockBytes.zstd;

/** A block of memory of its own, as a thread takes it. */
function block(text: string): Buffer<ArrayBuffer> {
  const memory = Buffer.allocUnsafeSlow(size);
  memory.write(text);
  return memory;
}

describe('threads that pack', () => {
  for (const compression of ['zstd', 'gzip'] as const) {
    it(`give each block its own answer, and its memory back (${compression})`, async () => {
      await using threads = new PackThreads(compression);
      const texts = Array.from({ length: 9 }, (_, index) => `block ${index} `.repeat(index * 10_000 + 1));
      const answers = await Promise.all(texts.map((text) => threads.pack(block(text), text.length)));
      for (const [index, { block: memory, packed }] of answers.entries()) {
        const text = texts[index] ?? '';
        assert.equal(unpackBlock(packed, compression, text.length).toString(), text);
        assert.equal(memory.length, size);
        assert.equal(memory.toString('latin1', 0, text.length), text);
      }
    });
  }

  it('tell those who wait when they are ended, and those who come later', async () => {
    const threads = new PackThreads('gzip');
    const waiting = assert.rejects(threads.pack(block('x'), 1), /a thread that packs has ended/);
    await threads[Symbol.asyncDispose]();
    await waiting;
    await assert.rejects(threads.pack(block('x'), 1), /a thread that packs has ended/);
  });

  it('tell what ended them', async () => {
    await using threads = new PackThreads('gzip');
    // More than the block has: what the thread can not even begin with.
    await assert.rejects(threads.pack(block('x'), size + 1), RangeError);
  });
});
