import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import * as z from 'zod';
import { checkDbHealth } from '../../agent/procedures/database/checkDbHealth.ts';
import { healthSchema } from '../../agent/procedures/database/healthReadings.ts';
import { codes } from '../procedures/database/context.ts';
import {
  check,
  hostileNames,
  quoted,
  untilTrue,
  withClient,
  withMemory,
  type Checked,
  type Given,
} from './databaseCheck.ts';
import { makeDatabase, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

async function health(url: string | undefined, given: Given = {}) {
  const checked = await check(checkDbHealth, url, given);
  const [first] = z.array(healthSchema).parse(checked.part['health']);
  return { ...checked, health: first };
}

function found(checked: Checked, code: string) {
  const finding = checked.findings.find((entry) => entry.code === code);
  assert.ok(finding !== undefined, `${code} in ${codes(checked.findings).join(', ')}`);
  return finding;
}

for (const edition of ['newest', 'debian'] as const) {
  describe(`check-db-health on a real PostgreSQL (${edition})`, () => {
    let server: Postgres;
    before(async () => {
      server = await startPostgres({
        edition,
        settings: { autovacuum: 'off', deadlock_timeout: '10ms', max_prepared_transactions: '2' },
      });
    });
    after(async () => {
      await untilNoBackend(server);
      await server.stop();
    });

    it('finds nothing wrong with a sound server, and says what it looked at', async () => {
      const url = await makeDatabase(server, 'sound', 'create table t (id serial primary key)');
      const checked = await health(url);
      assert.equal(checked.outcome, 'unchanged');
      assert.deepEqual([...new Set(checked.findings.map(({ level }) => level))], ['ok']);
      assert.deepEqual(
        new Set(checked.findings.map(({ code }) => code.replace('database.', ''))),
        new Set(
          'connection connections wraparound lock_wait deadlocks rollbacks cache_hits sequence disk vacuum'.split(' '),
        ),
      );
      assert.equal(checked.health?.connections?.maximum, 40);
      assert.equal(checked.health.disks[0]?.path, server.dataDirectory);
    });

    it('shows who waits for whose lock as a tree, and offers to end the session at its root', async () => {
      const url = await makeDatabase(server, 'waits', 'create table held as select 1 as id');
      await withClient(url, async (holder, root) => {
        await holder.query('begin; lock table held in access exclusive mode');
        await withClient(url, async (second, secondPid) => {
          await withClient(url, async (third, thirdPid) => {
            const waiting = [second.query('select * from held'), third.query('begin; lock table held in share mode')];
            // The third waits behind the lock that the first holds, and not at all for the second, which only reads.
            await untilTrue(
              server,
              `(select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query_start < clock_timestamp() - interval '1.1 s') = 2`,
            );
            const checked = await health(url);
            assert.equal(checked.outcome, 'warning');
            const finding = found(checked, 'database.lock_wait');
            assert.match(
              finding.message,
              new RegExp(
                `^pid ${root} \\(user postgres, other, idle in transaction .*keeps 2 sessions of shop waiting`,
              ),
            );
            assert.match(finding.message, /AccessShareLock on public\.held/);
            assert.deepEqual(finding.remedy?.options, { database: 'shop', terminate: root });
            assert.ok((finding.value ?? 0) > 1 && finding.unit === 's');
            assert.deepEqual(
              new Set(checked.health?.waits.map(({ pid, blockedBy }) => `${pid} ${blockedBy.join()}`)),
              new Set([`${secondPid} ${root}`, `${thirdPid} ${root}`]),
            );
            assert.ok(checked.lines.some((line) => line.startsWith(`  pid ${root} `)));
            assert.ok(checked.lines.some((line) => line.startsWith(`    pid ${thirdPid} `)));
            await holder.query('rollback');
            await Promise.all(waiting);
            await third.query('rollback').catch(() => undefined);
          });
        });
      });
    });

    it('counts deadlocks and rollbacks since the check before, and none of those before it', async () => {
      const url = await makeDatabase(
        server,
        'deadlock',
        'create table t (id int primary key)',
        'insert into t values (1), (2)',
      );
      await deadlock(server, url);
      await withMemory(undefined, async (memory) => {
        const first = await health(url, { memory });
        assert.equal(found(first, 'database.deadlocks').level, 'ok');
        assert.equal(first.health?.activity?.since, null);
        assert.equal(found(await health(url, { memory }), 'database.deadlocks').value, 0);
        await deadlock(server, url);
        const last = await health(url, { memory });
        const finding = found(last, 'database.deadlocks');
        assert.deepEqual([finding.level, finding.value], ['warning', 1]);
        assert.ok(last.health?.activity?.since !== null && (last.health?.activity?.rollbacks ?? 0) >= 1);
      });
    });

    it('V23: warns of sequences that run out, of any name, by the type of their column', async () => {
      const tables = hostileNames.map((name) => `create table ${quoted(name)} (id serial primary key)`);
      const full = hostileNames.map(
        (name) =>
          `select setval(pg_get_serial_sequence('public.${quoted(name).replaceAll("'", "''")}', 'id'), 2000000000)`,
      );
      const url = await makeDatabase(
        server,
        'sequences',
        'create table victim as select 1 as id',
        ...tables,
        ...full,
        'create sequence roomy',
        'create sequence round maxvalue 3 cycle',
        `select nextval('round'), nextval('round'), nextval('round')`,
        'create sequence down increment -1 minvalue -100 maxvalue -1',
        `select setval('down', -98)`,
      );
      const checked = await health(url);
      const warnings = checked.findings.filter((finding) => finding.code === 'database.sequence');
      assert.equal(warnings.length, 10);
      assert.equal(warnings.filter(({ level }) => level === 'critical').length, 1, 'the descending one');
      assert.ok(warnings.slice(1).every((finding) => finding.message.includes('93.1 % of the range of public.')));
      assert.ok(checked.lines.every((line) => !line.includes('\n')));
      assert.ok(checked.findings.every((finding) => !finding.message.includes('\n')));
      assert.equal((await server.query('select * from victim', 'sequences')).length, 1);
    });

    it('V23: checks a database of any name', async () => {
      const name = `odd "name'; -- \\! 表\n${edition}`;
      await server.query(`create database ${quoted(name)}`);
      const checked = await health(server.url(name), {});
      assert.equal(checked.outcome, 'unchanged');
      await server.query(`drop database ${quoted(name)}`);
    });

    it('tells long and prepared transactions that hold rows back', async () => {
      const url = await makeDatabase(server, 'long', 'create table t as select 1 as id');
      await withClient(url, async (client, pid) => {
        await client.query('begin; insert into t values (2)');
        await client.query('select pg_sleep(0.02)');
        const checked = await health(url, { settings: { long_transaction: '10ms' } });
        const finding = found(checked, 'database.long_transaction');
        assert.match(finding.message, new RegExp(`pid ${pid} \\(user postgres, other, idle in transaction`));
        assert.deepEqual(finding.remedy?.options, { database: 'shop', terminate: pid });
        await client.query(`prepare transaction 'left "behind"'`);
      });
      const { health: read } = await health(url);
      assert.deepEqual(
        read?.preparedTransactions.map(({ name, owner, database }) => [name, owner, database]),
        [['left "behind"', 'postgres', 'long']],
      );
      await server.query(`rollback prepared 'left "behind"'`, 'long');
    });

    it('says what a role without pg_monitor can not see, and checks the rest', async () => {
      const url = await makeDatabase(
        server,
        'plain',
        'create table t (id serial primary key)',
        `create role plain login password 'plain'`,
      );
      const checked = await health(url.replace(/\/\/.*@/, '//plain:plain@'));
      assert.equal(checked.outcome, 'unchanged');
      assert.match(found(checked, 'database.insight').message, /Role plain can not see .*grant it pg_monitor/);
      const sequence = found(checked, 'database.sequence');
      assert.match(sequence.message, /1 of 1 sequence of shop could not be read .*grant it SELECT/);
      assert.deepEqual(checked.health?.disks, []);
      await server.query('grant pg_monitor to plain; grant select on all sequences in schema public to plain', 'plain');
      const watcher = await health(url.replace(/\/\/.*@/, '//plain:plain@'));
      assert.deepEqual([...new Set(watcher.findings.map(({ level }) => level))], ['ok']);
    });
  });
}

/** Two sessions, each holding the row that the other wants; waits until the server has counted it. */
async function deadlock(server: Postgres, url: string): Promise<void> {
  const count = async (): Promise<number> => {
    const rows = await server.query<{ n: number }>(
      `select deadlocks::int as n from pg_stat_database where datname = 'deadlock'`,
    );
    return rows[0]?.n ?? 0;
  };
  const before = await count();
  await withClient(url, async (one) => {
    await withClient(url, async (other) => {
      for (const client of [one, other]) await client.query('begin');
      await one.query('update t set id = id where id = 1');
      await other.query('update t set id = id where id = 2');
      const ends = await Promise.allSettled([
        one.query('update t set id = id where id = 2'),
        other.query('update t set id = id where id = 1'),
      ]);
      assert.equal(ends.filter(({ status }) => status === 'rejected').length, 1);
    });
  });
  await untilTrue(server, `(select deadlocks from pg_stat_database where datname = 'deadlock') = ${before + 1}`);
}
