import assert from 'node:assert/strict';
import { open, stat, unlink } from 'node:fs/promises';
import { findWriters, inodeKey } from '../../../agent/procedures/logs/writers.ts';
import { createHarness, levels, only } from './harness.ts';
import type { Harness } from './harness.ts';
import { assertLines, ReopeningWriter } from './reopeningWriter.ts';

describe('writers of a log', function () {
  this.timeout(60_000);
  let harness: Harness;
  let writer: ReopeningWriter | null = null;
  beforeEach(async () => {
    harness = await createHarness();
  });
  afterEach(async () => {
    writer?.kill();
    writer = null;
    await harness.remove();
  });

  async function start(stubborn = false): Promise<ReopeningWriter> {
    writer = await ReopeningWriter.start(harness.file('a.log'), { stubborn });
    return writer;
  }

  const reopening = ({ pid }: ReopeningWriter) => ({ rotate: [{ paths: ['a.log'], postrotate: `kill -USR1 ${pid}` }] });

  it('that reopen at the signal are not reported, and no line of theirs is lost', async () => {
    const child = await start();
    const run = await harness.rotate(reopening(child), { force: true });
    assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    assert.deepEqual(only(run.files).heldBy, []);
    const count = await child.stop();
    assertLines(await harness.contents(), count);
  });

  it('that keep the old file are named, with what to do, and still named by the next run', async () => {
    const child = await start(true);
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
    await child.stop();
  });

  it('that keep the old file lose nothing when the next rotation would overwrite it', async () => {
    const child = await start(true);
    const settings = (delaycompress: boolean) => ({ rotate: [{ paths: ['a.log'], delaycompress }] });
    await harness.rotate(settings(true), { force: true });
    await harness.write('a.log', 'other\n');
    await harness.rotate(settings(false), { force: true });
    const count = await child.stop();
    const contents = await harness.contents();
    assertLines(
      contents.filter((text) => text !== 'other\n'),
      count,
    );
    assert.ok(contents.includes('other\n'));
  });

  it('that keep the old file lose nothing when it is compressed a round later, and are still named', async () => {
    const child = await start(true);
    await harness.rotate(reopening(child), { force: true });
    for (const text of ['other\n', 'another\n']) {
      await harness.write('a.log', text);
      const run = await harness.rotate(reopening(child), { force: true });
      assert.deepEqual(levels(run, 'logs.writer'), ['warning'], JSON.stringify(run.findings));
      assert.deepEqual(
        only(run.files).heldBy.map(({ pid }) => pid),
        [child.pid],
      );
    }
    const count = await child.stop();
    const contents = await harness.contents();
    assertLines(
      contents.filter((text) => text.startsWith('line')),
      count,
    );
    assert.equal(contents.length, 3);
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
    await child.stop();
    assert.equal((await findWriters(new Set([key]))).writers.size, 0);
  });
});
