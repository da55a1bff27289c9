import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'mocha';
import { writeAnalysis, analysisFile, type Recommendation } from '../../agent/procedures/database/recommendations.ts';
import { codes } from '../procedures/database/context.ts';
import { carryOut, makeDatabase, untilNoBackend, type CarriedOut } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

const cheaper: Recommendation = {
  id: 'setting.random_page_cost',
  database: 'shop',
  title: 'Cheaper random reads',
  reason: 'the disk has no moving parts',
  sql: `alter system set random_page_cost = '1.1'`,
  undo: 'alter system reset random_page_cost',
  restart: false,
  scope: 'server',
  setting: { name: 'random_page_cost', from: '4', to: '1.1' },
};
const buffers: Recommendation = {
  ...cheaper,
  id: 'setting.shared_buffers',
  sql: `alter system set shared_buffers = '64MB'`,
  undo: 'alter system reset shared_buffers',
  restart: true,
  setting: { name: 'shared_buffers', from: '32MB', to: '64MB' },
};
const vacuum: Recommendation = {
  ...cheaper,
  id: 'autovacuum.public.orders',
  sql: 'alter table public.orders set (autovacuum_vacuum_scale_factor = 0.02)',
  undo: 'alter table public.orders reset (autovacuum_vacuum_scale_factor)',
  scope: 'relation',
  setting: null,
};
const hostile: Recommendation = {
  ...cheaper,
  id: 'hostile',
  sql: `alter system set work_mem = '4MB'; drop table orders`,
};

describe('apply-optimizations on a real PostgreSQL', () => {
  let server: Postgres;
  let memory: string;
  let url: string;
  before(async () => {
    memory = await mkdtemp(join(tmpdir(), 'upkeep-memory-'));
    server = await startPostgres({ settings: { autovacuum: 'off' } });
    url = await makeDatabase(server, 'optimized', 'create table orders (id int)');
    await writeAnalysis(analysisFile(memoryDirectory()), {
      analysedAt: '2026-11-25T02:00:00.000Z',
      recommendations: [cheaper, buffers, vacuum, hostile],
    });
    await mkdir(memoryDirectory());
  });
  after(async () => {
    await untilNoBackend(server);
    await server.stop();
    await rm(memory, { recursive: true });
  });

  const memoryDirectory = (): string => join(memory, 'apply-optimizations');
  const apply = (options: Record<string, unknown>, more: { dryRun?: boolean } = {}): Promise<CarriedOut> =>
    carryOut('apply-optimizations', url, { options, memoryDirectory: memoryDirectory(), ...more });
  const kept = async (): Promise<unknown> =>
    JSON.parse(await readFile(join(memoryDirectory(), 'applied.json'), 'utf8').catch(() => '[]'));

  it('lists what there is, and changes nothing without --only or in a dry run', async () => {
    const listed = await apply({});
    assert.deepEqual([listed.outcome, listed.actions], ['unchanged', []]);
    assert.match(listed.lines.join('\n'), /setting\.random_page_cost: Cheaper random reads; shop: alter system set/);
    const planned = await apply({ only: 'setting.random_page_cost' }, { dryRun: true });
    assert.deepEqual([planned.outcome, planned.actions[0]?.status], ['unchanged', 'planned']);
    assert.deepEqual(await kept(), []);
  });

  it('applies what is chosen, proves it, records the undo, and takes it back', async () => {
    const { outcome, actions, part } = await apply({ only: ['setting.random_page_cost', 'autovacuum.public.orders'] });
    assert.equal(outcome, 'changed');
    assert.deepEqual(
      actions.map((action) => [action.relation, action.status, action.verified]),
      [
        ['setting.random_page_cost', 'done', true],
        ['autovacuum.public.orders', 'done', true],
      ],
    );
    assert.deepEqual([actions[0]?.before['value'], actions[0]?.after['value']], ['4', '1.1']);
    assert.deepEqual(await server.query(`select current_setting('random_page_cost') as cost`), [{ cost: '1.1' }]);
    assert.deepEqual(await server.query(`select reloptions from pg_class where relname = 'orders'`, 'optimized'), [
      { reloptions: ['autovacuum_vacuum_scale_factor=0.02'] },
    ]);
    assert.match(JSON.stringify(part['applied']), /alter system reset random_page_cost/);
    assert.match(JSON.stringify(await kept()), /alter table public\.orders reset/);
    const back = await apply({ undo: ['setting.random_page_cost', 'autovacuum.public.orders'] });
    assert.deepEqual([back.outcome, back.actions.map((action) => action.verified)], ['changed', [true, true]]);
    assert.deepEqual(await server.query(`select current_setting('random_page_cost') as cost`), [{ cost: '4' }]);
    assert.deepEqual(await kept(), []);
  });

  it('says what holds only after a restart', async () => {
    const { outcome, findings, actions } = await apply({ only: 'setting.shared_buffers' });
    assert.deepEqual([outcome, actions[0]?.verified, codes(findings)], ['changed', true, ['info database.restart']]);
    assert.equal((await apply({ undo: 'setting.shared_buffers' })).outcome, 'changed');
  });

  it('runs no other SQL than recommendations consist of, and tells an id that there is not', async () => {
    const { outcome, findings, actions } = await apply({ only: ['hostile', 'nothing'] });
    assert.deepEqual([outcome, actions], ['failed', []]);
    assert.deepEqual(codes(findings), ['critical database.recommendation', 'critical database.recommendation']);
    assert.match(findings[0]?.message ?? '', /^The SQL of hostile is not run: it is more than one plain statement/);
    const file = join(memory, 'other.json');
    await writeFile(file, '{"not": "a report"}');
    assert.match(
      (await apply({ from: file, only: 'x' })).findings[0]?.message ?? '',
      /no report of performance-analysis/,
    );
    assert.equal((await server.query('select * from orders', 'optimized')).length, 0);
  });

  it('leaves nothing recorded when the role may not do it', async () => {
    await server.query(`create role plain login password 'plain'`);
    const reader = url.replace(/\/\/.*@/, '//plain:plain@');
    const { outcome, findings, actions } = await carryOut('apply-optimizations', reader, {
      options: { only: ['setting.random_page_cost'] },
      memoryDirectory: memoryDirectory(),
    });
    assert.deepEqual([outcome, actions[0]?.status], ['warning', 'skipped']);
    assert.match(findings[0]?.message ?? '', /permission denied.*run this as a superuser/);
    assert.deepEqual(await kept(), []);
  });
});
