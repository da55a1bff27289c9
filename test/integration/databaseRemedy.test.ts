/** From a bloated table to its rebuild, as a person in the editor goes: Health, the question, the run. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'mocha';
import type { AgentClient } from '../../agent/cli/client.ts';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import type { Finding, Remedy, Report } from '../../agent/protocol/nouns.ts';
import { healthModel } from '../../extension/views/healthModel.ts';
import { procedureDetail } from '../../extension/views/procedureText.ts';
import { makeHost } from '../extension/nouns.ts';
import { flat } from '../extension/outline.ts';
import { AgentWorld, endOf, nextEvent } from './agentProcess.ts';
import { deadRows, makeDatabase, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

describe('the remedy of a bloated table', function () {
  this.timeout(60_000);
  let server: Postgres;
  let world: AgentWorld;
  let client: AgentClient;
  before(async () => {
    server = await startPostgres({ settings: { autovacuum: 'off' } });
    const url = await makeDatabase(server, 'shop', deadRows('orders', 20_000), 'vacuum (analyze) orders');
    world = new AgentWorld();
    world.write(
      'maintenance:\n  databases: [{ name: shop, url: "${SHOP_URL}" }]\n  database: { bloat_minimum_bytes: 100000 }\n',
    );
    ({ client } = await world.start(['--listen', 'none'], { SHOP_URL: url }));
  });
  after(async () => {
    await world.dispose();
    await untilNoBackend(server);
    await server.stop();
  });

  const bloatReport = async (): Promise<Report> => {
    const event = await nextEvent(
      client,
      (one): one is Extract<AgentEvent, { type: 'report.changed' }> =>
        one.type === 'report.changed' && one.data.report.id === 'check:database-bloat',
    );
    return event.data.report;
  };
  const remedyOf = (findings: readonly Finding[], subject: string): Remedy =>
    findings.find((finding) => finding.subject === subject)?.remedy ?? assert.fail(`no remedy for ${subject}`);
  /** What the editor asks before it runs a remedy. */
  const question = async ({ procedure, options }: Remedy): Promise<string> => {
    const preview = await client.request('procedures.preview', { procedure, options });
    const host = { name: 'db-01', place: 'unix socket' };
    return procedureDetail({ host, procedure, options, info: null, preview, dryRun: false });
  };

  it('is shown in Health below database and check, without any check configured', async () => {
    await bloatReport();
    const snapshot = await client.request('snapshot', {});
    const nodes = flat(healthModel([makeHost(snapshot)], new Date()));
    const node = nodes.find((one) => one.label === 'public.orders');
    assert.equal(node?.context, 'finding remediable');
    assert.match(node.description ?? '', /^public\.orders takes [\d.]+ .B, [\d.]+ times/);
    const labels = nodes.map((one) => one.label);
    assert.ok(labels.includes('Database') && labels.includes('Bloat'), labels.join(', '));
  });

  it('asks with host, database, lock level and size, for a table and for an index', async () => {
    const { findings } = await bloatReport();
    const table = await question(remedyOf(findings, 'public.orders'));
    assert.match(table, /^Host: db-01 \(unix socket\)$/m);
    assert.match(
      table,
      /^VACUUM FULL of public\.orders \([\d.]+ .B with its indexes\) on shop at 127\.0\.0\.1:\d+, database shop, user postgres: ACCESS EXCLUSIVE: reads and writes wait until it is done\. VACUUM FULL runs inside an open maintenance window only/m,
    );
    const index = await question(remedyOf(findings, 'public.orders_pkey'));
    assert.match(
      index,
      /^REINDEX CONCURRENTLY of public\.orders_pkey \([\d.]+ .B\) of public\.orders on shop at 127\.0\.0\.1:\d+, database shop, user postgres: .* SHARE UPDATE EXCLUSIVE: reads and writes go on/m,
    );
  });

  it('is left out without a window and offers itself by force; inside a window it is done', async () => {
    const remedy = remedyOf((await bloatReport()).findings, 'public.orders');
    const start = async (): Promise<string> => {
      const { procedure, options } = remedy;
      return (await client.request('procedures.run', { procedure, options, requestId: randomUUID() })).run.id;
    };
    const refused = await start();
    assert.equal((await endOf(client, refused)).outcome, 'warning');
    const { findings } = await client.request('runs.get', { runId: refused });
    assert.deepEqual(
      findings.map((finding) => [finding.code, finding.remedy?.options['force']]),
      [['database.window', true]],
    );
    await client.request('windows.open', { requestId: randomUUID(), reason: 'rebuild orders', minutes: 10 });
    assert.equal((await endOf(client, await start())).outcome, 'changed');
    const [size] = await server.query(`select pg_total_relation_size('orders')::float8 as bytes`, 'shop');
    assert.ok(Number(size?.['bytes']) < 600_000, JSON.stringify(size));
  });
});
