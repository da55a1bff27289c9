import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import { codes } from '../procedures/database/context.ts';
import { carryOut, deadRows, makeDatabase, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

const procedures = ['database-daily-maintenance', 'database-weekly-maintenance', 'database-monthly-maintenance'];

/** The role that README.md asks for, without and with what PostgreSQL 17 added to maintain tables. */
const role = [
  `create role upkeep login password 'upkeep'`,
  'grant pg_monitor to upkeep',
  'grant pg_read_all_data to upkeep',
];

for (const edition of ['newest', 'debian'] as const) {
  describe(`the least role that suffices (${edition} PostgreSQL)`, () => {
    let server: Postgres;
    let url: string;
    before(async () => {
      server = await startPostgres({ edition, settings: { autovacuum: 'off' } });
      url = (await makeDatabase(server, 'shop', ...role)).replace(/\/\/.*@/, '//upkeep:upkeep@');
    });
    after(async () => {
      await untilNoBackend(server);
      await server.stop();
    });

    const maintain = (procedure: string) =>
      carryOut(procedure, url, {
        settings: { bloat_minimum_bytes: 100_000 },
        ...(procedure === 'database-monthly-maintenance' ? { options: { force: true } } : {}),
      });

    it('may look at everything with pg_monitor and pg_read_all_data, and is told of each table what it may not', async () => {
      await server.query(deadRows('first', 5_000), 'shop');
      await server.query(deadRows('second', 5_000), 'shop');
      await server.query('analyze', 'shop');
      for (const procedure of procedures) {
        const { outcome, actions, findings } = await maintain(procedure);
        assert.equal(outcome, 'warning', procedure);
        assert.ok(actions.length >= 2, procedure);
        assert.ok(actions.every(({ status, verified }) => status === 'skipped' && !verified));
        const denied = findings.filter(({ code }) => code === 'database.rights').map(({ message }) => message);
        for (const table of ['first', 'second'])
          assert.ok(
            denied.some((message) =>
              new RegExp(
                `of public\\.${table}(_pkey)? skipped for role upkeep: .*${edition === 'newest' ? 'MAINTAIN' : 'owner'}`,
              ).test(message),
            ),
            `${procedure}: ${denied.join('\n')}`,
          );
        assert.ok(!codes(findings).includes('info database.insight'), 'it sees the sessions of others');
      }
    });

    it(`maintains all tables ${edition === 'newest' ? 'with pg_maintain' : 'as a member of their owner'}`, async () => {
      if (edition === 'newest') await server.query('grant pg_maintain to upkeep');
      else {
        await server.query('create role owner; grant owner to upkeep');
        await server.query('alter table first owner to owner; alter table second owner to owner', 'shop');
      }
      for (const procedure of procedures) {
        const { outcome, actions, findings } = await maintain(procedure);
        const failed = actions.filter(({ verified }) => !verified);
        assert.deepEqual([failed, codes(findings).filter((code) => code.endsWith('.rights'))], [[], []], procedure);
        assert.ok(actions.length > 0 && outcome !== 'failed', `${procedure}: ${outcome}`);
      }
    });
  });
}
