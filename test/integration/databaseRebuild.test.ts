import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { procedures } from '../../agent/procedures/index.ts';
import { codes, makeConfig } from '../procedures/database/context.ts';
import { carryOut, deadRows, makeDatabase, until, untilNoBackend, type Given } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

const inWindow = { UPKEEP_WINDOW: 'win-test', UPKEEP_WINDOW_ENDS: '2999-01-01T00:00:00.000Z' };
const monthly = (url: string, given: Given = {}) =>
  carryOut('database-monthly-maintenance', url, {
    env: inWindow,
    ...given,
    settings: { bloat_minimum_bytes: 100_000, ...given.settings },
  });
/** A table of 20,000 rows of which a tenth is left, and whose statistics say so. */
const bloated = (table: string): string[] => [deadRows(table, 20_000), `vacuum (analyze) ${table}`];

describe('database-monthly-maintenance on PostgreSQL 18', () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres({ settings: { autovacuum: 'off', log_lock_waits: 'on', deadlock_timeout: '100ms' } });
  });
  after(async () => {
    await untilNoBackend(server);
    await server.stop();
  });

  const sizeOf = async (database: string, table: string): Promise<number> =>
    Number((await server.query('select pg_total_relation_size($1::regclass) as size', database, [table]))[0]?.['size']);

  it('writes bloated tables anew inside a window, rebuilds the other indexes and analyses all', async () => {
    const url = await makeDatabase(
      server,
      'monthly',
      ...bloated('orders'),
      `create table fine (id int primary key, note text)`,
      `insert into fine select g, repeat('x', 100) from generate_series(1, 5000) g`,
      'vacuum analyze fine',
    );
    const before = await sizeOf('monthly', 'orders');
    const { outcome, actions, findings, progress } = await monthly(url);
    assert.equal(outcome, 'changed', JSON.stringify(findings));
    assert.deepEqual(
      actions.map((action) => [action.statement, action.status, action.verified]),
      [
        ['VACUUM (FULL, ANALYZE) public.orders', 'done', true],
        ['REINDEX INDEX CONCURRENTLY public.fine_pkey', 'done', true],
        ['ANALYZE public.fine', 'done', true],
        ['ANALYZE public.orders', 'done', true],
      ],
    );
    assert.ok((await sizeOf('monthly', 'orders')) < before / 5);
    assert.ok(Number(actions[0]?.after['bytes']) < Number(actions[0]?.before['bytes']) / 5);
    assert.notEqual(actions[0]?.after['fileNode'], actions[0]?.before['fileNode']);
    assert.deepEqual([progress.at(-1)?.done, progress.at(-1)?.total], [2, 2]);
  });

  it('leaves VACUUM FULL out where no window is open, says so, and names the remedy', async () => {
    const url = await makeDatabase(server, 'no_window', ...bloated('orders'));
    const { outcome, actions, findings } = await monthly(url, { env: {}, options: { tables: ['orders'] } });
    assert.equal(outcome, 'warning');
    assert.deepEqual(
      [actions[0]?.status, actions[0]?.reason?.includes('no maintenance window is open')],
      ['skipped', true],
    );
    assert.deepEqual(codes(findings), ['warning database.window']);
    assert.match(
      findings[0]?.message ?? '',
      /^VACUUM FULL of public\.orders .* no maintenance window is open, and the extension pg_repack is not installed/,
    );
    assert.deepEqual(findings[0]?.remedy?.options, { database: 'shop', tables: ['public.orders'], force: true });
    const forced = await monthly(url, { env: {}, options: findings[0].remedy.options });
    assert.deepEqual([forced.outcome, forced.actions.length, forced.actions[0]?.verified], ['changed', 1, true]);
  });

  it('prints tables, bytes, locks and tool in a dry run, and changes nothing', async () => {
    const url = await makeDatabase(server, 'dry_month', ...bloated('orders'));
    const before = await sizeOf('dry_month', 'orders');
    const { outcome, actions, lines } = await monthly(url, { dryRun: true, options: { tables: ['public.orders'] } });
    assert.deepEqual([outcome, actions[0]?.status], ['unchanged', 'planned']);
    assert.ok(
      lines.some((line) =>
        /would run: VACUUM \(FULL, ANALYZE\) public\.orders \(ACCESS EXCLUSIVE: reads and writes wait until it is done; [\d.]+ MB with its indexes\)/.test(
          line,
        ),
      ),
      lines.join('\n'),
    );
    assert.equal(await sizeOf('dry_month', 'orders'), before);
  });

  it('works on tables of any name (V23)', async () => {
    const names = ['a"b', "o'clock", 'two\nlines', 'Ünï 表', '-rf', '\\!', 'x; drop table victim; --', 'a.b'];
    const quoted = names.map((name) => `"Odd ""schema"."${name.replaceAll('"', '""')}"`);
    const url = await makeDatabase(
      server,
      'hostile_month',
      'create table victim as select 1 as id',
      'create schema "Odd ""schema"',
      ...quoted.map((name) => deadRows(name, 500)),
    );
    const { outcome, actions, lines, findings } = await monthly(url, { options: { tables: quoted } });
    assert.equal(outcome, 'changed', JSON.stringify(findings));
    assert.equal(actions.length, names.length);
    assert.ok(actions.every((action) => action.verified));
    assert.ok(lines.every((line) => !line.includes('\n')));
    assert.equal((await server.query('select * from victim', 'hostile_month')).length, 1);
    const missing = await monthly(url, { options: { tables: ['victim; drop table victim', '"', ''.padEnd(70, 'x')] } });
    assert.equal(missing.outcome, 'failed');
    assert.deepEqual(new Set(codes(missing.findings)), new Set(['critical database.no_such_relation']));
  });

  it('looks for a named table in each database, and fails for one that none of them has', async () => {
    const databases = [
      { name: 'with', url: await makeDatabase(server, 'with_orders', deadRows('orders', 500)) },
      { name: 'without', url: await makeDatabase(server, 'without_orders') },
    ];
    const given = { databases, options: { tables: ['public.orders'], force: true } };
    const found = await carryOut('database-monthly-maintenance', undefined, given);
    assert.equal(found.outcome, 'changed');
    assert.deepEqual(
      found.actions.map(({ database, verified }) => [database, verified]),
      [['with', true]],
    );
    assert.deepEqual(
      found.findings.map(({ level, message }) => [level, message]),
      [['info', 'There is no table public.orders in without.']],
    );
    const nowhere = await carryOut('database-monthly-maintenance', undefined, {
      databases,
      options: { tables: ['nothing'] },
    });
    assert.equal(nowhere.outcome, 'failed');
    assert.match(
      nowhere.findings[0]?.message ?? '',
      /^There is no table nothing in with, without; write schema\.table/,
    );
  });

  it('F24: gives a table up that somebody holds, in time, and leaves no lock behind', async () => {
    const url = await makeDatabase(server, 'held', ...bloated('orders'));
    const holder = new pg.Client({ connectionString: server.url('held'), application_name: 'other' });
    await holder.connect();
    try {
      await holder.query('begin; select count(*) from orders');
      const { outcome, actions, findings } = await monthly(url, { options: { tables: ['orders'] } });
      assert.deepEqual([outcome, actions[0]?.status, actions[0]?.verified], ['warning', 'skipped', false]);
      assert.match(actions[0]?.reason ?? '', /no lock within 100 ms, 2 tries/);
      const lock = findings.find((finding) => finding.code === 'database.lock');
      assert.match(lock?.message ?? '', /VACUUM FULL of public\.orders skipped/);
    } finally {
      await holder.end();
    }
    assert.deepEqual(await server.query(`select 1 from pg_locks where relation = 'orders'::regclass`, 'held'), []);
  });

  it('tells a role without the right to a table so, per table, and leaves it alone', async () => {
    const url = await makeDatabase(
      server,
      'month_rights',
      ...bloated('orders'),
      `create role month_reader login password 'reader'`,
    );
    const reader = url.replace(/\/\/.*@/, '//month_reader:reader@');
    const { outcome, actions, findings } = await monthly(reader, { options: { tables: ['public.orders'] } });
    assert.deepEqual([outcome, actions[0]?.status], ['warning', 'skipped']);
    assert.match(
      findings.find((finding) => finding.code === 'database.rights')?.message ?? '',
      /VACUUM FULL of public\.orders skipped for role month_reader: .*grant it MAINTAIN/,
    );
  });

  it('is stopped in the middle of VACUUM FULL: the old table stays, and no backend, lock or file', async () => {
    const url = await makeDatabase(server, 'stopped_month', ...bloated('orders'), ...slowly());
    const size = `select pg_total_relation_size('orders') as size, pg_relation_filenode('orders') as node`;
    const before = await server.query(size, 'stopped_month');
    const controller = new AbortController();
    const run = monthly(url, { signal: controller.signal, options: { tables: ['orders'] } });
    const stopped = assert.rejects(run, /stopped by a test/);
    await until(server, 'select pid from pg_stat_progress_cluster');
    controller.abort(new Error('stopped by a test'));
    await stopped;
    await untilNoBackend(server);
    assert.deepEqual(await server.query(size, 'stopped_month'), before);
    assert.deepEqual(
      await server.query(`select 1 from pg_locks where relation = 'orders'::regclass`, 'stopped_month'),
      [],
    );
  });

  it('tells the phase of a long statement as it goes on', async () => {
    const url = await makeDatabase(server, 'phases', ...bloated('orders'), ...slowly());
    const controller = new AbortController();
    const { promise, resolve } = Promise.withResolvers<string>();
    const run = monthly(url, {
      signal: controller.signal,
      options: { tables: ['orders'] },
      progress: ({ message = '' }) => {
        if (message.includes(': ')) resolve(message);
      },
    });
    const stopped = assert.rejects(run, /stopped by a test/);
    assert.match(await promise, /^VACUUM FULL public\.orders: \S/);
    controller.abort(new Error('stopped by a test'));
    await stopped;
  });

  it('F25: a statement that fails makes the run fail, and the other tables go on', async () => {
    const url = await makeDatabase(
      server,
      'failing',
      ...bloated('orders'),
      'create table broken (id int)',
      'create function broken(int) returns int immutable language plpgsql as $$ begin return 1 / $1; end $$',
      'create index broken_index on broken (broken(id))',
      'alter table broken disable trigger all',
      'insert into broken values (1)',
      'create or replace function broken(int) returns int immutable language plpgsql as $$ begin return 1 / ($1 - 1); end $$',
    );
    const { outcome, actions, findings } = await monthly(url, { options: { tables: ['broken', 'orders'] } });
    assert.equal(outcome, 'failed');
    assert.deepEqual(Object.fromEntries(actions.map((action) => [action.relation, action.status])), {
      'public.broken': 'failed',
      'public.orders': 'done',
    });
    assert.match(
      findings.find((finding) => finding.code === 'database.statement')?.message ?? '',
      /VACUUM FULL of public\.broken failed: division by zero/,
    );
  });

  it('reports orphaned large objects and rows, and removes the objects on request alone', async () => {
    const url = await makeDatabase(
      server,
      'orphans',
      'create domain picture as oid',
      'create table albums (id int primary key, cover picture)',
      'create table photos (id int primary key, album int)',
      `insert into albums values (1, lo_from_bytea(0, 'kept'))`,
      `select lo_from_bytea(0, 'lost') from generate_series(1, 3)`,
      'insert into photos values (1, 1), (2, 7)',
    );
    const orphan_queries = [
      {
        name: 'photos without album',
        query: 'select id from public.photos where album not in (select id from public.albums) -- all',
      },
      { name: 'writes', query: 'delete from public.photos returning 1' },
    ];
    const settings = { orphan_queries };
    const report = await monthly(url, { settings });
    assert.equal(report.outcome, 'warning');
    const told = report.findings.filter((finding) => finding.code === 'database.orphans');
    assert.deepEqual(
      told.map((finding) => [finding.level, finding.value]),
      [
        ['warning', 3],
        ['warning', 1],
        ['warning', undefined],
      ],
    );
    assert.match(told[2]?.message ?? '', /The query writes of database\.orphan_queries failed/);
    assert.deepEqual(told[0]?.remedy?.options, { database: 'shop', removeOrphans: true });
    assert.equal((await server.query('select * from photos', 'orphans')).length, 2);
    const removed = await monthly(url, { options: { removeOrphans: true } });
    assert.ok(removed.actions.some((action) => action.relation === 'pg_catalog.pg_largeobject' && action.verified));
    const left = await server.query(
      `select convert_from(lo_get(oid), 'UTF8') as text from pg_largeobject_metadata`,
      'orphans',
    );
    assert.deepEqual(left, [{ text: 'kept' }]);
  });

  it('says before it starts what it locks, how large that is, and where', async () => {
    const url = await makeDatabase(server, 'impact', ...bloated('orders'));
    const config = makeConfig({ databases: [{ name: 'shop', url }] });
    const procedure = procedures.get('database-monthly-maintenance');
    const named = (await procedure?.impactOf({ database: 'shop', tables: ['public.orders'] }, config)) ?? '';
    assert.match(
      named,
      /^VACUUM FULL of public\.orders \([\d.]+ MB with its indexes\) on shop at 127\.0\.0\.1:\d+, database impact, user postgres: ACCESS EXCLUSIVE: reads and writes wait until it is done\. VACUUM FULL runs inside an open maintenance window only/,
    );
    const down = makeConfig({ databases: [{ name: 'shop', url: 'postgres://u@127.0.0.1:1/d' }] });
    assert.match(
      (await procedure?.impactOf({ tables: ['public.orders'], force: true }, down)) ?? '',
      /does not answer now: .*ACCESS EXCLUSIVE.*VACUUM FULL runs now/,
    );
    assert.match((await procedure?.impactOf({}, config)) ?? '', /^In database shop: bloated tables are written anew/);
    await server.query(deadRows('dead', 20_000), 'impact');
    assert.match(
      (await procedures.get('database-daily-maintenance')?.impactOf({}, config)) ?? '',
      /SHARE UPDATE EXCLUSIVE\)\. VACUUM of 1 table \([\d.]+ MB\) on shop at 127\.0\.0\.1:\d+, database impact, user postgres\.$/,
    );
  });

  it('says before it ends a backend whose that is, what that is doing, and where', async () => {
    const config = makeConfig({ databases: [{ name: 'shop', url: server.url() }] });
    const impactOf = async (options: Record<string, number>): Promise<string> =>
      (await procedures.get('monitor-queries')?.impactOf(options, config)) ?? '';
    const client = new pg.Client({ connectionString: server.url(), application_name: 'till' });
    await client.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      const pid = rows[0]?.pid ?? 0;
      assert.match(
        await impactOf({ terminate: pid }),
        /^Terminates backend \d+ \(user postgres, till, 127\.0\.0\.1, idle in transaction for \d+ s\) on shop at 127\.0\.0\.1:\d+, .*rolled back/,
      );
      assert.match(await impactOf({ cancel: pid }), /^Cancels what backend \d+ is running \(user postgres, till/);
    } finally {
      await client.end();
    }
    assert.match(await impactOf({ cancel: 99_999_999 }), /^There is no backend 99999999 on shop at/);
  });

  /** From now on each row of an index of `orders` takes 50 ms to be built. */
  function slowly(): string[] {
    const body = (work: string): string =>
      `create or replace function slow(int) returns int immutable language plpgsql as $$ begin ${work} return $1; end $$`;
    return [body(''), 'create index orders_slow on orders (slow(id))', body('perform pg_sleep(0.05);')];
  }
});
