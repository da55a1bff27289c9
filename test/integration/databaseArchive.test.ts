import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'mocha';
import { codes } from '../procedures/database/context.ts';
import { maintain, until } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

const daysAgo = (days: number): Date => new Date(Date.now() - days * 86_400_000);
const segment = (number: number): string => `00000001000000000000000${number}`;

describe('WAL in the daily maintenance', () => {
  let server: Postgres;
  let archive: string;
  before(async () => {
    server = await startPostgres({
      settings: { autovacuum: 'off', archive_mode: 'on', max_wal_size: '32MB' },
    });
    await setArchiveCommand('true');
  });
  after(async () => {
    await server.stop();
  });
  beforeEach(async () => {
    archive = await mkdtemp(join(tmpdir(), 'upkeep-archive-'));
  });
  afterEach(async () => {
    await rm(archive, { recursive: true });
  });

  async function setArchiveCommand(command: string): Promise<void> {
    await server.query(`alter system set archive_command = '${command}'`);
    await server.query('select pg_reload_conf()');
    await until(server, `select 1 where current_setting('archive_command') = '${command}'`);
  }

  async function archived(name: string, days: number): Promise<void> {
    await writeFile(join(archive, name), 'wal');
    await utimes(join(archive, name), daysAgo(days), daysAgo(days));
  }

  const settings = () => ({ archive_directory: archive, wal_retention: '7d' });

  it('removes archived segments older than wal_retention, none that a backup needs, and proves it', async () => {
    for (const number of [1, 2, 3, 4]) await archived(segment(number), 20);
    await archived(segment(5), 1);
    await archived(`${segment(3)}.00000028.backup`, 20);
    await archived('00000002.history', 40);
    await archived('notes.txt', 40);
    const { outcome, actions, findings } = await maintain(server.url(), { settings: settings() });
    assert.equal(outcome, 'changed');
    const left = ['notes.txt', segment(3), segment(4), segment(5), '00000002.history', `${segment(3)}.00000028.backup`];
    assert.deepEqual((await readdir(archive)).sort(), left.sort());
    const [action] = actions;
    assert.deepEqual([action?.relation, action?.status, action?.verified], [archive, 'done', true]);
    assert.deepEqual(
      [action?.before, action?.after],
      [
        { files: 5, bytes: 15 },
        { files: 3, bytes: 9 },
      ],
    );
    assert.deepEqual(codes(findings), ['info database.archive']);
    assert.match(findings[0]?.message ?? '', /stays for the backup that starts with 000000010000000000000003/);
  });

  it('only plans that in a dry run', async () => {
    for (const number of [1, 2]) await archived(segment(number), 20);
    const { actions, lines } = await maintain(server.url(), { settings: settings(), dryRun: true });
    assert.equal((await readdir(archive)).length, 2);
    assert.equal(actions[0]?.status, 'planned');
    assert.ok(lines.some((line) => line.startsWith(`would remove: ${join(archive, segment(1))}`)));
  });

  it('follows no link, and leaves folders alone', async () => {
    await archived('target', 20);
    await symlink(join(archive, 'target'), join(archive, segment(1)));
    await mkdir(join(archive, segment(2)));
    assert.deepEqual((await maintain(server.url(), { settings: settings() })).actions, []);
    assert.equal((await readdir(archive)).length, 3);
  });

  it('refuses a folder of a data directory, and one that is missing', async () => {
    await mkdir(join(archive, 'archive_status'));
    await archived(segment(1), 20);
    const refused = await maintain(server.url(), { settings: settings() });
    assert.deepEqual([refused.outcome, codes(refused.findings)], ['failed', ['critical database.archive']]);
    assert.ok((await readdir(archive)).includes(segment(1)));
    const missing = { ...settings(), archive_directory: join(archive, 'missing') };
    const { outcome, findings } = await maintain(server.url(), { settings: missing });
    assert.equal(outcome, 'failed');
    assert.match(findings[0]?.message ?? '', /can not be read .*ENOENT.*correct database\.archive_directory/);
  });

  it('removes nothing while no database answers', async () => {
    await archived(segment(1), 20);
    const url = server.url('missing');
    const { findings } = await maintain(url, { settings: { ...settings(), connect_timeout: '1s' } });
    assert.deepEqual(codes(findings), ['critical database.connection', 'info database.archive']);
    assert.deepEqual(await readdir(archive), [segment(1)]);
  });

  it('reports a slot that retains WAL beyond max_wal_size', async () => {
    await server.query(`select pg_create_physical_replication_slot('forgotten', true)`);
    try {
      const first = await maintain(server.url());
      assert.deepEqual(codes(first.findings), ['info database.replication_slot']);
      for (let count = 0; count < 4; count++) {
        await server.query(`select pg_logical_emit_message(false, 'test', 'x')`);
        await server.query('select pg_switch_wal()');
      }
      const second = await maintain(server.url());
      assert.deepEqual(codes(second.findings), ['warning database.replication_slot']);
      assert.match(
        second.findings[0]?.message ?? '',
        /slot forgotten \(physical, inactive\) retains \d\d\.\d MB of WAL/,
      );
    } finally {
      await server.query(`select pg_drop_replication_slot('forgotten')`);
    }
  });

  it('reports an archive_command that fails, with what waits', async () => {
    await setArchiveCommand('false');
    await server.query(`select pg_logical_emit_message(false, 'test', 'x')`);
    await server.query('select pg_switch_wal()');
    await until(server, 'select 1 from pg_stat_archiver where last_failed_time is not null');
    const { outcome, findings } = await maintain(server.url());
    assert.equal(outcome, 'warning');
    const finding = findings.find((entry) => entry.code === 'database.archiver');
    assert.equal(finding?.level, 'critical');
    assert.match(
      finding.message,
      /^Archiving of WAL [0-9A-F]{24} failed at .*, [1-9]\d* segments? waits?; see the server's log/,
    );
  });
});
