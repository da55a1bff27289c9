import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, link, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import {
  UnsafeFile,
  compareArchive,
  compress,
  isPrefixOf,
  unpackedSize,
} from '../../../agent/procedures/logs/archive.ts';
import { createHarness } from './harness.ts';
import type { Harness } from './harness.ts';

const { signal } = new AbortController();
const text = Array.from({ length: 20_000 }, (_, line) => `${line * 7919}\n`).join('');

describe('archives of rotated logs', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await createHarness();
  });
  afterEach(() => harness.remove());

  const whole = gzipSync(text);
  for (const [name, archive, verdict] of [
    ['a whole one', whole, 'equal'],
    ['one broken off', whole.subarray(0, whole.length - 3000), 'truncated'],
    ['one without its last checksum', whole.subarray(0, whole.length - 4), 'truncated'],
    ['an empty file', Buffer.alloc(0), 'truncated'],
    ['one of a source that has grown since', gzipSync(text.slice(0, 500)), 'older'],
    ['one of something else', gzipSync(`x${text}`), 'different'],
    ['one that is longer', gzipSync(`${text}x`), 'different'],
  ] as const) {
    it(`calls ${name} ${verdict}`, async () => {
      await harness.write('a.log.1', text);
      await writeFile(harness.file('a.log.1.gz'), archive);
      assert.equal(await compareArchive(harness.file('a.log.1.gz'), harness.file('a.log.1'), signal), verdict);
    });
  }

  it('tells the unpacked size, and none of a broken archive', async () => {
    await writeFile(harness.file('a.gz'), whole);
    await writeFile(harness.file('b.gz'), whole.subarray(0, 900));
    assert.equal(await unpackedSize(harness.file('a.gz'), signal), text.length);
    assert.equal(await unpackedSize(harness.file('b.gz'), signal), null);
  });

  it('compresses over a half archive, keeps mode and time, and leaves nothing else', async () => {
    await harness.write('a.log.1', text);
    await writeFile(harness.file('a.log.1.gz'), whole.subarray(0, 900));
    await chmod(harness.file('a.log.1'), 0o640);
    await utimes(harness.file('a.log.1'), 1_700_000_000, 1_700_000_000);
    await compress(harness.file('a.log.1'), harness.file('a.log.1.gz'), signal);
    assert.deepEqual(await harness.names(), ['a.log.1.gz']);
    assert.equal(await harness.read('a.log.1.gz'), text);
    const stats = await stat(harness.file('a.log.1.gz'));
    assert.equal(stats.mode & 0o777, 0o640);
    assert.equal(stats.mtimeMs, 1_700_000_000_000);
  });

  it('keeps the source when it is stopped', async () => {
    await harness.write('a.log.1', text);
    await assert.rejects(compress(harness.file('a.log.1'), harness.file('a.log.1.gz'), AbortSignal.abort()));
    assert.deepEqual(await harness.names(), ['a.log.1']);
  });

  it('knows a copy that was broken off', async () => {
    await harness.write('short', text.slice(0, 1000));
    await harness.write('long', text);
    assert.equal(await isPrefixOf(harness.file('short'), harness.file('long'), signal), true);
    assert.equal(await isPrefixOf(harness.file('long'), harness.file('short'), signal), false);
  });

  it('touches no symbolic link, hard link or FIFO (V21)', async () => {
    await harness.write('victim', 'untouched');
    await symlink(harness.file('victim'), harness.file('link.log.1'));
    execFileSync('mkfifo', [harness.file('fifo.log.1')]);
    await harness.write('twice.log.1', text);
    await link(harness.file('twice.log.1'), harness.file('second-name'));
    for (const name of ['link.log.1', 'fifo.log.1', 'twice.log.1']) {
      await assert.rejects(compress(harness.file(name), harness.file(`${name}.gz`), signal), UnsafeFile);
    }
    assert.equal(await harness.read('victim'), 'untouched');
  });

  it('does not write through a link planted under the name of its temporary file (V21)', async () => {
    await harness.write('victim', 'untouched');
    await harness.write('a.log.1', text);
    await symlink(harness.file('victim'), harness.file('.a.log.1.gz.upkeep'));
    await compress(harness.file('a.log.1'), harness.file('a.log.1.gz'), signal);
    assert.equal(await harness.read('victim'), 'untouched');
    assert.equal(await harness.read('a.log.1.gz'), text);
  });
});
