import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import * as z from 'zod';
import { relationSchema } from '../../agent/procedures/database/bloat.ts';
import { checkBloat } from '../../agent/procedures/database/checkBloat.ts';
import { checkDbHealth } from '../../agent/procedures/database/checkDbHealth.ts';
import type { AnyProcedure } from '../../agent/procedures/define.ts';
import { check, countStatements } from './databaseCheck.ts';
import { makeManyTables } from './manyTables.ts';
import { makeDatabase, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

for (const edition of ['newest', 'debian'] as const) {
  describe(`2,000 tables (${edition})`, () => {
    let server: Postgres;
    before(async function () {
      this.timeout(120_000);
      server = await startPostgres({ edition, settings: { autovacuum: 'off' } });
      await makeManyTables(server, 'many', { tables: 2_000, rows: 2 });
      const table = 'create table t (id serial primary key, k int); create index on t (k)';
      await makeDatabase(server, 'few', table, 'create extension pg_stat_statements');
    });
    after(async () => {
      await untilNoBackend(server);
      await server.stop();
    });

    /** Statements that a procedure sends, from the set-up of its session on. */
    const statements = (procedure: AnyProcedure, database: string, options: Record<string, unknown> = {}) =>
      countStatements(server, database, 'few', () => check(procedure, server.url(database), { options }));

    it('cost check-db-health as many queries as one table', async () => {
      const few = await statements(checkDbHealth, 'few');
      assert.ok(few >= 8 && few <= 14, `${few} statements`);
      assert.equal(await statements(checkDbHealth, 'many'), few);
    });

    it('cost check-bloat two queries', async () => {
      const everything = { minSize: '0B' };
      assert.equal(await statements(checkBloat, 'few', everything), 4, 'two set up the session');
      assert.equal(await statements(checkBloat, 'many', everything), 4);
      const { part } = await check(checkBloat, server.url('many'), { options: everything });
      assert.equal(z.array(relationSchema).parse(part['relations']).length, 6_000);
    });
  });
}
