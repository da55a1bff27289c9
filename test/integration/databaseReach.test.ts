import assert from 'node:assert/strict';
import dns from 'node:dns';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { analyzeSlowQueries } from '../../agent/procedures/database/analyzeSlowQueries.ts';
import { checkBloat } from '../../agent/procedures/database/checkBloat.ts';
import { checkDbHealth } from '../../agent/procedures/database/checkDbHealth.ts';
import { monitorQueries } from '../../agent/procedures/database/monitorQueries.ts';
import { performanceAnalysis } from '../../agent/procedures/database/performanceAnalysis.ts';
import type { AnyProcedure } from '../../agent/procedures/define.ts';
import { codes, makeConfig } from '../procedures/database/context.ts';
import { openBlackhole, type Blackhole } from './blackhole.ts';
import { check, hostileNames, quoted } from './databaseCheck.ts';
import { makeDatabase, until, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

const checks: readonly AnyProcedure[] = [checkDbHealth, checkBloat, monitorQueries, analyzeSlowQueries];

for (const edition of ['newest', 'debian'] as const) {
  describe(`F26: a server of six connections and eight sessions (${edition})`, () => {
    let server: Postgres;
    const reserves = edition === 'newest' ? { reserved_connections: '1', superuser_reserved_connections: '2' } : {};
    before(async () => {
      server = await startPostgres({ edition, settings: { max_connections: '6', autovacuum: 'off', ...reserves } });
      for (const role of ['app', 'watch']) await server.query(`create role ${role} login password '${role}'`);
      await server.query('grant pg_monitor to watch');
    });
    after(async () => {
      await untilNoBackend(server);
      await server.stop();
    });

    /** Eight sessions of the application, of which the server takes as many as are free for it. */
    async function crowded(work: (sessions: pg.Client[]) => Promise<void>): Promise<void> {
      const clients = Array.from(
        { length: 8 },
        () => new pg.Client({ connectionString: server.url('postgres', 'app', 'app') }),
      );
      const connected: pg.Client[] = [];
      for (const client of clients) {
        client.on('error', () => undefined);
        await client.connect().then(
          () => connected.push(client),
          () => undefined,
        );
      }
      try {
        // Those that were refused have a slot until their backends are gone.
        const backends = `select from pg_stat_activity where backend_type = 'client backend'`;
        await until(
          server,
          `select 1 as settled where (select count(*) from (${backends}) b) = ${connected.length + 1}`,
        );
        await work(connected);
      } finally {
        await Promise.all(connected.map((client) => client.end()));
      }
    }

    const refusals = async (): Promise<number> =>
      (await readFile(join(server.directory, 'postgres.log'), 'utf8')).split(
        /remaining connection slots are reserved|too many clients already/,
      ).length - 1;

    it('is one critical finding of a role without a slot of its own, after it tried again until connect_timeout', async () => {
      await crowded(async (sessions) => {
        assert.equal(sessions.length, 3);
        const before = await refusals();
        const url = server.url('postgres', 'watch', 'watch');
        await Promise.all(
          checks.map(async (procedure) => {
            const { outcome, findings } = await check(procedure, url, { settings: { connect_timeout: '2s' } });
            assert.equal(outcome, 'failed', procedure.name);
            assert.deepEqual(codes(findings), ['critical database.connection'], procedure.name);
            assert.match(findings[0]?.message ?? '', /all connection slots are taken .*raise max_connections/);
          }),
        );
        assert.ok((await refusals()) - before >= 2 * checks.length, 'each tried more than once');
      });
    });

    it('is waited for: the check goes on once a session ends', async () => {
      await crowded(async (sessions) => {
        const before = await refusals();
        const url = server.url('postgres', 'watch', 'watch');
        const checking = check(checkDbHealth, url, { settings: { connect_timeout: '30s' } });
        while ((await refusals()) === before) await delay(20);
        await sessions.pop()?.end();
        const { outcome, findings } = await checking;
        assert.equal(outcome, 'warning');
        const finding = findings.find(({ code }) => code === 'database.connections');
        assert.equal(finding?.level, 'critical', 'nobody else gets in any more');
        assert.match(finding.message, /of 6 connections .*raise max_connections/);
      });
    });

    it('is looked at through a reserved slot by a role that has one', async () => {
      await crowded(async () => {
        const { findings } = await check(checkDbHealth, server.url(), { settings: { connect_timeout: '5s' } });
        const finding = findings.find(({ code }) => code === 'database.connections');
        assert.deepEqual([finding?.level, finding?.value, finding?.threshold], ['critical', 66.7, 80]);
        if (edition === 'debian') return;
        await server.query('grant pg_use_reserved_connections to watch');
        const url = server.url('postgres', 'watch', 'watch');
        const watched = await check(checkDbHealth, url, { settings: { connect_timeout: '5s' } });
        assert.ok(codes(watched.findings).includes('critical database.connections'));
        await server.query('revoke pg_use_reserved_connections from watch');
      });
    });

    it('gives one connection to all checks of all its databases, never a second', async () => {
      await server.query('alter role watch connection limit 1');
      const databases = [];
      for (const name of ['one', 'two', 'three']) {
        const url = await makeDatabase(server, name, 'create extension pg_stat_statements');
        databases.push({ name, url: url.replace(/\/\/.*@/, '//watch:watch@') });
      }
      for (const procedure of [...checks, performanceAnalysis]) {
        const options = procedure === performanceAnalysis ? { comprehensive: true } : {};
        const { findings } = await check(procedure, undefined, { databases, options });
        assert.ok(
          !codes(findings).some((code) => code.endsWith('database.connection') && !code.startsWith('ok')),
          procedure.name,
        );
        await untilNoBackend(server);
      }
    });
  });
}

describe('F27: databases that do not answer', () => {
  let server: Postgres;
  let hole: Blackhole;
  before(async () => {
    [server, hole] = await Promise.all([startPostgres({ settings: { autovacuum: 'off' } }), openBlackhole()]);
  });
  after(async () => {
    await Promise.all([server.stop(), hole.close()]);
  });

  it('are given up after ten seconds unless another time is configured', () => {
    assert.equal(makeConfig().database.connect_timeout, 10_000);
  });

  it('are told one by one (dropped packets, nothing there, a name that is not resolved), and keep no other waiting', async () => {
    const resolve = dns.lookup;
    const databases = [
      { name: 'hole', url: `postgres://u:hunter2@127.0.0.1:${hole.port}/d` },
      { name: 'down', url: 'postgres://u:hunter2@127.0.0.1:1/d' },
      { name: 'lost', url: 'postgres://u:hunter2@slow.invalid/d' },
      { name: 'fine', url: server.url() },
    ];
    // net.Socket asks dns.lookup; a resolver that never answers is one that does not call back.
    const slow = (...given: Parameters<typeof resolve>): void => {
      if (given[0] !== 'slow.invalid') resolve(...given);
    };
    Object.assign(dns, { lookup: slow });
    try {
      const lookAll = async (procedure: AnyProcedure): Promise<void> => {
        const { outcome, findings, part } = await check(procedure, undefined, {
          databases,
          settings: { connect_timeout: '5s' },
        });
        assert.equal(outcome, 'failed', procedure.name);
        const failed = findings.filter(({ level, code }) => level === 'critical' && code === 'database.connection');
        const messageOf = (name: string): string => failed.find(({ subject }) => subject === name)?.message ?? '';
        assert.equal(failed.length, 3, procedure.name);
        assert.match(messageOf('hole'), /no answer within 5000 ms; check host, port, firewall/);
        assert.match(messageOf('down'), /nothing listens there/);
        assert.match(messageOf('lost'), /no answer within 5000 ms/);
        assert.ok(!JSON.stringify(findings).includes('hunter2'));
        const order = findings.map(({ subject }) => subject);
        assert.ok(order.lastIndexOf('fine') < order.indexOf('hole'), `${procedure.name}: ${order.join(' ')}`);
        assert.deepEqual(
          (part['databases'] as { name: string; reached: boolean }[]).map(({ name, reached }) => [name, reached]),
          [
            ['hole', false],
            ['down', false],
            ['lost', false],
            ['fine', true],
          ],
          'in the order of the configuration',
        );
      };
      await Promise.all(checks.map(lookAll));
    } finally {
      Object.assign(dns, { lookup: resolve });
    }
  });

  it('V23: are named as they are, and so are roles and databases of any name', async () => {
    for (const name of hostileNames) {
      await server.query(`create role ${quoted(name)} login password 'x'`);
      await server.query(`create database ${quoted(name)} owner ${quoted(name)}`);
      for (const procedure of checks) {
        const { outcome, findings, lines } = await check(procedure, server.url(name, name, 'x'));
        assert.ok(outcome === 'unchanged' || procedure === analyzeSlowQueries, `${procedure.name} as ${name}`);
        assert.ok([...lines, ...findings.map(({ message }) => message)].every((text) => !text.includes('\n')));
      }
      const missing = await check(checkDbHealth, server.url(`no ${name}`, name, 'x'));
      assert.match(missing.findings[0]?.message ?? '', /there is no such database/);
      await server.query(`drop database ${quoted(name)}`);
      await server.query(`drop role ${quoted(name)}`);
    }
  });
});
