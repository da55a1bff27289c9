import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { databaseHealthFindings } from '../../agent/procedures/database/health.ts';
import { codes, makeConfig } from '../procedures/database/context.ts';
import { CutProxy } from './cutProxy.ts';
import { deadRows, deadRowsOf, maintain, makeDatabase, until, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

/** A VACUUM that takes for ever: a page, then a pause of 100 ms. */
const slowVacuum = (database: string): string[] => [
  `alter database ${database} set vacuum_cost_delay = '100ms'`,
  `alter database ${database} set vacuum_cost_limit = 1`,
];
const vacuuming = 'select pid from pg_stat_progress_vacuum';

describe('database-daily-maintenance in trouble', () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres({ settings: { autovacuum: 'off', max_prepared_transactions: '5' } });
  });
  after(async () => {
    await untilNoBackend(server);
    await server.stop();
  });

  /** Another session, with what it has sent, for as long as `work` takes. */
  async function besides<T>(
    database: string,
    statements: string[],
    work: (client: pg.Client) => Promise<T>,
  ): Promise<T> {
    const client = new pg.Client({ connectionString: server.url(database), application_name: 'other' });
    client.on('error', () => undefined);
    await client.connect();
    try {
      for (const statement of statements) await client.query(statement);
      return await work(client);
    } finally {
      await client.end();
    }
  }

  it('skips a locked table after its tries, says who holds it, and goes on with the others (F24)', async () => {
    const url = await makeDatabase(server, 'locked', deadRows('held', 2_000), deadRows('open', 1_000));
    const lock = ['begin', 'lock table held in access exclusive mode'];
    await besides('locked', lock, async (client) => {
      const { outcome, actions, findings } = await maintain(url);
      assert.equal(outcome, 'warning');
      const held = actions.find((action) => action.relation === 'public.held');
      assert.deepEqual([held?.status, held?.verified, held?.after], ['skipped', false, {}]);
      assert.match(held?.reason ?? '', /no lock within 100 ms, 2 tries/);
      assert.equal(actions.find((action) => action.relation === 'public.open')?.verified, true);
      const finding = findings.find((entry) => entry.code === 'database.lock');
      const pid = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]?.pid;
      assert.match(
        finding?.message ?? '',
        new RegExp(`VACUUM of public.held skipped: .*held by pid ${String(pid)} \\(user postgres, other`),
      );
    });
    assert.equal(await deadRowsOf(server, 'locked', 'held'), 1_800);
  });

  it('says so when dead rows can not be removed yet, and what holds them back', async () => {
    const url = await makeDatabase(server, 'horizon', 'create table other as select 1 as id');
    const snapshot = ['begin isolation level repeatable read', 'select * from other'];
    await besides('horizon', snapshot, async () => {
      await server.query(deadRows('busy', 2_000), 'horizon');
      const { outcome, actions, findings } = await maintain(url, { settings: { stale_statistics_percent: 100 } });
      assert.equal(outcome, 'warning');
      assert.deepEqual([actions[0]?.status, actions[0]?.verified], ['done', false]);
      const finding = findings.find((entry) => entry.code === 'database.dead_rows');
      assert.match(finding?.message ?? '', /still has 1800 dead rows .*held back by pid \d+ \(user postgres, other/);
    });
  });

  it('tells each table that its role may not maintain', async () => {
    const url = await makeDatabase(
      server,
      'rights',
      deadRows('foreign_table', 2_000),
      deadRows('granted', 2_000),
      `create role reader login password 'reader'`,
      'grant maintain on granted to reader',
    );
    const { outcome, actions, findings } = await maintain(url.replace(/\/\/.*@/, '//reader:reader@'));
    assert.equal(outcome, 'warning');
    const status = Object.fromEntries(actions.map((action) => [action.relation, action.status]));
    assert.deepEqual(status, { 'public.foreign_table': 'skipped', 'public.granted': 'done' });
    const finding = findings.find((entry) => entry.code === 'database.rights');
    assert.match(
      finding?.message ?? '',
      /VACUUM of public\.foreign_table skipped for role reader: .*grant it MAINTAIN/,
    );
    assert.ok(codes(findings).includes('info database.insight'));
    assert.equal(await deadRowsOf(server, 'rights', 'foreign_table'), 1_800);
  });

  it('ends a statement at statement_timeout and says which', async () => {
    const url = await makeDatabase(server, 'slow', deadRows('busy', 20_000), ...slowVacuum('slow'));
    const { outcome, actions, findings } = await maintain(url, { settings: { statement_timeout: '2s' } });
    assert.equal(outcome, 'warning');
    assert.equal(actions[0]?.status, 'failed');
    assert.match(findings[0]?.message ?? '', /VACUUM of public\.busy not finished: .*statement_timeout 2000 ms/);
  });

  it('cancels the running statement when it is stopped, and leaves no backend', async () => {
    const url = await makeDatabase(server, 'stopped', deadRows('busy', 20_000), ...slowVacuum('stopped'));
    const controller = new AbortController();
    const run = maintain(url, { signal: controller.signal });
    const stopped = assert.rejects(run, /stopped by a test/);
    await until(server, vacuuming);
    controller.abort(new Error('stopped by a test'));
    await stopped;
    await untilNoBackend(server);
    assert.deepEqual(await server.query(vacuuming), []);
    assert.equal(await deadRowsOf(server, 'stopped', 'busy'), 18_000);
  });

  it('can be stopped while it waits for a connection', async () => {
    const silent = createServer().listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const controller = new AbortController();
    silent.once('connection', (socket) => {
      socket.on('error', () => undefined);
      controller.abort(new Error('stopped by a test'));
    });
    try {
      await assert.rejects(
        maintain(`postgres://u@127.0.0.1:${port}/d`, { signal: controller.signal }),
        /stopped by a test/,
      );
    } finally {
      silent.close();
    }
  });

  it('fails with the cause when the connection drops in mid-VACUUM; the server ends that by itself, and the next run does it', async () => {
    const url = await makeDatabase(server, 'dropped', deadRows('busy', 20_000), ...slowVacuum('dropped'));
    const proxy = await CutProxy.start({ host: '127.0.0.1', port: server.port });
    const run = maintain(url.replace(`:${server.port}/`, `:${proxy.port}/`));
    await until(server, vacuuming);
    proxy.cut();
    const { outcome, actions, findings } = await run;
    await proxy.stop();
    assert.equal(outcome, 'failed');
    assert.deepEqual([actions[0]?.status, actions[0]?.verified], ['failed', false]);
    assert.deepEqual(codes(findings), ['critical database.connection']);
    assert.match(findings[0]?.message ?? '', /was lost during maintenance/);
    await untilNoBackend(server);
    assert.deepEqual(
      await server.query(`select mode from pg_locks where relation = 'busy'::regclass and granted`, 'dropped'),
      [],
    );
    await server.query('alter database dropped reset vacuum_cost_delay');
    const again = await maintain(url);
    assert.deepEqual([again.outcome, again.actions[0]?.verified], ['changed', true]);
  });

  it('fails with the cause when the server loses the backend, and the server recovers (F22)', async () => {
    const url = await makeDatabase(server, 'killed', deadRows('busy', 20_000), ...slowVacuum('killed'));
    const run = maintain(url);
    const { pid } = await until(server, vacuuming);
    process.kill(Number(pid), 'SIGKILL');
    const { outcome, actions, findings } = await run;
    assert.equal(outcome, 'failed');
    assert.deepEqual([actions[0]?.status, actions[0]?.verified], ['failed', false]);
    assert.deepEqual(codes(findings), ['critical database.connection']);
    assert.match(findings[0]?.message ?? '', /was lost during maintenance .*crashed, restarted or is in recovery/);
    await until(server, 'select 1');
  });
});

describe('an unreachable database', () => {
  let server: Postgres;
  before(async () => {
    server = await startPostgres();
  });
  after(async () => {
    await server.stop();
  });

  /** The one finding, after the checks that hold for each way of being unreachable. */
  async function unreachable(url: string, connectTimeout = '30s'): Promise<string> {
    const { outcome, actions, findings } = await maintain(url, { settings: { connect_timeout: connectTimeout } });
    assert.equal(outcome, 'failed');
    assert.deepEqual(actions, []);
    assert.deepEqual(codes(findings), ['critical database.connection']);
    assert.doesNotMatch(JSON.stringify(findings), /hunter2/);
    assert.equal(findings[0]?.subject, 'shop');
    return findings[0].message;
  }

  it('is one critical finding: nothing listens', async () => {
    const port = await closedPort();
    const message = await unreachable(`postgres://u:hunter2@127.0.0.1:${port}/d`);
    assert.match(
      message,
      new RegExp(
        `^No connection to shop at 127.0.0.1:${port}, database d, user u: nothing listens there .*start PostgreSQL`,
      ),
    );
  });

  it('is one critical finding: connected, and no answer within connect_timeout (F27)', async () => {
    const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    try {
      const message = await unreachable(`postgres://u:hunter2@127.0.0.1:${port}/d`, '200ms');
      assert.match(message, /no answer within 200 ms; check host, port, firewall/);
    } finally {
      silent.close();
    }
  });

  it('is one critical finding: an unknown host, a wrong password, no password, no such database', async () => {
    assert.match(
      await unreachable('postgres://u:hunter2@no-such-host.invalid/d', '5s'),
      /host name is not known|no answer/,
    );
    assert.match(await unreachable(server.url('postgres', 'postgres', 'hunter2')), /the password is refused/);
    assert.match(
      await unreachable(`postgres://postgres@127.0.0.1:${server.port}/d?passfile=/dev/null`),
      /none is given.*\.pgpass/,
    );
    assert.match(await unreachable(server.url('missing')), /there is no such database/);
  });

  it('is one critical finding: all connections taken, after trying again until connect_timeout (F26)', async () => {
    await server.query(`create role crowded login password 'crowded' connection limit 0`);
    const message = await unreachable(server.url('postgres', 'crowded', 'crowded'), '2s');
    assert.match(message, /all connection slots are taken/);
  });

  it('is told by the refusal, not by the silence of the last attempt, which had the rest of connect_timeout alone (F26)', async () => {
    let attempts = 0;
    const silent = createServer((socket) => {
      attempts += 1;
      socket.on('error', () => undefined);
      if (attempts === 1) socket.once('data', () => socket.end(refusal('53300', 'sorry, too many clients already')));
    }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    try {
      const message = await unreachable(`postgres://u:hunter2@127.0.0.1:${port}/d?sslmode=disable`, '2s');
      assert.match(message, /all connection slots are taken \(sorry, too many clients already\)/);
      assert.equal(attempts, 2);
    } finally {
      silent.close();
    }
  });

  it('does not keep the others from being maintained', async () => {
    const url = await makeDatabase(server, 'fine', deadRows('busy', 500));
    const databases = [
      { name: 'down', url: `postgres://u@127.0.0.1:${await closedPort()}/d` },
      { name: 'wrong', url: 'mysql://hunter2@h/d' },
      { name: 'fine', url },
    ];
    const { outcome, actions, findings } = await maintain(undefined, { databases });
    assert.equal(outcome, 'failed');
    assert.deepEqual(
      actions.map((action) => [action.database, action.verified]),
      [['fine', true]],
    );
    assert.deepEqual(
      findings.map((finding) => finding.subject),
      ['down', 'wrong'],
    );
  });

  it('is critical to health-check, which tells latency and connections of one that answers', async () => {
    const databases = [
      { name: 'up', url: server.url() },
      { name: 'down', url: `postgres://u@127.0.0.1:${await closedPort()}/d` },
    ];
    const findings = await databaseHealthFindings(makeConfig({ databases }), {
      env: {},
      signal: new AbortController().signal,
    });
    assert.deepEqual(
      findings.map((finding) => [finding.subject, finding.level, finding.code, finding.unit]),
      [
        ['up', 'ok', 'database.connection', 'ms'],
        ['up', 'ok', 'database.connections', '%'],
        ['down', 'critical', 'database.connection', undefined],
      ],
    );
  });
});

/** What a server says before it closes the connection: PostgreSQL manual, "Message Formats", ErrorResponse. */
function refusal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0M${message}\0\0`);
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  return Buffer.concat([Buffer.from('E'), length, fields]);
}

async function closedPort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}
