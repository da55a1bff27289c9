import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { codes } from '../procedures/database/context.ts';
import { carryOut, makeDatabase, until, untilNoBackend, type Given } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

const settings = { bloat_minimum_bytes: 100_000 } as const;
const optimize = (url: string, given: Given = {}) =>
  carryOut('optimize-indexes', url, { ...given, settings: { ...settings, ...given.settings } });
const applied = (url: string, given: Given = {}) => optimize(url, { options: { apply: true }, ...given });

/** `table` whose index of the same name with `_pkey` is bloated: nine of ten rows are gone, and vacuumed away. */
const bloated = (table: string): string[] => [
  `create table ${table} (id int primary key, note text)`,
  `insert into ${table} select g, repeat('x', 20) from generate_series(1, 40000) g`,
  `delete from ${table} where id % 10 <> 0`,
  `vacuum (analyze) ${table}`,
];

describe('optimize-indexes on a real PostgreSQL', () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres({ settings: { autovacuum: 'off' } });
  });
  after(async () => {
    await untilNoBackend(server);
    await server.stop();
  });

  const indexNames = async (database: string): Promise<unknown[]> =>
    (
      await server.query(
        `select relname as name from pg_class where relkind = 'i' and oid >= 16384 and relname !~ '^pg_toast' order by 1`,
        database,
      )
    ).map((row) => row['name']);

  it('rebuilds a bloated index, and proves it by a new file that is valid and smaller', async () => {
    const url = await makeDatabase(server, 'reindexed', ...bloated('orders'));
    const { outcome, actions, findings, progress } = await applied(url);
    assert.equal(outcome, 'changed');
    assert.deepEqual(codes(findings), ['info database.bloat']);
    const [action] = actions;
    assert.deepEqual(
      [action?.statement, action?.status, action?.verified],
      ['REINDEX INDEX CONCURRENTLY public.orders_pkey', 'done', true],
    );
    assert.notEqual(action?.before['fileNode'], action?.after['fileNode']);
    assert.ok(Number(action?.after['bytes']) < Number(action?.before['bytes']) / 3);
    assert.equal(action?.after['valid'], 'yes');
    assert.deepEqual([progress.at(-1)?.done, progress.at(-1)?.total, progress.at(-1)?.unit], [1, 1, 'indexes']);
    assert.equal((await applied(url)).outcome, 'unchanged');
  });

  it('only reports without apply, and only plans in a dry run', async () => {
    const url = await makeDatabase(server, 'reported', ...bloated('orders'));
    const report = await optimize(url);
    assert.equal(report.outcome, 'warning');
    assert.deepEqual(report.actions, []);
    const [finding] = report.findings;
    assert.deepEqual([finding?.code, finding?.threshold, finding?.unit], ['database.bloat', 2, 'ratio']);
    assert.deepEqual(finding?.remedy?.options, { database: 'shop', apply: true, index: ['public.orders_pkey'] });
    const planned = await applied(url, { dryRun: true });
    assert.deepEqual(
      planned.actions.map((action) => action.status),
      ['planned'],
    );
    assert.ok(
      planned.lines.some((line) =>
        /would run: REINDEX INDEX CONCURRENTLY public\.orders_pkey \(SHARE UPDATE EXCLUSIVE: .*are built anew/.test(
          line,
        ),
      ),
    );
  });

  it('rebuilds the index that is named, of any name (V23), and says which there is not', async () => {
    const names = ['a"b', 'two\nlines', 'Ünï 表', '\\!', '; drop table victim; --'];
    const quoted = names.map((name) => `"${name.replaceAll('"', '""')}"`);
    const url = await makeDatabase(
      server,
      'named_indexes',
      'create table victim as select g as id from generate_series(1, 100) g',
      ...quoted.map((name) => `create index ${name} on victim (id)`),
    );
    const index = quoted.map((name) => `public.${name}`);
    const { outcome, actions, lines } = await applied(url, { options: { apply: true, index } });
    assert.equal(outcome, 'changed');
    assert.deepEqual(
      actions.map((action) => [action.relation, action.verified]),
      index.map((name) => [name, true]),
    );
    assert.ok(lines.every((line) => !line.includes('\n')));
    const missing = await applied(url, { options: { apply: true, index: ['public.nothing', 'not"a name'] } });
    assert.equal(missing.outcome, 'failed');
    assert.deepEqual(codes(missing.findings), [
      'critical database.no_such_relation',
      'critical database.no_such_relation',
    ]);
  });

  for (const [kind, meanwhile] of [
    ['ccnew', 'insert into orders values (-1)'],
    ['ccold', 'select count(*) from orders'],
  ] as const) {
    it(`F23: finds the _${kind} that an interrupted REINDEX CONCURRENTLY left, and drops it`, async () => {
      const database = `leftover_${kind}`;
      const url = await makeDatabase(server, database, ...bloated('orders'));
      await interruptReindex(database, meanwhile);
      assert.deepEqual(await indexNames(database), ['orders_pkey', `orders_pkey_${kind}`]);
      const report = await optimize(url);
      const told = new RegExp(`orders_pkey_${kind} is an invalid index that an interrupted REINDEX CONCURRENTLY left`);
      assert.match(report.findings[0]?.message ?? '', told);
      assert.deepEqual(report.findings[0]?.remedy?.options, { database: 'shop', apply: true });
      const { outcome, actions } = await applied(url);
      assert.equal(outcome, 'changed');
      const drop = `DROP INDEX CONCURRENTLY public.orders_pkey_${kind}`;
      assert.deepEqual([actions[0]?.statement, actions[0]?.verified], [drop, true]);
      assert.deepEqual(await indexNames(database), ['orders_pkey']);
    });

    it(`F23: drops the _${kind} itself when it is stopped in the middle`, async () => {
      const database = `stopped_${kind}`;
      const url = await makeDatabase(server, database, ...bloated('orders'));
      const controller = new AbortController();
      const other = new pg.Client({ connectionString: server.url(database) });
      await other.connect();
      try {
        // Younger than lock_timeout when the work begins, so that REINDEX sets out and then waits for it.
        await other.query(`begin; ${meanwhile}`);
        const run = applied(url, { signal: controller.signal, settings: { lock_timeout: '60s' } });
        const stopped = assert.rejects(run, /stopped by a test/);
        await until(server, 'select 1 as one from pg_stat_progress_create_index where current_locker_pid <> 0');
        controller.abort(new Error('stopped by a test'));
        const over =
          'select 1 as over where not exists (select from pg_stat_progress_create_index where command ~ $$REINDEX$$)';
        await until(server, over);
        await other.query('commit');
        await stopped;
      } finally {
        await other.end();
      }
      await untilNoBackend(server);
      assert.deepEqual(await indexNames(database), ['orders_pkey']);
    });
  }

  it('F24: does not begin while an old transaction would keep it waiting, and says whose', async () => {
    const url = await makeDatabase(server, 'old_transaction', ...bloated('orders'));
    const old = new pg.Client({ connectionString: server.url('old_transaction'), application_name: 'other' });
    await old.connect();
    try {
      await old.query('begin isolation level repeatable read; select count(*) from orders');
      await until(
        server,
        `select 1 as one from pg_stat_activity where application_name = 'other' and xact_start < now() - interval '1100 ms'`,
      );
      const { outcome, actions, findings } = await applied(url);
      assert.equal(outcome, 'warning');
      assert.deepEqual(
        actions.map((action) => action.status),
        ['skipped'],
      );
      const lock = findings.find((finding) => finding.code === 'database.lock');
      assert.match(
        lock?.message ?? '',
        /would wait for a transaction that is open for \d+ s, pid \d+ \(user postgres, other/,
      );
    } finally {
      await old.end();
    }
    assert.deepEqual(await indexNames('old_transaction'), ['orders_pkey']);
  });

  it('leaves an invalid index that is nobody’s leftover, and says what to do', async () => {
    const url = await makeDatabase(
      server,
      'invalid',
      'create table orders as select 1 as id from generate_series(1, 2)',
    );
    await server
      .query('create unique index concurrently orders_ccnew on orders (id)', 'invalid')
      .catch(() => undefined);
    const { outcome, findings, actions } = await applied(url);
    assert.equal(outcome, 'warning');
    assert.deepEqual(actions, []);
    assert.match(findings[0]?.message ?? '', /public\.orders_ccnew is invalid, so no query uses it/);
    assert.deepEqual(await indexNames('invalid'), ['orders_ccnew']);
  });

  it('suggests what to do about unused, duplicate and missing indexes, and does none of it', async () => {
    const url = await makeDatabase(
      server,
      'advice',
      'create table customers (id int primary key)',
      'create table orders (id int primary key, customer int references customers, day int, note text)',
      'create index orders_day on orders (day)',
      'create index orders_day_again on orders (day)',
      'create index orders_day_id on orders (day, id)',
      'create unique index orders_note on orders (id, note)',
      `insert into customers select g from generate_series(1, 100) g`,
      `insert into orders select g, 1 + g % 100, g, repeat('x', 100) from generate_series(1, 20000) g`,
      'vacuum analyze',
    );
    const young = await applied(url);
    assert.ok(young.lines.some((line) => /indexes were not used since .*too short to say/.test(line)));
    const { outcome, findings, part, actions } = young;
    assert.equal(outcome, 'unchanged');
    assert.deepEqual(actions, []);
    const told = findings.map((finding) => `${finding.level} ${finding.code} ${finding.subject}`).sort();
    assert.deepEqual(told, [
      'info database.index_duplicate public.orders_day',
      'info database.index_duplicate public.orders_day_again',
      'info database.index_missing public.orders',
    ]);
    assert.match(JSON.stringify(part['indexes']), /CREATE INDEX CONCURRENTLY ON public\.orders \(customer\)/);
    assert.equal((await indexNames('advice')).length, 6);
  });

  /** A REINDEX CONCURRENTLY that is cancelled while it waits for another transaction. */
  async function interruptReindex(database: string, meanwhile: string): Promise<void> {
    const other = new pg.Client({ connectionString: server.url(database) });
    const worker = new pg.Client({ connectionString: server.url(database) });
    await other.connect();
    await worker.connect();
    try {
      const { rows } = await other.query<{ pid: number }>('select pg_backend_pid() as pid');
      await other.query(`begin; ${meanwhile}`);
      const cancelled = assert.rejects(worker.query('reindex index concurrently orders_pkey'), { code: '57014' });
      const { pid } = await until(
        server,
        `select pid from pg_stat_progress_create_index where current_locker_pid = ${rows[0]?.pid ?? 0}`,
      );
      await server.query(`select pg_cancel_backend(${String(pid)})`);
      await cancelled;
    } finally {
      await other.end();
      await worker.end();
    }
  }
});

describe('update-statistics on a real PostgreSQL', () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres({ settings: { autovacuum: 'off' } });
  });
  after(async () => {
    await untilNoBackend(server);
    await server.stop();
  });

  it('analyses what is stale and partitioned parents; with all everything, over two connections', async () => {
    const url = await makeDatabase(
      server,
      'statistics',
      'create table fresh as select g as id from generate_series(1, 1000) g',
      'create table empty (id int)',
      'analyze fresh',
      'create table stale as select g as id from generate_series(1, 1000) g',
      'create table events (id int) partition by range (id)',
      'create table events_1 partition of events for values from (0) to (1000)',
      'insert into events select generate_series(0, 999)',
    );
    const first = await carryOut('update-statistics', url);
    assert.deepEqual(
      first.actions.map((action) => [action.statement, action.verified]),
      [
        ['ANALYZE public.events_1', true],
        ['ANALYZE public.stale', true],
        ['ANALYZE ONLY public.events', true],
      ],
    );
    assert.equal((await carryOut('update-statistics', url)).outcome, 'unchanged');
    const all = await carryOut('update-statistics', url, { options: { all: true, jobs: 2 } });
    assert.equal(all.outcome, 'changed');
    assert.deepEqual(all.actions.map((action) => action.relation).sort(), [
      'public.events',
      'public.events_1',
      'public.fresh',
      'public.stale',
    ]);
    assert.ok(all.actions.every((action) => action.verified));
    assert.deepEqual([all.progress.at(-1)?.done, all.progress.at(-1)?.total], [4, 4]);
  });
});
