import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, stat, unlink } from 'node:fs/promises';
import { findWriters, inodeKey } from '../../../agent/procedures/logs/writers.ts';
import { createHarness, levels, only } from './harness.ts';
import type { Harness } from './harness.ts';

/** Writes numbered lines; SIGUSR1 makes it reopen its file unless it is stubborn; at SIGTERM it tells how many there are. */
const program = `
  const fs = require('node:fs');
  const [file, stubborn] = process.argv.slice(1);
  let fd = fs.openSync(file, 'a'), lines = 0;
  const timer = setInterval(() => fs.writeSync(fd, 'line ' + ++lines + '\\n'), 2);
  process.on('SIGUSR1', () => { if (stubborn) return; fs.closeSync(fd); fd = fs.openSync(file, 'a'); });
  process.on('SIGTERM', () => { clearInterval(timer); fs.closeSync(fd); process.send(lines, () => process.exit()); });
  setTimeout(() => process.send('ready'), 20);
`;

describe('writers of a log', () => {
  let harness: Harness;
  let writer: ChildProcess | null = null;
  beforeEach(async () => {
    harness = await createHarness();
  });
  afterEach(async () => {
    writer?.kill('SIGKILL');
    writer = null;
    await harness.remove();
  });

  async function start(...args: string[]): Promise<ChildProcess> {
    const child = spawn(process.execPath, ['-e', program, harness.file('a.log'), ...args], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    writer = child;
    await once(child, 'message');
    return child;
  }

  async function stop(child: ChildProcess): Promise<number> {
    const message = once(child, 'message');
    child.kill('SIGTERM');
    const [count] = (await message) as [number];
    await once(child, 'exit');
    return count;
  }

  const reopening = (child: ChildProcess) => ({
    rotate: [{ paths: ['a.log'], postrotate: `kill -USR1 ${child.pid ?? 0}` }],
  });

  it('that reopen at the signal are not reported, and no line of theirs is lost', async () => {
    const child = await start();
    const run = await harness.rotate(reopening(child), { force: true });
    assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    assert.deepEqual(only(run.files).heldBy, []);
    const count = await stop(child);
    const numbers = (await harness.contents())
      .join('')
      .trim()
      .split('\n')
      .map((line) => Number(line.slice(5)));
    assert.deepEqual(
      numbers.sort((a, b) => a - b),
      Array.from({ length: count }, (_, index) => index + 1),
    );
  });

  it('that keep the old file are named, with what to do, and still named by the next run', async () => {
    const child = await start('stubborn');
    const run = await harness.rotate(reopening(child), { force: true });
    assert.equal(run.outcome, 'warning');
    const file = only(run.files);
    assert.equal(file.action, 'rotated');
    assert.deepEqual(
      file.heldBy.map(({ pid }) => pid),
      [child.pid],
    );
    assert.match(run.findings.find(({ code }) => code === 'logs.writer')?.message ?? '', /reopen its log/);
    const next = await harness.rotate(reopening(child));
    assert.deepEqual(levels(next, 'logs.writer'), ['warning']);
    await stop(child);
  });

  it('that keep the old file lose nothing when the next rotation would overwrite it', async () => {
    const child = await start('stubborn');
    const settings = (delaycompress: boolean) => ({ rotate: [{ paths: ['a.log'], delaycompress }] });
    await harness.rotate(settings(true), { force: true });
    await harness.write('a.log', 'line 0\n');
    await harness.rotate(settings(false), { force: true });
    const count = await stop(child);
    const numbers = (await harness.contents())
      .join('')
      .trim()
      .split('\n')
      .map((line) => Number(line.slice(5)));
    assert.deepEqual(
      numbers.sort((a, b) => a - b),
      Array.from({ length: count + 1 }, (_, index) => index),
    );
  });

  it('are found by inode, also after the file was removed; readers are not writers', async () => {
    const child = await start();
    const key = inodeKey(await stat(harness.file('a.log'), { bigint: true }));
    const reader = await open(harness.file('a.log'), 'r');
    await unlink(harness.file('a.log'));
    const scan = await findWriters(new Set([key]));
    assert.deepEqual(
      scan.writers.get(key)?.map(({ pid }) => pid),
      [child.pid],
    );
    await reader.close();
    await stop(child);
    assert.equal((await findWriters(new Set([key]))).writers.size, 0);
  });
});
