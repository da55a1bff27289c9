import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import pg from 'pg';
import {
  carryOut,
  deadRows,
  deadRowsOf,
  makeDatabase,
  untilNoBackend,
  type CarriedOut,
  type Given,
} from './maintenance.ts';
import { lockWaitSettings, longestWait, startLoad, type Load } from './pgbench.ts';
import { startPostgres, type Postgres } from './postgres.ts';

const lockTimeout = 1_000;
const settings = { lock_timeout: `${lockTimeout}ms`, lock_retries: 3, bloat_minimum_bytes: 100_000 } as const;
const inWindow = { UPKEEP_WINDOW: 'win-test', UPKEEP_WINDOW_ENDS: '2999-01-01T00:00:00.000Z' };

for (const edition of ['newest', 'debian'] as const) {
  describe(`maintenance of a database that is in use, on the ${edition} PostgreSQL`, () => {
    let server: Postgres;
    let load: Load;
    let url: string;
    before(async () => {
      server = await startPostgres({ edition, settings: { autovacuum: 'off', ...lockWaitSettings } });
      url = await makeDatabase(server, 'shop', deadRows('busy', 20_000), deadRows('archive', 20_000));
      if (edition === 'debian') await server.query('create extension pg_repack', 'shop');
      load = await startLoad(server, 'shop');
    });
    after(async () => {
      await load.stop();
      await untilNoBackend(server);
      await server.stop();
    });

    const maintained = async (name: string, given: Given = {}): Promise<CarriedOut> => {
      const done = await carryOut(name, url, { ...given, settings });
      const failed = done.actions.filter((action) => !action.verified);
      assert.deepEqual([failed, done.outcome], [[], 'changed'], JSON.stringify(done.findings, null, 1));
      return done;
    };

    it('is vacuumed daily: dead rows fall, also of the tables under load', async () => {
      assert.equal(await deadRowsOf(server, 'shop', 'busy'), 18_000);
      const { actions } = await carryOut('database-daily-maintenance', url, {
        settings: { ...settings, bloat_ratio: 1e6 },
      });
      assert.ok(actions.length > 0 && actions.every((action) => action.verified), JSON.stringify(actions, null, 1));
      assert.equal(await deadRowsOf(server, 'shop', 'busy'), 0);
    });

    it('is vacuumed weekly, and bloated indexes are rebuilt: valid, with a new file, smaller', async () => {
      const { actions } = await maintained('database-weekly-maintenance');
      const vacuumed = actions
        .filter((action) => action.statement.startsWith('VACUUM'))
        .map((action) => action.relation);
      assert.ok(vacuumed.includes('public.pgbench_accounts'), vacuumed.join(' '));
      const reindex = actions.find((action) => action.relation === 'public.busy_pkey');
      const [index] = await server.query(
        `select relfilenode::text as node, pg_relation_size(c.oid)::float8 as bytes, indisvalid as valid
         from pg_class c join pg_index on indexrelid = c.oid where c.oid = 'busy_pkey'::regclass`,
        'shop',
      );
      assert.deepEqual(index, { node: reindex?.after['fileNode'], bytes: reindex?.after['bytes'], valid: true });
      assert.ok(Number(reindex?.after['bytes']) < Number(reindex?.before['bytes']) / 2);
    });

    it('is maintained monthly: bloated tables have a new, smaller file, all indexes too', async () => {
      const size = `select pg_total_relation_size('busy')::float8 as bytes, pg_relation_filenode('busy')::text as node`;
      const [old] = await server.query(size, 'shop');
      const { actions } = await maintained('database-monthly-maintenance', {
        env: edition === 'debian' ? {} : inWindow,
      });
      const [now] = await server.query(size, 'shop');
      assert.ok(Number(now?.['bytes']) < Number(old?.['bytes']) / 3);
      assert.notEqual(now?.['node'], old?.['node']);
      const tool =
        edition === 'debian' ? 'pg_repack --no-order --table=public.busy' : 'VACUUM (FULL, ANALYZE) public.busy';
      assert.equal(actions.find((action) => action.relation === 'public.busy')?.statement, tool);
      const reindexed = actions
        .map((action) => action.statement)
        .filter((statement) => statement.startsWith('REINDEX'));
      assert.ok(reindexed.includes('REINDEX INDEX CONCURRENTLY public.pgbench_accounts_pkey'), reindexed.join('\n'));
      const invalid = await server.query(
        'select indexrelid::regclass::text as name from pg_index where not indisvalid',
        'shop',
      );
      assert.deepEqual(invalid, []);
    });

    if (edition === 'debian') {
      it('has the very table under load rebuilt by pg_repack, outside of any window', async () => {
        const node = `select pg_relation_filenode('pgbench_accounts')::text as node`;
        const [old] = await server.query(node, 'shop');
        const { actions } = await maintained('database-monthly-maintenance', {
          options: { tables: ['pgbench_accounts'] },
        });
        assert.equal(actions[0]?.statement, 'pg_repack --no-order --table=public.pgbench_accounts');
        assert.notDeepEqual((await server.query(node, 'shop'))[0], old);
        assert.deepEqual(
          await server.query(
            `select relname from pg_class where relnamespace = 'repack'::regnamespace and relname ~ '_[0-9]+$'`,
            'shop',
          ),
          [],
        );
      });
    }

    it('F24: has VACUUM FULL of a table that somebody reads given up in time, so that what queued behind it goes on', async () => {
      const reader = new pg.Client({ connectionString: url });
      await reader.connect();
      try {
        await reader.query('begin; select count(*) from pgbench_tellers');
        const given = {
          env: inWindow,
          options: { tables: ['pgbench_tellers'] },
          settings: { ...settings, lock_retries: 1 },
        };
        if (edition === 'debian') await server.query('drop extension pg_repack', 'shop');
        const { actions } = await carryOut('database-monthly-maintenance', url, given);
        assert.deepEqual([actions[0]?.status, actions[0]?.verified], ['skipped', false]);
        assert.match(actions[0]?.reason ?? '', /no lock within 1000 ms, 2 tries/);
      } finally {
        await reader.end();
      }
      assert.ok((await longestWait(server)) > lockTimeout / 2, 'the log tells of the wait');
    });

    it('served its clients all the time: no error, no statement blocked for longer than lock_timeout and a second', async () => {
      assert.ok((await load.stop()) > 0);
      const longest = await longestWait(server);
      assert.ok(longest < lockTimeout + 1_000, `a statement waited for ${longest} ms`);
    });
  });
}
