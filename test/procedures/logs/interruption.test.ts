import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, mkdir, open, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { journalFile } from '../../../agent/procedures/logs/journal.ts';
import { inodeKey, findWriters } from '../../../agent/procedures/logs/writers.ts';
import { findProgram } from '../../systemPackages.ts';
import { createHarness, levels } from './harness.ts';
import type { Harness } from './harness.ts';

/** Eight megabytes that gzip is long at, so that a kill comes long before its end. */
const text = randomBytes(6 << 20)
  .toString('base64')
  .replaceAll(/.{1,63}/g, '$&\n');

describe('an interrupted rotation', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await createHarness();
  });
  afterEach(() => harness.remove());

  const immediate = { rotate: [{ paths: ['*.log'], delaycompress: false }] };
  const delayed = { rotate: [{ paths: ['*.log'] }] };

  for (const [settings, bytes, orphan] of [
    [immediate, 0, false],
    [immediate, 1 << 16, false],
    [immediate, 1 << 19, true],
    [delayed, 1 << 16, false],
    [delayed, 1 << 19, true],
  ] as const) {
    const mode = settings === immediate ? 'at once' : 'a round later';
    const who = orphan ? 'logrotate alone' : 'logrotate and gzip';
    it(`loses and doubles no line when kill -9 hits ${who} after ${bytes} bytes, compressing ${mode} (F02)`, async () => {
      await harness.write('a.log', text);
      if (settings === delayed) {
        await harness.rotate(settings, { force: true });
        await harness.write('a.log', 'second\n');
      } else await harness.rotate(settings, { dryRun: true });
      await killWhileCompressing(harness, 'a.log.1.gz', bytes, orphan);
      await appendFile(harness.file('a.log'), 'after the kill\n');
      const next = await harness.rotate(settings, { force: true });
      assert.equal(next.outcome, 'changed', JSON.stringify(next.findings));
      assert.ok(levels(next, 'logs.repair').length > 0);
      const expected = settings === delayed ? [text, 'second\nafter the kill\n'] : [text, 'after the kill\n'];
      assert.equal((await harness.contents()).join('|') === expected.sort().join('|'), true);
    }).timeout(60_000);
  }

  it('is mended in the same run when logrotate dies under it', async () => {
    await harness.write('a.log', 'one\n');
    const rotation = { rotate: [{ paths: ['*.log'], delaycompress: false, postrotate: 'kill -9 $PPID' }] };
    const run = await harness.rotate(rotation, { force: true });
    assert.equal(run.outcome, 'failed');
    assert.deepEqual(levels(run, 'logs.logrotate'), ['critical']);
    assert.equal(await harness.read('a.log.1.gz'), 'one\n');
  });

  it('is mended, with no process left, when the run is stopped', async () => {
    await harness.write('a.log', text);
    const abort = new AbortController();
    const run = harness.rotate(immediate, { force: true, signal: abort.signal, env: await yielding(harness) });
    const compressing = await grown(harness.file('a.log.1.gz'), 1 << 16);
    const pin = await open(harness.file('a.log.1.gz'));
    abort.abort(new Error('stopped by a test'));
    await assert.rejects(run, /stopped by a test/);
    assert.deepEqual([...(await findWriters(new Set([compressing]))).writers], []);
    await pin.close();
    assert.deepEqual(await harness.names(), ['a.log', 'a.log.1.gz']);
    assert.equal((await harness.read('a.log.1.gz')) === text, true);
  }).timeout(60_000);

  it('leaves no uncompressed file that the next rotation would overwrite, and no gap', async () => {
    await harness.write('a.log', 'new\n');
    await harness.write('a.log.1', 'killed before gzip began\n');
    for (const index of [3, 4]) await writeFile(harness.file(`a.log.${index}.gz`), gzipSync(`generation ${index}\n`));
    const rotation = { rotate: [{ paths: ['*.log'], delaycompress: false, rotate: 3 }] };
    assert.equal((await harness.rotate(rotation, { force: true })).outcome, 'changed');
    assert.deepEqual(await harness.names(), ['a.log', 'a.log.1.gz', 'a.log.2.gz', 'a.log.3.gz']);
    assert.equal(await harness.read('a.log.2.gz'), 'killed before gzip began\n');
    assert.equal(await harness.read('a.log.3.gz'), 'generation 3\n');
  });

  it('sets a file aside whose archive holds something else', async () => {
    await harness.write('a.log', 'new\n');
    await harness.write('a.log.1', 'this\n');
    await writeFile(harness.file('a.log.1.gz'), gzipSync('that\n'));
    await harness.rotate(delayed, { force: true });
    assert.deepEqual(await harness.contents(), ['new\n', 'that\n', 'this\n']);
    assert.ok((await harness.names()).some((name) => /^a\.log\.1-\d{10}\.backup$/.test(name)));
  });

  it('drops the copy of a copytruncate that was killed before it truncated', async () => {
    const copying = { rotate: [{ paths: ['*.log'], copytruncate: true, compress: false }] };
    await harness.write('a.log', 'one\ntwo\n');
    const { ino, dev } = await stat(harness.file('a.log'), { bigint: true });
    await harness.rotate(copying);
    await harness.write('a.log.1', 'one\nt');
    await interruptedJournal(harness, {
      path: harness.file('a.log'),
      key: inodeKey({ ino, dev }),
      bytes: 8,
      generations: [],
    });
    assert.equal((await harness.rotate(copying, { force: true })).outcome, 'changed');
    assert.deepEqual(await harness.contents(), ['one\ntwo\n']);
  });
});

/** The real logrotate, on the configuration that the harness generated, killed once its archive has so many bytes. */
async function killWhileCompressing(harness: Harness, archive: string, bytes: number, orphan: boolean): Promise<void> {
  const args = ['-f', '-s', path.join(harness.memory, 'killed.state'), path.join(harness.memory, 'logrotate.conf')];
  const child = spawn('logrotate', args, { detached: true, stdio: 'ignore', env: await yielding(harness) });
  const exited = once(child, 'exit');
  await grown(harness.file(archive), bytes);
  const pid = child.pid!;
  process.kill(orphan ? pid : -pid, 'SIGKILL');
  await exited;
}

/** Environment in which logrotate and what it starts yield to the test, so that it sees how far they are also on a busy machine. */
async function yielding({ memory }: Harness): Promise<Record<string, string | undefined>> {
  const folder = path.join(memory, 'bin');
  await mkdir(folder, { recursive: true });
  const script = `#!/bin/sh\nexec nice -n 10 ${findProgram('logrotate') ?? 'logrotate'} "$@"\n`;
  await writeFile(path.join(folder, 'logrotate'), script, { mode: 0o755 });
  return { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` };
}

/** Waits for the file to be there with so many bytes; its inode key. */
async function grown(file: string, bytes: number): Promise<string> {
  for (;;) {
    const stats = await stat(file, { bigint: true }).catch(() => null);
    if (stats !== null && stats.size >= bytes) return inodeKey(stats);
    await pause(1);
  }
}

async function interruptedJournal(harness: Harness, log: object): Promise<void> {
  const config = path.join(harness.memory, 'logrotate.conf');
  await writeFile(
    journalFile(harness.memory, config),
    JSON.stringify({ startedAt: new Date().toISOString(), config, logs: [log] }),
  );
}
