import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blockBytes, unpackBlock } from '../../../agent/procedures/logs/compression.ts';
import { PackThreads } from '../../../agent/procedures/logs/packThreads.ts';

const size = blockBytes.zstd;
const modules = join(import.meta.dirname, '../../../agent/procedures/logs');

/** Packs a block as a user who may start no further thread: those of libuv are there already. */
const limited = `
const { readFile } = await import('node:fs/promises');
const { execFileSync } = await import('node:child_process');
const { PackThreads } = await import(process.argv[1] + '/packThreads.ts');
const { unpackBlock } = await import(process.argv[1] + '/compression.ts');
await Promise.all(Array.from({ length: 8 }, () => readFile('/proc/self/stat')));
execFileSync('prlimit', ['--pid', String(process.pid), '--nproc=1:1']);
if (process.getuid() === 0) process.setuid(65534);
for (const compression of ['zstd', 'gzip']) {
  await using threads = new PackThreads(compression, new AbortController().signal);
  const block = Buffer.allocUnsafeSlow(1000).fill('x');
  const answer = await threads.pack(block, 900);
  console.log(threads.blocks, unpackBlock(answer.packed, compression, 900).equals(Buffer.alloc(900, 'x')), answer.block.length);
}`;

const never = new AbortController().signal;

/** A block of memory of its own, as a thread takes it. */
function block(text: string): Buffer<ArrayBuffer> {
  const memory = Buffer.allocUnsafeSlow(size);
  memory.write(text);
  return memory;
}

describe('threads that pack', () => {
  for (const compression of ['zstd', 'gzip'] as const) {
    it(`give each block its own answer, and its memory back (${compression})`, async () => {
      await using threads = new PackThreads(compression, never);
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
    const threads = new PackThreads('gzip', never);
    const waiting = assert.rejects(threads.pack(block('x'), 1), /a thread that packs has ended/);
    await threads[Symbol.asyncDispose]();
    await waiting;
    await assert.rejects(threads.pack(block('x'), 1), /a thread that packs has ended/);
  });

  it('tell what ended them', async () => {
    await using threads = new PackThreads('gzip', never);
    // More than the block has: what the thread can not even begin with.
    await assert.rejects(threads.pack(block('x'), size + 1), RangeError);
  });

  it('F08: hold nobody beyond a stop, whatever they are doing', async () => {
    const stop = new AbortController();
    await using threads = new PackThreads('zstd', stop.signal);
    const waiting = assert.rejects(threads.pack(block('x'), 1), /stopped by a test/);
    stop.abort(new Error('stopped by a test'));
    await waiting;
    await assert.rejects(threads.pack(block('x'), 1), /stopped by a test/);
  });

  it('pack on the own thread of a program that may start none', () => {
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', limited, modules], {
      encoding: 'utf8',
    });
    assert.equal(stdout, '2 true 1000\n'.repeat(2), stderr);
  });

  it('load nothing that NODE_OPTIONS preloads into programs: it may need more memory than they have', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'upkeep-preload-'));
    const preload = join(folder, 'preload.cjs');
    writeFileSync(preload, "throw new Error('preloaded');");
    const before = process.env['NODE_OPTIONS'];
    process.env['NODE_OPTIONS'] = `--require ${preload}`;
    try {
      await using threads = new PackThreads('gzip', never);
      const { packed } = await threads.pack(block('some'), 4);
      assert.equal(unpackBlock(packed, 'gzip', 4).toString(), 'some');
    } finally {
      if (before === undefined) delete process.env['NODE_OPTIONS'];
      else process.env['NODE_OPTIONS'] = before;
      rmSync(folder, { recursive: true });
    }
  });
});
