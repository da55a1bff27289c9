import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import { openSession, type DatabaseSession } from '../../agent/procedures/database/connection.ts';
import { runStatement, type StatementOutcome } from '../../agent/procedures/database/statement.ts';
import { resolveTarget } from '../../agent/procedures/database/target.ts';
import { makeConfig, record } from '../procedures/database/context.ts';
import { deadRows, makeDatabase } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

describe('a maintenance statement', () => {
  let server: Postgres;
  let session: DatabaseSession;
  const config = makeConfig({ database: { lock_timeout: '100ms', lock_retries: 1, statement_timeout: '2s' } });
  const { context } = record(config);
  const run = (sql: string): Promise<StatementOutcome> =>
    runStatement({ session, settings: config.database, context }, { sql });
  before(async () => {
    server = await startPostgres({ settings: { autovacuum: 'off' } });
    const url = await makeDatabase(server, 'statements', deadRows('orders', 1_000));
    const target = resolveTarget('shop', url, {});
    assert.ok('parameters' in target);
    session = await openSession(target.parameters, { settings: config.database, signal: context.signal });
  });
  after(async () => {
    await session.close();
    await server.stop();
  });

  it('F24: that gets no lock is told from one that was done, also when SKIP_LOCKED makes it end without an error', async () => {
    const holder = new pg.Client({ connectionString: server.url('statements') });
    await holder.connect();
    try {
      await holder.query('begin; lock table orders in access exclusive mode');
      for (const sql of ['vacuum public.orders', 'vacuum (skip_locked) public.orders', 'reindex table public.orders']) {
        const outcome = await run(sql);
        assert.deepEqual(outcome, { kind: 'locked', reason: 'no lock within 100 ms, 2 tries' }, sql);
      }
    } finally {
      await holder.end();
    }
    assert.deepEqual(await run('vacuum public.orders'), { kind: 'done' });
  });

  it('F25: that fails, runs too long or names nothing is never done', async () => {
    assert.equal((await run('vacuum public.nothing')).kind, 'gone');
    assert.equal((await run('select 1 / 0')).kind, 'failed');
    assert.equal((await run('select pg_sleep(60)')).kind, 'timed-out');
    // psql -c would run these two in one transaction, where VACUUM fails; psql -f would go on after an error.
    assert.equal((await run(`set lock_timeout = '1s'; vacuum public.orders`)).kind, 'failed');
  });
});
