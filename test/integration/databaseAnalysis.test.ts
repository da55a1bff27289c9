import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import MarkdownIt from 'markdown-it';
import { after, before, describe, it } from 'mocha';
import * as z from 'zod';
import { actionSchema } from '../../agent/procedures/database/actions.ts';
import { applyOptimizations } from '../../agent/procedures/database/applyOptimizations.ts';
import { performanceAnalysis } from '../../agent/procedures/database/performanceAnalysis.ts';
import { part } from '../../agent/procedures/database/performanceAnalysisWork.ts';
import { analysisFile, readAnalysis } from '../../agent/procedures/database/recommendations.ts';
import { check, quoted, withClient, withMemory, type Given } from './databaseCheck.ts';
import { makeDatabase, until, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

async function analyse(url: string | undefined, given: Given) {
  const checked = await check(performanceAnalysis, url, given);
  return { ...checked, part: part.parse(checked.part) };
}

const hostile = 'odd | <img src=x onerror=alert(1)> [x](command:y) `z`';

for (const edition of ['newest', 'debian'] as const) {
  describe(`performance-analysis on a real PostgreSQL (${edition})`, () => {
    let server: Postgres;
    let url: string;
    before(async () => {
      server = await startPostgres({ edition });
      for (const setting of [`autovacuum = 'off'`, `checkpoint_timeout = '2min'`]) {
        await server.query(`alter system set ${setting}`);
      }
      await server.query('select pg_reload_conf()');
      await until(server, `select 1 where current_setting('autovacuum') = 'off'`);
      url = await makeDatabase(
        server,
        'shop',
        'create extension pg_stat_statements',
        `create table customers (id int primary key)`,
        `create table ${quoted(hostile)} (id int primary key, customer int references customers, note text)`,
        `insert into ${quoted(hostile)} select g, null, repeat('x', 100) from generate_series(1, 100000) g`,
        `delete from ${quoted(hostile)} where id % 10 <> 0`,
        'vacuum analyze',
      );
      await withClient(url, (client) => client.query('select pg_sleep(0.05)'));
    });
    after(async () => {
      await untilNoBackend(server);
      await server.stop();
    });

    it('puts health, bloat, slow queries, indexes and settings into one report, as JSON and as Markdown', async () => {
      await withMemory(undefined, async (folder) => {
        const memory = join(folder, 'performance-analysis');
        const options = { comprehensive: true, minDuration: '30ms' };
        const { part: read, outcome, findings, lines } = await analyse(url, { memory, options });
        assert.equal(outcome, 'warning');
        assert.equal(read.health[0]?.connections?.maximum, 40);
        assert.ok((read.relations.find(({ name }) => name === hostile)?.bloatRatio ?? 0) > 5);
        assert.ok(read.statements.some(({ statement }) => statement.startsWith('select pg_sleep')));
        assert.ok(read.indexes.some(({ problem }) => problem === 'missing'));
        assert.ok(read.recommendations.some(({ id }) => id === 'setting.autovacuum'));
        const advice = findings.find(({ subject }) => subject === 'setting.autovacuum');
        assert.deepEqual(advice?.remedy?.options, { only: ['setting.autovacuum'] });
        assert.deepEqual((await readAnalysis(analysisFile(memory)))?.recommendations, read.recommendations);
        assert.equal(lines.at(-1), `report: ${read.report}`);
        assert.equal((await stat(read.report)).mode & 0o777, 0o600);
        const markdown = await readFile(read.report, 'utf8');
        for (const title of ['Findings', 'Slow statements', 'Bloat', 'Indexes', 'Recommendations']) {
          assert.match(markdown, new RegExp(`^## ${title}$`, 'm'));
        }
        const html = new MarkdownIt({ html: true }).render(markdown);
        assert.ok(!html.includes('<img') && !html.includes('href="command:'), 'V15: names are text');
        assert.equal((html.match(/onerror=alert\(1\)/g) ?? []).length > 0, true);
      });
    });

    it('recommends what can be applied and taken back, the same ids each time', async () => {
      await withMemory(undefined, async (folder) => {
        const memory = join(folder, 'performance-analysis');
        const { part: first } = await analyse(url, { memory });
        const { part: second } = await analyse(url, { memory });
        const ids = first.recommendations.map(({ id }) => id);
        assert.deepEqual(
          second.recommendations.map(({ id }) => id),
          ids,
        );
        assert.ok(ids.includes('setting.checkpoint_timeout') && ids.includes('setting.log_lock_waits'), ids.join(' '));
        const apply = async (options: Record<string, unknown>) => {
          const applying = await check(applyOptimizations, url, {
            memory: join(folder, 'apply-optimizations'),
            options,
          });
          const actions = z.array(actionSchema).parse(applying.part['actions']);
          assert.equal(applying.outcome, 'changed', applying.findings.map(({ message }) => message).join(' '));
          assert.deepEqual([...new Set(actions.map(({ verified }) => verified))], [true]);
          return actions.map(({ statement }) => statement);
        };
        assert.deepEqual(
          await apply({ only: ids }),
          first.recommendations.map(({ sql }) => sql),
        );
        const { part: third } = await analyse(url, { memory });
        const lasting = first.recommendations.filter(({ restart }) => restart).map(({ id }) => id);
        assert.deepEqual(
          third.recommendations.map(({ id }) => id),
          lasting,
          'nothing else is left to recommend',
        );
        assert.deepEqual(
          await apply({ undo: ids }),
          first.recommendations.map(({ undo }) => undo),
        );
        const { part: last } = await analyse(url, { memory });
        assert.deepEqual(last.recommendations, first.recommendations);
      });
    });

    it('says of the settings once for each server, and names the database in each id where there are several', async () => {
      await withMemory(undefined, async (folder) => {
        const databases = [
          { name: 'shop', url },
          { name: 'stock', url: await makeDatabase(server, 'stock') },
        ];
        const { part: read } = await analyse(undefined, { databases, memory: join(folder, 'performance-analysis') });
        assert.deepEqual(
          read.databases.map(({ name, reached }) => [name, reached]),
          [
            ['shop', true],
            ['stock', true],
          ],
        );
        assert.ok(read.recommendations.length > 0);
        assert.ok(
          read.recommendations.every(({ id, database }) => id.startsWith('shop/setting.') && database === 'shop'),
        );
      });
    });

    it('is a report too when a database does not answer, and has failed', async () => {
      await withMemory(undefined, async (folder) => {
        const memory = join(folder, 'performance-analysis');
        const { part: read, outcome } = await analyse('postgres://u@127.0.0.1:1/d', { memory });
        assert.equal(outcome, 'failed');
        assert.match(await readFile(read.report, 'utf8'), /shop \(not reached\)[\s\S]*critical/);
      });
    });
  });
}
