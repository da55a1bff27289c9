import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'mocha';
import * as z from 'zod';
import { actionSchema } from '../../agent/procedures/database/actions.ts';
import { monitorQueries } from '../../agent/procedures/database/monitorQueries.ts';
import { part } from '../../agent/procedures/database/monitorQueriesWork.ts';
import { codes } from '../procedures/database/context.ts';
import { AgentWorld, endOf } from './agentProcess.ts';
import { check, quoted, untilTrue, withClient, type Given } from './databaseCheck.ts';
import { makeDatabase, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

async function monitor(url: string | undefined, options: Record<string, unknown>, given: Given = {}) {
  const checked = await check(monitorQueries, url, { ...given, options });
  const { queries } = part.parse(checked.part);
  return { ...checked, queries, actions: z.array(actionSchema).parse(checked.part['actions']) };
}

for (const edition of ['newest', 'debian'] as const) {
  describe(`monitor-queries on a real PostgreSQL (${edition})`, () => {
    let server: Postgres;
    let url: string;
    before(async () => {
      server = await startPostgres({ edition, settings: { autovacuum: 'off' } });
      url = await makeDatabase(server, 'busy', 'create table held as select 1 as id');
    });
    after(async () => {
      await untilNoBackend(server);
      await server.stop();
    });

    const isActive = (pid: number): Promise<void> =>
      untilTrue(server, `exists (select from pg_stat_activity where pid = ${pid} and state = 'active')`);

    it('tells what runs too long, who waits for whom, and never a literal of it', async () => {
      await withClient(url, async (holder, holderPid) => {
        await holder.query(`set application_name = 'two\nlines \\!'; begin; lock table held`);
        await withClient(url, async (waiter, waiterPid) => {
          const waiting = waiter.query(`select 'hunter2', * from held where id = 4711`);
          await untilTrue(server, `exists (select from pg_locks where pid = ${waiterPid} and not granted)`);
          const { outcome, queries, findings, lines } = await monitor(url, { longerThan: '1ms' });
          assert.equal(outcome, 'warning');
          const of = (pid: number) => queries.find((query) => query.pid === pid);
          assert.deepEqual([of(holderPid)?.state, of(holderPid)?.blockedBy], ['idle in transaction', []]);
          assert.deepEqual([of(waiterPid)?.blockedBy, of(waiterPid)?.wait], [[holderPid], 'Lock: relation']);
          assert.equal(of(waiterPid)?.statement, 'select ?, * from held where id = ?');
          const text = JSON.stringify([queries, findings, lines]);
          assert.ok(!text.includes('hunter2') && !text.includes('4711'));
          const finding = findings.find(({ message }) => message.startsWith(`Pid ${holderPid} `));
          assert.match(finding?.message ?? '', /\(user postgres, two.*lines \\!, 127\.0\.0\.1\).*keeps others waiting/);
          assert.ok(!(finding?.message ?? '\n').includes('\n'));
          assert.deepEqual(finding?.remedy?.options, { database: 'shop', terminate: holderPid });
          await holder.query('rollback');
          await waiting;
        });
      });
      const quiet = await monitor(url, { longerThan: '1m' });
      assert.deepEqual(codes(quiet.findings), ['ok database.query']);
    });

    it('cancels one statement, proves it, and leaves its session and a line in the log of the server', async () => {
      await withClient(url, async (client, pid) => {
        const cancelled = assert.rejects(client.query('select pg_sleep(600)'), { code: '57014' });
        await isActive(pid);
        const { outcome, actions } = await monitor(url, { cancel: pid });
        assert.equal(outcome, 'changed');
        assert.deepEqual(
          actions.map(({ statement, status, verified }) => [statement, status, verified]),
          [[`select pg_cancel_backend(${pid})`, 'done', true]],
        );
        await cancelled;
        await client.query('select 1');
        const log = await readFile(join(server.directory, 'postgres.log'), 'utf8');
        assert.match(
          log,
          new RegExp(`LOG:  upkeep: .* asks to cancel the statement of pid ${pid} \\(user postgres, other\\)`),
        );
      });
    });

    it('terminates a session that is idle in its transaction', async () => {
      await withClient(url, async (client, pid) => {
        await client.query('begin; lock table held');
        const { outcome, actions } = await monitor(url, { terminate: pid });
        assert.deepEqual(
          [outcome, actions[0]?.verified, actions[0]?.before['state']],
          ['changed', true, 'idle in transaction'],
        );
        await server.query('select * from held', 'busy');
      });
    });

    it('changes nothing in a dry run', async () => {
      await withClient(url, async (client, pid) => {
        await client.query('begin');
        const { outcome, actions, lines } = await monitor(url, { terminate: pid }, { dryRun: true });
        assert.deepEqual([outcome, actions[0]?.status], ['unchanged', 'planned']);
        assert.match(lines.join('\n'), new RegExp(`would run: select pg_terminate_backend\\(${pid}\\)`));
        await client.query('select 1');
      });
    });

    it('refuses what it must not end, and says why', async () => {
      const refused = async (options: Record<string, unknown>, pattern: RegExp): Promise<void> => {
        const { outcome, actions, findings } = await monitor(url, options);
        assert.deepEqual([outcome, actions, codes(findings)], ['failed', [], ['critical database.backend']]);
        assert.match(findings[0]?.message ?? '', pattern);
      };
      const [checkpointer] = await server.query<{ pid: number }>(
        `select pid from pg_stat_activity where backend_type = 'checkpointer'`,
      );
      await refused({ terminate: checkpointer?.pid }, /the server's own checkpointer/);
      await refused({ cancel: 2_000_000_000 }, /there is no backend 2000000000/);
      await refused({ cancel: 1, terminate: 1 }, /choose one/);
      await withClient(url, async (client, pid) => {
        await refused({ cancel: pid }, /runs no statement that could be cancelled, it is idle/);
        await client.query('begin');
        await refused({ cancel: pid }, /it is idle in transaction: terminate it/);
      });
    });

    it('refuses a pid that could be on several servers', async () => {
      const databases = [
        { name: 'one', url },
        { name: 'two', url: 'postgres://u@127.0.0.2:1/d' },
      ];
      const { outcome, findings } = await monitor(undefined, { cancel: 1 }, { databases });
      assert.equal(outcome, 'failed');
      assert.match(findings[0]?.message ?? '', /any of 2 servers; name one of its databases with --database/);
      const named = await monitor(undefined, { cancel: 2_000_000_000, database: 'one' }, { databases });
      assert.match(named.findings[0]?.message ?? '', /there is no backend/);
    });

    it('says which right is lacking', async () => {
      await server.query(`create role weak login password 'weak'`);
      await withClient(url, async (client, pid) => {
        await client.query('begin');
        const weak = url.replace(/\/\/.*@/, '//weak:weak@');
        const blind = await monitor(weak, { terminate: pid });
        assert.equal(blind.outcome, 'failed');
        assert.match(
          blind.findings[0]?.message ?? '',
          /role weak may not see backend \d+; grant it pg_monitor and pg_signal/,
        );
        await server.query('grant pg_monitor to weak');
        const { outcome, actions, findings } = await monitor(weak, { terminate: pid });
        assert.deepEqual([outcome, actions[0]?.status], ['failed', 'failed']);
        assert.match(findings[0]?.message ?? '', /Role weak may not end pid \d+ .*grant it pg_signal_backend/);
        await client.query('select 1');
      });
    });

    it('V23: looks into a database of any name', async () => {
      const name = 'odd "busy\' -- \\! 表\n';
      await server.query(`create database ${quoted(name)}`);
      await withClient(server.url(name), async (client, pid) => {
        await client.query('begin; select 1');
        const { queries } = await monitor(server.url(name), { longerThan: '0ms' });
        assert.deepEqual(
          queries.map((query) => query.pid),
          [pid],
        );
      });
    });
  });
}

describe('monitor-queries by an agent', () => {
  it('leaves in the audit log who had which backend ended, and why', async () => {
    const world = new AgentWorld();
    try {
      world.write('maintenance: { databases: [{ name: shop, url: "postgres://u@127.0.0.1:1/d" }] }\n');
      const { client } = await world.start();
      const options = { database: ['shop'], terminate: 4711 };
      const reason = 'holds the orders';
      const { run } = await client.request('procedures.run', {
        ...{ procedure: 'monitor-queries', options, reason, requestId: randomUUID() },
      });
      assert.equal((await endOf(client, run.id)).outcome, 'failed');
      const store = new DatabaseSync(join(world.state, 'upkeep.db'), { readOnly: true });
      const entry = store.prepare(`SELECT actor, target, reason, detail FROM audit WHERE action = 'run.start'`).get();
      store.close();
      assert.deepEqual([entry?.['target'], entry?.['reason']], ['monitor-queries', reason]);
      assert.deepEqual(JSON.parse(String(entry?.['detail'])), {
        trigger: 'remedy',
        dryRun: false,
        kind: 'procedure',
        options,
      });
    } finally {
      await world.dispose();
    }
  });
});
