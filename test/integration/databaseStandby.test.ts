import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { after, before, describe, it } from 'mocha';
import * as z from 'zod';
import { checkBloat } from '../../agent/procedures/database/checkBloat.ts';
import { checkDbHealth } from '../../agent/procedures/database/checkDbHealth.ts';
import { healthSchema } from '../../agent/procedures/database/healthReadings.ts';
import { monitorQueries } from '../../agent/procedures/database/monitorQueries.ts';
import { performanceAnalysis } from '../../agent/procedures/database/performanceAnalysis.ts';
import { visitedSchema } from '../../agent/procedures/database/visit.ts';
import { findDebianPostgres } from '../systemPackages.ts';
import { check, withMemory, type Given } from './databaseCheck.ts';
import { makeDatabase, until, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';
import { serverIdentity } from './postgresBinaries.ts';

describe('a primary and its standby', () => {
  let primary: Postgres;
  let standby: Postgres;
  let folder: string;
  before(async () => {
    primary = await startPostgres({ edition: 'debian', settings: { autovacuum: 'off' } });
    await makeDatabase(
      primary,
      'shop',
      'create extension pg_stat_statements',
      'create extension pgstattuple',
      'create table orders (id serial primary key)',
      'insert into orders select generate_series(1, 1000)',
      'vacuum analyze',
    );
    folder = await mkdtemp(join(tmpdir(), 'upkeep-standby-'));
    await cloneServer(primary, folder);
    standby = await startPostgres({ edition: 'debian', directory: folder, settings: { autovacuum: 'off' } });
    await until(primary, `select 1 from pg_stat_replication where state = 'streaming'`);
  });
  after(async () => {
    await untilNoBackend(standby);
    await standby.stop();
    await primary.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function health(server: Postgres, given: Given = {}) {
    const checked = await check(checkDbHealth, server.url('shop'), given);
    const [first] = z.array(healthSchema).parse(checked.part['health']);
    const lag = checked.findings.find(({ code }) => code === 'database.replication_lag');
    const [database] = z.array(visitedSchema).parse(checked.part['databases']);
    return { ...checked, health: first, lag, database };
  }

  it('are well: the one tells who streams, the other that it is a standby', async () => {
    const first = await health(primary);
    assert.deepEqual([first.lag?.level, first.lag?.unit, first.database?.standby], ['ok', 's', false]);
    assert.match(first.lag?.message ?? '', /^Standby walreceiver at 127\.0\.0\.1 of shop \(streaming\) is /);
    assert.equal(first.health?.standbys[0]?.state, 'streaming');
    const second = await health(standby);
    assert.deepEqual([second.outcome, second.lag?.level, second.database?.standby], ['unchanged', 'ok', true]);
    assert.match(
      second.lag?.message ?? '',
      /shop is a standby, [\d.]+ s and [\d.]+ \w+ behind what it has received\.$/,
    );
  });

  it('are warned of when the standby falls behind', async () => {
    await primary.query('insert into orders values (1001)', 'shop');
    await until(standby, 'select 1 where pg_last_xact_replay_timestamp() is not null');
    await standby.query('select pg_wal_replay_pause()');
    try {
      await primary.query('insert into orders select generate_series(1002, 20000)', 'shop');
      await until(standby, 'select 1 where pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()');
      // Shown in tenths of a second.
      await until(standby, "select 1 where now() - pg_last_xact_replay_timestamp() > interval '500 ms'");
      const settings = { replication_lag: '1ms' };
      const second = await health(standby, { settings });
      assert.ok(second.lag?.level === 'critical' || second.lag?.level === 'warning', second.lag?.message);
      assert.ok((second.health?.lagSeconds ?? 0) > 0);
      const first = await health(primary, { settings });
      assert.ok((first.health?.standbys[0]?.lagBytes ?? 0) > 0);
    } finally {
      await standby.query('select pg_wal_replay_resume()');
    }
  });

  it('can both be looked at by every check, the standby without a write', async () => {
    for (const procedure of [checkBloat, monitorQueries]) {
      const options = procedure === checkBloat ? { method: 'exact', minSize: '0B' } : {};
      const { outcome, findings } = await check(procedure, standby.url('shop'), { options });
      assert.equal(outcome, 'unchanged', findings.map(({ message }) => message).join(' '));
    }
    await withMemory(undefined, async (memory) => {
      const options = { comprehensive: true };
      const { outcome } = await check(performanceAnalysis, standby.url('shop'), {
        options,
        memory: join(memory, 'analysis'),
      });
      assert.notEqual(outcome, 'failed');
    });
  });

  it('are warned of when the standby has lost its primary', async () => {
    // Without an address of its primary the receiver ends; what it had is replayed all the same.
    await standby.query(`alter system set primary_conninfo = ''`);
    await standby.query('select pg_reload_conf()');
    await until(standby, 'select 1 where not exists (select from pg_stat_wal_receiver)');
    const second = await health(standby);
    assert.equal(second.lag?.level, 'warning');
    assert.match(second.lag.message, /no WAL is being streamed to it; see its log, primary_conninfo/);
    await until(primary, 'select 1 where not exists (select from pg_stat_replication)');
    assert.equal((await health(primary)).lag, undefined);
  });
});

/** A copy of a running server as its standby, with the same passwords. PostgreSQL manual: pg_basebackup. */
async function cloneServer(primary: Postgres, folder: string): Promise<void> {
  const identity = await serverIdentity();
  const data = join(folder, 'data');
  await mkdir(data, { mode: 0o700 });
  await writeFile(join(folder, 'password'), `${primary.password}\n`, { mode: 0o600 });
  if (identity !== undefined) {
    await chmod(folder, 0o711);
    await chown(data, identity.uid, identity.gid);
  }
  const address = ['-h', '127.0.0.1', '-p', String(primary.port), '-U', primary.superuser];
  await promisify(execFile)(
    join(findDebianPostgres() ?? '', 'pg_basebackup'),
    [...address, '-D', data, '--write-recovery-conf', '--wal-method=stream', '--checkpoint=fast', '--no-sync'],
    { ...identity, cwd: '/', env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', PGPASSWORD: primary.password } },
  );
}
