import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { chownSync } from 'node:fs';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import { codes } from '../procedures/database/context.ts';
import { canMount, smallDisk } from '../store/smallDisk.ts';
import { AgentWorld, nextEvent } from './agentProcess.ts';
import { CutProxy } from './cutProxy.ts';
import { carryOut, deadRows, makeDatabase, until, untilNoBackend, type CarriedOut, type Given } from './maintenance.ts';
import { serverIdentity } from './postgresBinaries.ts';
import { startPostgres, type Postgres } from './postgres.ts';

const inWindow = { UPKEEP_WINDOW: 'win-test', UPKEEP_WINDOW_ENDS: '2999-01-01T00:00:00.000Z' };
const rebuild = (url: string, given: Given = {}): Promise<CarriedOut> =>
  carryOut('database-monthly-maintenance', url, { env: inWindow, options: { tables: ['orders'] }, ...given });

const slow = (work: string): string =>
  `create or replace function slow(int) returns int immutable language plpgsql as $$ begin ${work} return $1; end $$`;
/** A table whose index takes 50 ms a row from now on, so that a rebuild has written the rows and is at work for long. */
const slowOrders = [
  deadRows('orders', 20_000),
  slow(''),
  'create index orders_slow on orders (slow(id))',
  slow('perform pg_sleep(0.05);'),
];
const rebuilding = `select pid from pg_stat_progress_cluster where phase = 'rebuilding index'`;

describe('a rebuild whose server goes away', () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres({ settings: { autovacuum: 'off' } });
  });
  after(async () => {
    await untilNoBackend(server);
    await server.stop();
  });

  const rows = async (database: string): Promise<unknown> =>
    (await server.query('select count(*)::int as rows from orders', database))[0];

  it('F22: fails with the cause when the backend is killed, waits for the recovery, and warns of orphan files', async () => {
    const url = await makeDatabase(server, 'killed_full', ...slowOrders);
    const run = rebuild(url);
    const { pid } = await until(server, rebuilding);
    process.kill(Number(pid), 'SIGKILL');
    const { outcome, actions, findings } = await run;
    assert.deepEqual([outcome, actions[0]?.status, actions[0]?.verified], ['failed', 'failed', false]);
    assert.deepEqual(codes(findings), ['critical database.connection', 'warning database.orphan_files']);
    assert.match(findings[0]?.message ?? '', /was lost during maintenance .*crashed, restarted or is in recovery/);
    assert.match(
      findings[1]?.message ?? '',
      /\d+ files? \([\d.]+ .B\) in the data folder of shop belongs? to no relation.*base\/\d+\/\d+/,
    );
    assert.ok((findings[1]?.value ?? 0) > 100_000);
    assert.deepEqual(await rows('killed_full'), { rows: 2_000 });
  });

  it('F22: looks again where the server ends the next connection too, as one that has not noticed its crash yet', async () => {
    const url = await makeDatabase(server, 'killed_twice', ...slowOrders);
    const proxy = await CutProxy.start({ port: server.port, host: '127.0.0.1' });
    try {
      const run = rebuild(url.replace(`:${server.port}/`, `:${proxy.port}/`));
      const { pid } = await until(server, rebuilding);
      proxy.cutNextQueries(2);
      process.kill(Number(pid), 'SIGKILL');
      const { outcome, findings } = await run;
      assert.equal(outcome, 'failed');
      assert.deepEqual(codes(findings), ['critical database.connection', 'warning database.orphan_files']);
      assert.equal(proxy.queriesToCut, 0);
    } finally {
      await proxy.stop();
    }
  });

  it('F22: says so when an administrator ends the backend, and nothing is left', async () => {
    const url = await makeDatabase(server, 'terminated', ...slowOrders);
    const run = rebuild(url);
    const { pid } = await until(server, rebuilding);
    await server.query(`select pg_terminate_backend(${String(pid)})`);
    const { outcome, findings } = await run;
    assert.equal(outcome, 'failed');
    assert.deepEqual(codes(findings), ['critical database.connection']);
    assert.match(findings[0]?.message ?? '', /an administrator ended it/);
    assert.deepEqual(await rows('terminated'), { rows: 2_000 });
  });

  it('F22: fails with the cause when the server is stopped at once', async () => {
    const other = await startPostgres({ settings: { autovacuum: 'off' } });
    try {
      const url = await makeDatabase(other, 'stopped', ...slowOrders);
      const run = rebuild(url, { settings: { connect_timeout: '1s' } });
      await until(other, rebuilding);
      process.kill(other.pid, 'SIGQUIT');
      const { outcome, actions, findings, lines } = await run;
      assert.deepEqual([outcome, actions[0]?.status], ['failed', 'failed']);
      assert.deepEqual(codes(findings), ['critical database.connection']);
      assert.ok(lines.some((line) => line.includes('does not answer yet; it may still be in recovery')));
    } finally {
      await other.stop();
    }
  });

  it('F22: is tried again by the policy of its task, in a window that its run is told of', async function () {
    this.timeout(60_000);
    const url = await makeDatabase(server, 'retried', ...slowOrders);
    const world = new AgentWorld();
    try {
      world.write(`maintenance:
  databases: [{ name: shop, url: "\${SHOP_URL}" }]
  automated_tasks:
    - name: rebuild
      procedure: database-monthly-maintenance
      options: { tables: [public.orders] }
      retries: { count: 1, delay: 1s }
`);
      const { client } = await world.start(['--listen', 'none'], { SHOP_URL: url });
      await client.request('windows.open', { requestId: randomUUID(), reason: 'rebuild orders', minutes: 10 });
      const { run } = await client.request('tasks.run', { task: 'rebuild', requestId: randomUUID() });
      const { pid } = await until(server, rebuilding);
      await server.query(slow(''), 'retried');
      await server.query(`select pg_terminate_backend(${String(pid)})`);
      const second = await nextEvent(
        client,
        (event): event is Extract<AgentEvent, { type: 'run.changed' }> =>
          event.type === 'run.changed' && event.data.run.retryOf === run.id && event.data.run.state === 'ended',
      );
      assert.deepEqual([second.data.run.attempt, second.data.run.outcome], [2, 'changed']);
      const first = await client.request('runs.get', { runId: run.id });
      assert.equal(first.run.outcome, 'failed');
      assert.match(first.findings[0]?.message ?? '', /was lost during maintenance/);
    } finally {
      await world.dispose();
    }
  });
});

if (canMount) {
  describe('a rebuild on a disk that is full', () => {
    let server: Postgres;
    before(async () => {
      server = await startPostgres({ settings: { autovacuum: 'off' } });
    });
    after(async () => {
      await untilNoBackend(server);
      await server.stop();
    });

    it('is not begun where the copy would not fit; one that meets the end of the disk leaves the table as it was', async () => {
      const disk = smallDisk(12);
      try {
        const identity = await serverIdentity();
        if (identity !== undefined) chownSync(disk.folder, identity.uid, identity.gid);
        await server.query(`create tablespace small location '${disk.folder}'`);
        const url = await makeDatabase(
          server,
          'full_disk',
          'create table orders (id int primary key, note text) tablespace small',
          `insert into orders select g, repeat('x', 100) from generate_series(1, 20000) g`,
          'alter table orders set (fillfactor = 10)',
        );
        const state = `select pg_relation_filenode('orders') as node, (select count(*) from orders) as rows`;
        const before = await server.query(state, 'full_disk');
        const full = await rebuild(url);
        assert.deepEqual([full.outcome, full.actions[0]?.status], ['failed', 'failed']);
        assert.deepEqual(codes(full.findings), ['critical database.full_disk']);
        assert.match(
          full.findings[0]?.message ?? '',
          /VACUUM FULL of public\.orders stopped, no space is left.*the old data is unharmed/,
        );
        assert.deepEqual(await server.query(state, 'full_disk'), before);
        disk.fill();
        const short = await rebuild(url);
        assert.deepEqual([short.outcome, short.actions[0]?.status], ['warning', 'skipped']);
        assert.deepEqual(codes(short.findings), ['warning database.disk_room']);
        disk.clear();
        await server.query('drop table orders', 'full_disk');
        await server.query('drop tablespace small');
      } finally {
        disk.dispose();
      }
    });
  });
}

describe('pg_repack that is stopped', () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres({ edition: 'debian', settings: { autovacuum: 'off' } });
  });
  after(async () => {
    await untilNoBackend(server);
    await server.stop();
  });

  it('leaves no trigger, no log, no copy and no backend, and the next try succeeds', async () => {
    const url = await makeDatabase(server, 'repack_stopped', ...slowOrders, 'create extension pg_repack');
    const controller = new AbortController();
    const run = rebuild(url, { env: {}, signal: controller.signal });
    const stopped = assert.rejects(run, /stopped by a test/);
    await until(server, `select pid from pg_stat_progress_create_index`);
    controller.abort(new Error('stopped by a test'));
    await stopped;
    await untilNoBackend(server);
    const left = `select relname from pg_class where relnamespace = 'repack'::regnamespace and relname ~ '_[0-9]+$'
      union all select tgname from pg_trigger where tgrelid = 'orders'::regclass`;
    assert.deepEqual(await server.query(left, 'repack_stopped'), []);
    await server.query(slow(''), 'repack_stopped');
    const again = await rebuild(url, { env: {} });
    assert.deepEqual([again.outcome, again.actions[0]?.verified], ['changed', true], JSON.stringify(again.findings));
  });

  it('gives up in time where somebody holds the table, and cancels nobody (F24)', async () => {
    const url = await makeDatabase(server, 'repack_held', deadRows('orders', 2_000), 'create extension pg_repack');
    const holder = new pg.Client({ connectionString: url, application_name: 'other' });
    await holder.connect();
    try {
      await holder.query('begin; lock table orders in share mode');
      const { outcome, actions } = await rebuild(url, { env: {} });
      assert.deepEqual([outcome, actions[0]?.status], ['warning', 'skipped']);
      assert.match(actions[0]?.reason ?? '', /no lock within 1 s/);
      await holder.query('commit');
    } finally {
      await holder.end();
    }
  });
});
