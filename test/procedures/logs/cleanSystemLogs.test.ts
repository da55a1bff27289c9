import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, open, readdir, symlink, utimes } from 'node:fs/promises';
import path from 'node:path';
import type * as z from 'zod';
import type { logSettings } from '../../../agent/config/logs.ts';
import { cleanSystemLogs } from '../../../agent/procedures/logs/cleanSystemLogs.ts';
import { part as cleanPart } from '../../../agent/procedures/logs/cleanSystemLogsWork.ts';
import { contextFor, createArchiveHarness, dayMs } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';
import { configuration } from './harness.ts';
import { archivedJournal, sizeOnDisk } from './journalWorld.ts';

describe('clean-system-logs', function () {
  this.timeout(60_000);
  let harness: ArchiveHarness;
  let journal: string;
  beforeEach(async () => {
    harness = await createArchiveHarness();
    journal = path.join(harness.memory, 'journal');
    await mkdir(journal);
  });
  afterEach(() => harness.remove());

  async function clean(
    logs: z.input<typeof logSettings> = {},
    {
      options = {},
      dryRun = false,
      env = process.env,
    }: { options?: object; dryRun?: boolean; env?: NodeJS.ProcessEnv } = {},
  ) {
    const { context, findings } = contextFor({ ...logs, journal: { directory: journal, ...logs.journal } }, harness, {
      dryRun,
    });
    const result = await cleanSystemLogs.execute(options, { ...context, env });
    return { outcome: result.outcome, findings, ...cleanPart.parse(result.part) };
  }

  const ago = (days: number): Date => new Date(Date.now() - days * dayMs);

  it('removes archived journal files that are too old by journalctl, and measures before and after', async () => {
    const old = archivedJournal(journal, ago(30), 50);
    const young = archivedJournal(journal, ago(1), 50);
    await utimes(old, ago(30), ago(30));
    const sizes = [sizeOnDisk(old), sizeOnDisk(young)] as const;
    const plan = await clean({}, { dryRun: true });
    assert.deepEqual(
      plan.removed.map((one) => [one.path, one.action]),
      [[old, 'planned']],
    );
    assert.equal((await readdir(journal)).length, 2);
    const run = await clean();
    assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    assert.deepEqual(
      run.removed.map((one) => [one.path, one.action]),
      [[old, 'removed']],
    );
    assert.deepEqual(run.journal, { before: sizes[0] + sizes[1], after: sizes[1] });
    assert.deepEqual(await readdir(journal), [path.basename(young)]);
    assert.equal((await clean()).outcome, 'unchanged');
  });

  it('removes the oldest beyond the size, and takes limits from the command line', async () => {
    const files = [20, 10, 1].map((days) => archivedJournal(journal, ago(days), 50));
    const most = Math.floor(sizeOnDisk(files[2]!) / 1024) + 1;
    const run = await clean({}, { options: { keep: '365d', maxSize: `${most}K` } });
    assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    assert.deepEqual(await readdir(journal), [path.basename(files[2]!)]);
    await assert.rejects(clean({}, { options: { maxSize: 'much' } }), /a size with its unit/);
  });

  it('names the package of a tool that is missing', async () => {
    const run = await clean({}, { env: { PATH: harness.memory } });
    assert.equal(run.outcome, 'failed');
    assert.match(run.findings[0]?.message ?? '', /package `systemd`/);
  });

  it('removes only old files that the configuration names, and never links, folders and files in use', async () => {
    await harness.old('keep.txt', 'not named');
    await harness.old('old.tmp', 'old', 8);
    await harness.old('young.tmp', 'young', 6);
    await harness.old('used.tmp', 'used', 8);
    await mkdir(harness.file('folder.tmp'));
    await symlink(harness.file('keep.txt'), harness.file('link.tmp'));
    execFileSync('touch', ['-h', '-d', '2020-01-01', harness.file('link.tmp'), harness.file('folder.tmp')]);
    await using used = await open(harness.file('used.tmp'), 'r+');
    const cleanup = { files: [{ paths: ['*.tmp'] }] };
    const plan = await clean({ cleanup }, { dryRun: true });
    assert.ok(plan.removed.some((one) => one.path === harness.file('old.tmp') && one.action === 'planned'));
    const run = await clean({ cleanup });
    assert.ok(used.fd > 0);
    assert.equal(run.outcome, 'warning', JSON.stringify(run.findings));
    assert.deepEqual(await harness.names(), ['folder.tmp', 'keep.txt', 'link.tmp', 'used.tmp', 'young.tmp']);
  });

  it('says before a start what it deletes', async () => {
    const config = configuration({ cleanup: { apt: true, files: [{ paths: ['/tmp/app-*'] }] } }, '/');
    const text = (await cleanSystemLogs.impactOf({ maxSize: '1G' }, config)) ?? '';
    assert.match(text, /1w|7d/);
    assert.match(text, /beyond 1G/);
    assert.match(text, /\/tmp\/app-\*/);
  });
});
