import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import { codes } from '../procedures/database/context.ts';
import { deadRows, deadRowsOf, maintain, makeDatabase, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

describe('database-daily-maintenance on a real PostgreSQL', () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres({ settings: { autovacuum: 'off' } });
  });
  after(async () => {
    await untilNoBackend(server);
    await server.stop();
  });

  it("vacuums tables with dead rows, and proves by the server's own statistics that they fell", async () => {
    const url = await makeDatabase(server, 'vacuums', deadRows('busy', 5_000), deadRows('small', 100));
    assert.equal(await deadRowsOf(server, 'vacuums', 'busy'), 4_500);
    const { outcome, actions, findings, progress } = await maintain(url);
    assert.equal(outcome, 'changed');
    assert.deepEqual(findings, []);
    assert.equal(await deadRowsOf(server, 'vacuums', 'busy'), 0);
    assert.equal(await deadRowsOf(server, 'vacuums', 'small'), 90, 'below dead_tuple_minimum it is left alone');
    const [vacuum] = actions;
    assert.equal(vacuum?.statement, 'VACUUM (ANALYZE) public.busy');
    assert.deepEqual([vacuum.relation, vacuum.status, vacuum.verified], ['public.busy', 'done', true]);
    assert.deepEqual([vacuum.before['deadTuples'], vacuum.after['deadTuples']], [4_500, 0]);
    const last = progress.at(-1);
    assert.deepEqual([last?.done, last?.unit], [last?.total, 'tables']);
    assert.equal(progress[0]?.message, 'VACUUM public.busy');
  });

  it('proves each of many tables while the next one is vacuumed', async () => {
    const tables = Array.from({ length: 25 }, (_, index) => deadRows(`many_${index}`, 2_000));
    const url = await makeDatabase(server, 'many', ...tables);
    for (const options of [{}, { jobs: 2 }]) {
      const { outcome, actions, findings, progress } = await maintain(url, { options });
      assert.deepEqual([outcome, findings], ['changed', []]);
      assert.equal(actions.length, 25);
      assert.ok(
        actions.every(
          (action) => action.verified && action.statement.startsWith('VACUUM (ANALYZE, SKIP_DATABASE_STATS)'),
        ),
      );
      assert.deepEqual([progress.at(-1)?.done, progress.at(-1)?.total], [25, 25]);
      for (let index = 0; index < 25; index++) await server.query(`update many_${index} set note = note`, 'many');
    }
  });

  it('finds nothing to do the second time', async () => {
    const url = await makeDatabase(server, 'idle', deadRows('busy', 5_000));
    await maintain(url);
    const { outcome, actions, findings } = await maintain(url);
    assert.deepEqual([outcome, actions, findings], ['unchanged', [], []]);
  });

  it('analyses stale statistics, and those that were never made', async () => {
    const url = await makeDatabase(
      server,
      'stale',
      'create table known as select g as id from generate_series(1, 1000) g',
      'create table fresh as select g as id from generate_series(1, 1000) g',
      'analyze known, fresh',
      'insert into known select generate_series(1, 200)',
      'insert into fresh select generate_series(1, 20)',
      'create table never as select g as id from generate_series(1, 10) g',
    );
    const { outcome, actions } = await maintain(url);
    assert.equal(outcome, 'changed');
    assert.deepEqual(
      actions.map((action) => [action.statement, action.verified]),
      [
        ['ANALYZE public.known', true],
        ['ANALYZE public.never', true],
      ],
    );
    assert.deepEqual([actions[0]?.before['modifiedSinceAnalyze'], actions[0]?.after['modifiedSinceAnalyze']], [200, 0]);
    const rows = await server.query(`select count(*)::int as n from pg_stats where tablename = 'never'`, 'stale');
    assert.deepEqual(rows, [{ n: 1 }]);
  });

  it('analyses partitioned parents, which autovacuum never does, once', async () => {
    const url = await makeDatabase(
      server,
      'partitions',
      'create table events (id int, day date) partition by range (id)',
      'create table events_1 partition of events for values from (0) to (1000) partition by range (id)',
      'create table events_1_a partition of events_1 for values from (0) to (500)',
      'create table events_2 partition of events for values from (1000) to (2000)',
      'insert into events select g from generate_series(0, 1999) g where g < 500 or g >= 1000',
    );
    const { actions } = await maintain(url);
    const parents = actions.filter((action) => action.statement.startsWith('ANALYZE ONLY'));
    assert.deepEqual(
      parents.map((action) => [action.relation, action.verified]),
      [
        ['public.events', true],
        ['public.events_1', true],
      ],
    );
    const rows = await server.query(
      `select count(*)::int as n from pg_stats where tablename = 'events' and inherited`,
      'partitions',
    );
    assert.deepEqual(rows, [{ n: 2 }]);
    assert.equal((await maintain(url)).outcome, 'unchanged');
  });

  it('changes nothing in a dry run, and prints what it would run', async () => {
    const url = await makeDatabase(server, 'dry', deadRows('busy', 5_000), 'create table never as select 1 as id');
    const { outcome, actions, lines } = await maintain(url, { dryRun: true });
    assert.equal(outcome, 'unchanged');
    assert.equal(await deadRowsOf(server, 'dry', 'busy'), 4_500);
    assert.deepEqual(
      actions.map((action) => [action.status, action.verified, action.after]),
      [
        ['planned', false, {}],
        ['planned', false, {}],
      ],
    );
    assert.ok(lines.includes('would run: VACUUM (ANALYZE) public.busy'));
    assert.ok(lines.includes('would run: ANALYZE public.never'));
  });

  it('works on tables of any name (V23)', async () => {
    const names = ['a"b', "o'clock", 'two\nlines', 'Ünï 表', '-rf', '\\!', 'x; drop table victim; --', 'select'];
    const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`);
    const url = await makeDatabase(
      server,
      'hostile',
      'create table victim as select 1 as id',
      'create schema "Odd schema"',
      ...quoted.map((name) => deadRows(`"Odd schema".${name}`, 500)),
    );
    const { outcome, actions, findings, lines } = await maintain(url);
    assert.equal(outcome, 'changed', JSON.stringify(findings));
    const vacuums = actions.filter((action) => action.statement.startsWith('VACUUM'));
    assert.equal(vacuums.length, names.length);
    assert.ok(vacuums.every((action) => action.verified));
    for (const name of names) assert.equal(await deadRowsOf(server, 'hostile', name), 0, name);
    assert.ok(lines.every((line) => !line.includes('\n')));
    assert.equal((await server.query('select * from victim', 'hostile')).length, 1);
  });

  it('connects to a database of any name, over TLS or without as the server can', async () => {
    const name = 'odd "name\'; -- 表';
    await server.query(`create database "${name.replaceAll('"', '""')}"`);
    await server.query(deadRows('busy', 500), name);
    const { outcome } = await maintain(server.url(name).replace('?sslmode=disable', ''));
    assert.equal(outcome, 'changed');
  });

  it('uses PG* variables when no database is configured', async () => {
    await makeDatabase(server, 'by_environment', deadRows('busy', 500));
    const env = {
      PGHOST: '127.0.0.1',
      PGPORT: String(server.port),
      PGUSER: server.superuser,
      PGPASSWORD: server.password,
      PGDATABASE: 'by_environment',
    };
    const { outcome, actions } = await maintain(undefined, { env });
    assert.deepEqual([outcome, actions[0]?.database], ['changed', 'by_environment']);
  });

  it('maintains the databases asked for, and tells their relations apart', async () => {
    const databases = [
      { name: 'one', url: await makeDatabase(server, 'one', deadRows('busy', 500)) },
      { name: 'two', url: await makeDatabase(server, 'two', deadRows('busy', 500)) },
    ];
    const first = await maintain(undefined, { databases, options: { database: 'two' } });
    assert.deepEqual(
      first.actions.map((action) => action.database),
      ['two'],
    );
    const second = await maintain(undefined, { databases, options: { database: ['one', 'three'] } });
    assert.equal(second.outcome, 'failed');
    assert.deepEqual(
      second.actions.map((action) => action.database),
      ['one'],
    );
    assert.match(second.findings[0]?.message ?? '', /No database `three` is configured; use one of: one, two/);
    assert.equal(second.progress[0]?.message, 'VACUUM one: public.busy');
  });
});

describe('the bloat check on a real PostgreSQL', () => {
  let server: Postgres;
  const settings = { bloat_minimum_bytes: 100_000 } as const;
  before(async () => {
    server = await startPostgres({ settings: { autovacuum: 'off' } });
  });
  after(async () => {
    await server.stop();
  });

  it('finds a bloated table and index, and names what rebuilds them', async () => {
    const url = await makeDatabase(
      server,
      'bloated',
      deadRows('orders', 20_000),
      `create table fine as select g as id, repeat('x', 100) as note from generate_series(1, 40000) g`,
    );
    const { outcome, relations, findings } = await maintain(url, { settings });
    assert.equal(outcome, 'warning');
    const of = (name: string) => relations.find((relation) => relation.name === name);
    const table = of('orders');
    const bloated = table?.bloatRatio ?? NaN;
    assert.ok(bloated > 8 && bloated < 12, JSON.stringify(table));
    assert.deepEqual([table?.database, table?.schema, table?.kind, table?.reliable], ['shop', 'public', 'table', true]);
    const ratio = of('fine')?.bloatRatio ?? NaN;
    assert.ok(ratio > 0.9 && ratio < 1.2, `a table without dead rows: ${ratio}`);
    assert.ok((of('orders_pkey')?.bloatRatio ?? 0) > 2);
    assert.deepEqual(codes(findings), ['warning database.bloat', 'warning database.bloat']);
    const finding = findings.find((entry) => entry.subject === 'public.orders');
    assert.equal(finding?.remedy?.procedure, 'database-monthly-maintenance');
    assert.deepEqual(finding.remedy.options, { database: 'shop', tables: ['public.orders'] });
    assert.deepEqual([finding.threshold, finding.unit], [2, 'ratio']);
  });

  it('expects of a table what VACUUM FULL leaves of it', async () => {
    const url = await makeDatabase(server, 'exact', deadRows('orders', 20_000));
    const { relations } = await maintain(url, { settings });
    await server.query('vacuum full orders', 'exact');
    const [size] = await server.query<{ bytes: number }>(`select pg_relation_size('orders')::float8 as bytes`, 'exact');
    const expected = relations.find((relation) => relation.name === 'orders')?.expectedBytes ?? NaN;
    const left = size?.bytes ?? NaN;
    assert.ok(Math.abs(expected - left) / left < 0.05, `${expected} expected, ${left} left`);
  });

  it('says that there are no statistics, and never that such a table is fine', async () => {
    const url = await makeDatabase(server, 'unknown', deadRows('orders', 20_000));
    const { relations, findings } = await maintain(url, { settings, dryRun: true });
    const table = relations.find((relation) => relation.name === 'orders');
    assert.deepEqual([table?.expectedBytes, table?.bloatRatio, table?.reliable], [null, null, false]);
    const finding = findings.find((entry) => entry.subject === 'public.orders');
    assert.equal(finding?.level, 'warning');
    assert.match(finding.message, /^No statistics of public\.orders/);
  });

  it('respects fillfactor, expression indexes, generated columns and columns of type name', async () => {
    const url = await makeDatabase(
      server,
      'shapes',
      `create table loose (id int, note text) with (fillfactor = 40)`,
      `insert into loose select g, repeat('x', 100) from generate_series(1, 5000) g`,
      `create index loose_upper on loose (upper(note), id)`,
      `create table computed (id int, note text, double int generated always as (id * 2) virtual)`,
      `insert into computed select g, repeat('x', 100) from generate_series(1, 5000) g`,
      `create table named as select g as id, 'x'::name as label from generate_series(1, 5000) g`,
    );
    const { relations, findings } = await maintain(url, { settings });
    const of = (name: string) => relations.find((relation) => relation.name === name);
    for (const name of ['loose', 'loose_upper', 'computed']) {
      const relation = of(name);
      assert.equal(relation?.reliable, true, name);
      assert.ok((relation.bloatRatio ?? NaN) < 1.3, `${name}: ${relation.bloatRatio ?? '?'}`);
    }
    assert.equal(of('named')?.reliable, false);
    assert.deepEqual(findings, []);
  });
});
