import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import * as z from 'zod';
import { analyzeSlowQueries } from '../../agent/procedures/database/analyzeSlowQueries.ts';
import { slowStatementSchema } from '../../agent/procedures/database/slowQueries.ts';
import { codes } from '../procedures/database/context.ts';
import { check, withClient } from './databaseCheck.ts';
import { makeDatabase, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

async function slow(url: string, options: Record<string, unknown>) {
  const checked = await check(analyzeSlowQueries, url, { options });
  return { ...checked, statements: z.array(slowStatementSchema).parse(checked.part['statements']) };
}

for (const edition of ['newest', 'debian'] as const) {
  describe(`analyze-slow-queries on a real PostgreSQL (${edition})`, () => {
    let server: Postgres;
    let url: string;
    before(async () => {
      server = await startPostgres({ edition, settings: { autovacuum: 'off' } });
      url = await makeDatabase(
        server,
        'load',
        'create schema "Stats"; create extension pg_stat_statements schema "Stats"',
        `create table orders as select g as id, 'note ' || g as note from generate_series(1, 2000) g`,
        'analyze',
      );
      await withClient(url, async (client) => {
        await client.query('select "Stats".pg_stat_statements_reset()');
        for (const seconds of [0.02, 0.02, 0.08]) await client.query('select pg_sleep($1)', [seconds]);
        // A few million comparisons: by far the longest.
        await client.query(`select count(*) from orders a, orders b where a.note < b.note and a.note <> 'hunter2'`);
        await client.query(`create role fresh password 'hunter2'`);
      });
    });
    after(async () => {
      await untilNoBackend(server);
      await server.stop();
    });

    it('ranks statements by their time, with mean, estimated p95, rows, buffers and share of the load', async () => {
      const { outcome, statements, findings, lines } = await slow(url, { minDuration: '15ms' });
      assert.equal(outcome, 'warning');
      const counting = 'select count(*) from orders a, orders b where a.note < b.note and a.note <> $1';
      // On a busy machine others are slow as well, and any may be the slowest.
      const totals = statements.map(({ totalMs }) => totalMs);
      assert.deepEqual(
        totals,
        totals.toSorted((a, b) => b - a),
      );
      assert.ok(
        statements.every(({ maxMs, totalMs, loadPercent }) => maxMs >= 15 && maxMs <= totalMs && loadPercent > 0),
      );
      const counted = statements.find(({ statement }) => statement === counting);
      const slept = statements.find(({ statement }) => statement === 'select pg_sleep($1)');
      assert.ok(counted?.calls === 1 && counted.rows === 1 && counted.blocksHit > 0);
      assert.ok(slept?.calls === 3 && slept.rows === 3);
      assert.ok(slept.totalMs >= 120 && slept.meanMs >= 40 && slept.maxMs >= 80);
      assert.ok(slept.meanMs < slept.p95Ms && slept.p95Ms <= slept.maxMs);
      const ratio = counted.totalMs / slept.totalMs;
      assert.ok(Math.abs(counted.loadPercent / slept.loadPercent / ratio - 1) < 0.05);
      const sleeping = findings.find(({ message }) => message.endsWith('select pg_sleep($1)'));
      assert.deepEqual(
        [sleeping?.level, sleeping?.code, sleeping?.threshold, sleeping?.unit],
        ['warning', 'database.slow_query', 15, 'ms'],
      );
      assert.match(lines.join('\n'), /p95 is estimated as mean \+ 1\.645 standard deviations/);
    });

    it('says that nothing is slow, and how much was looked at', async () => {
      const { outcome, findings } = await slow(url, { minDuration: '1h' });
      assert.equal(outcome, 'unchanged');
      assert.match(findings[0]?.message ?? '', /^None of \d+ statements of shop is slow/);
    });

    it('shows plans of what only reads, without running it, and no secret of what is not', async () => {
      const { statements, findings, lines } = await slow(url, { minDuration: '0ms', limit: 100, explain: true });
      const counting = statements.find(({ statement }) => statement.startsWith('select count(*) from orders'));
      assert.match(counting?.plan?.join('\n') ?? '', /Seq Scan on (public\.)?orders/);
      const role = statements.find(({ statement }) => statement.startsWith('create role'));
      assert.equal(role?.plan, null);
      assert.ok(!JSON.stringify([statements, findings, lines]).includes('hunter2'));
    });

    it('does not plan as superuser where functions of others could be run by that', async () => {
      const trap = await makeDatabase(
        server,
        'trap',
        'create extension pg_stat_statements',
        'create role mallory',
        `create function evil() returns int immutable language plpgsql as 'begin return 1; end'`,
        'alter function evil() owner to mallory',
      );
      await withClient(trap, async (client) => {
        await client.query('select evil() + id from generate_series(1, 2) id');
      });
      const { findings, statements } = await slow(trap, { minDuration: '0ms', limit: 100, explain: true });
      assert.ok(statements.every(({ plan }) => plan === null));
      const finding = findings.find(({ code }) => code === 'database.explain');
      assert.match(finding?.message ?? '', /superuser postgres could run functions that others own.*pg_monitor/);
    });

    it('says what is hidden from a role, and shows it once it may see', async () => {
      await server.query(`create role reader login password 'reader'; grant usage on schema "Stats" to reader`, 'load');
      const reader = url.replace(/\/\/.*@/, '//reader:reader@');
      const blind = await slow(reader, { minDuration: '15ms' });
      assert.match(
        blind.findings.find(({ code }) => code === 'database.insight')?.message ?? '',
        /grant it pg_monitor/,
      );
      await server.query('grant pg_monitor to reader; grant select on orders to reader', 'load');
      const { statements, findings } = await slow(reader, { minDuration: '0ms', limit: 100, explain: true });
      assert.ok(!codes(findings).includes('info database.insight'));
      const counting = statements.find(({ statement }) => statement.startsWith('select count(*) from orders'));
      assert.match(counting?.plan?.join('\n') ?? '', /Seq Scan on (public\.)?orders/);
    });

    it('says how to enable the extension where it is not', async () => {
      const bare = await makeDatabase(server, 'bare');
      const { outcome, findings } = await slow(bare, {});
      assert.equal(outcome, 'warning');
      assert.deepEqual(codes(findings), ['warning database.extension']);
      assert.match(
        findings[0]?.message ?? '',
        /add pg_stat_statements to shared_preload_libraries, restart the server, then run CREATE EXTENSION pg_stat_statements/,
      );
    });
  });

  it(`analyze-slow-queries says that the extension is not loaded (${edition})`, async () => {
    const server = await startPostgres({ edition, settings: { shared_preload_libraries: '' } });
    try {
      const url = await makeDatabase(server, 'unloaded', 'create extension pg_stat_statements');
      const { findings } = await slow(url, {});
      assert.match(findings[0]?.message ?? '', /is installed and not loaded: add it to shared_preload_libraries/);
    } finally {
      await server.stop();
    }
  });
}
