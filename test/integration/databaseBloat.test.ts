import assert from 'node:assert/strict';
import { after, before, describe, it } from 'mocha';
import * as z from 'zod';
import { relationSchema } from '../../agent/procedures/database/bloat.ts';
import { checkBloat } from '../../agent/procedures/database/checkBloat.ts';
import { codes } from '../procedures/database/context.ts';
import { makeBloatedTables, oddTable, trueRatios } from './bloatedTables.ts';
import { check, withClient, type Given } from './databaseCheck.ts';
import { makeDatabase, untilNoBackend } from './maintenance.ts';
import { startPostgres, type Postgres } from './postgres.ts';

async function bloat(url: string, options: Record<string, unknown>, given: Given = {}) {
  const checked = await check(checkBloat, url, { ...given, options });
  const relations = z.array(relationSchema).parse(checked.part['relations']);
  return { ...checked, relations, ratios: new Map(relations.map((relation) => [relation.name, relation])) };
}

const everything = { minSize: '0B' };
/** A table of 9 dead rows in 10, without statistics. */
const neverAnalysed = [
  'create table hidden (id int primary key, note text)',
  `insert into hidden select g, repeat('x', 100) from generate_series(1, 20000) g`,
  'delete from hidden where id % 10 <> 0',
];

for (const edition of ['newest', 'debian'] as const) {
  describe(`check-bloat on a real PostgreSQL (${edition})`, () => {
    let server: Postgres;
    before(async () => {
      server = await startPostgres({ edition, settings: { autovacuum: 'off', maintenance_work_mem: '64MB' } });
    });
    after(async () => {
      await untilNoBackend(server);
      await server.stop();
    });

    it('agrees with pgstattuple and with what a rebuild gives back, table by table and index by index', async () => {
      const url = await makeBloatedTables(server, 'truth', 40_000);
      await server.query('create schema "Ext"; create extension pgstattuple schema "Ext"', 'truth');
      const estimated = await bloat(url, everything);
      const measured = await bloat(url, { ...everything, method: 'exact' });
      const truth = await trueRatios(server, 'truth');
      assert.equal(estimated.relations.length, truth.size);
      const off = (given: number | null | undefined, ratio: number): number => Math.abs((given ?? 0) / ratio - 1);
      for (const [name, ratio] of truth) {
        const [guess, measure] = [estimated.ratios.get(name), measured.ratios.get(name)];
        const text = `${name}: estimated ${guess?.bloatRatio ?? '?'}, measured ${measure?.bloatRatio ?? '?'}, true ${ratio.toFixed(2)}`;
        assert.equal(guess?.reliable, true, text);
        assert.ok(off(guess.bloatRatio, ratio) < 0.15 && off(measure?.bloatRatio, ratio) < 0.15, text);
        assert.ok(off(guess.bloatRatio, measure?.bloatRatio ?? 0) < 0.15, text);
        if (off(2, ratio) < 0.05) continue;
        const isWarned = (findings: typeof estimated.findings): boolean =>
          findings.some((finding) => finding.level === 'warning' && finding.remedy?.title.endsWith(printed(name)));
        assert.deepEqual([isWarned(estimated.findings), isWarned(measured.findings)], [ratio >= 2, ratio >= 2], text);
      }
    });

    it('V23: offers to rebuild the very relation, quoted by the server', async () => {
      const url = await makeBloatedTables(server, 'remedies', 5_000);
      const { findings, outcome, lines } = await bloat(url, everything);
      assert.equal(outcome, 'warning');
      const quoted = `public."${oddTable.replaceAll('"', '""')}"`;
      const remedies = findings.map((finding) => finding.remedy).filter((remedy) => remedy !== undefined);
      const table = remedies.find((remedy) => remedy.procedure === 'database-monthly-maintenance');
      assert.ok(table !== undefined);
      assert.ok(
        remedies.some(
          ({ options }) => JSON.stringify(options) === JSON.stringify({ database: 'shop', tables: [quoted] }),
        ),
      );
      assert.deepEqual(
        remedies.find(({ title }) => title === 'Reindex public.padded_pkey'),
        {
          procedure: 'optimize-indexes',
          options: { database: 'shop', apply: true, index: ['public.padded_pkey'] },
          title: 'Reindex public.padded_pkey',
        },
      );
      assert.ok([...lines, ...findings.map(({ message }) => message)].every((text) => !text.includes('\n')));
      const finding = findings.find((entry) => entry.remedy?.title === 'Rebuild public.padded');
      assert.deepEqual([finding?.code, finding?.threshold, finding?.unit], ['database.bloat', 2, 'ratio']);
    });

    it('never says that a table without statistics is well', async () => {
      const url = await makeDatabase(server, 'unknown', ...neverAnalysed);
      const { findings, outcome, ratios } = await bloat(url, { minSize: '1MB' });
      assert.equal(outcome, 'warning');
      assert.deepEqual(codes(findings), ['warning database.bloat']);
      assert.match(
        findings[0]?.message ?? '',
        /^No statistics of public\.hidden \(.*its bloat is unknown; run ANALYZE/,
      );
      assert.equal(findings[0]?.remedy?.procedure, 'update-statistics');
      assert.deepEqual([ratios.get('hidden')?.bloatRatio, ratios.get('hidden')?.reliable], [null, false]);
      await server.query('create extension pgstattuple', 'unknown');
      const measured = await bloat(url, { minSize: '1MB', method: 'exact' });
      assert.ok((measured.ratios.get('hidden')?.bloatRatio ?? 0) > 8, 'measured, it is');
    });

    it('sees bloat that came after the last ANALYZE, by file and counters, and says how far that can be trusted', async () => {
      const url = await makeDatabase(
        server,
        'stale',
        'create table grown (id int primary key, note text)',
        `insert into grown select g, repeat('x', 100) from generate_series(1, 100) g`,
        'analyze grown',
        `insert into grown select g, repeat('x', 100) from generate_series(101, 20000) g`,
        'delete from grown where id % 10 <> 0',
      );
      const { findings, ratios, relations } = await bloat(url, { minSize: '1MB' });
      const [size] = await server.query<{ bytes: number }>(
        `select pg_relation_size('grown')::float8 as bytes`,
        'stale',
      );
      assert.equal(relations.find(({ name }) => name === 'grown')?.bytes, size?.bytes);
      const { bloatRatio, reliable } = ratios.get('grown') ?? assert.fail('not listed');
      assert.ok((bloatRatio ?? 0) > 8, `${bloatRatio ?? '?'} times`);
      assert.equal(reliable, false);
      assert.deepEqual(codes(findings), ['info database.bloat']);
      assert.match(findings[0]?.message ?? '', /^public\.grown takes .* expected \(by stale statistics\);/);
    });

    it('names each table whose statistics the role may not read, and what to grant', async () => {
      const url = await makeDatabase(
        server,
        'rights',
        ...neverAnalysed,
        'create table open as select * from hidden',
        'analyze',
        `create role reader login password 'reader'`,
        'grant select on open to reader',
        'create extension pgstattuple',
      );
      const reader = url.replace(/\/\/.*@/, '//reader:reader@');
      const { findings, ratios } = await bloat(reader, everything);
      assert.equal(ratios.get('open')?.reliable, true);
      const denied = findings.filter(({ code }) => code === 'database.rights');
      assert.deepEqual(denied.map(({ subject }) => subject).sort(), ['public.hidden', 'public.hidden_pkey']);
      assert.match(
        denied[0]?.message ?? '',
        /role reader may not read the statistics of public\.hidden; grant it SELECT/,
      );
      const exact = await bloat(reader, { ...everything, method: 'exact' });
      const refused = exact.findings.find(({ message }) => message.includes('could not be measured'));
      assert.match(
        refused?.message ?? '',
        /public\.hidden could not be measured.*grant it pg_stat_scan_tables, or pg_monitor/,
      );
      await server.query('grant pg_monitor, pg_read_all_data to reader', 'rights');
      const granted = await bloat(reader, { ...everything, method: 'exact' });
      assert.deepEqual([...new Set(granted.findings.map(({ code }) => code))], ['database.bloat']);
      assert.ok(granted.relations.every(({ reliable }) => reliable));
    });

    it('says how to install pgstattuple where it is not, and estimates', async () => {
      const url = await makeDatabase(
        server,
        'bare',
        'create table t as select generate_series(1, 1000) as id',
        'analyze',
      );
      const { findings, outcome, relations } = await bloat(url, { ...everything, method: 'exact' });
      assert.equal(outcome, 'warning');
      assert.match(findings[0]?.message ?? '', /estimated, not measured.*run CREATE EXTENSION pgstattuple/);
      assert.deepEqual(codes(findings), ['warning database.extension', 'ok database.bloat']);
      assert.ok(relations[0]?.reliable === true && (relations[0].bloatRatio ?? 2) < 2);
    });

    it('does not wait for a locked table: it is estimated, and the others are measured', async () => {
      const tables = ['create table held as select generate_series(1, 1000) as id', 'create table free as table held'];
      const url = await makeDatabase(server, 'locked', ...tables, 'analyze', 'create extension pgstattuple');
      await withClient(url, async (client) => {
        await client.query('begin; lock table held in access exclusive mode');
        const { findings, ratios } = await bloat(url, { ...everything, method: 'exact' });
        assert.deepEqual(codes(findings), ['warning database.lock', 'ok database.bloat']);
        assert.match(
          findings[0]?.message ?? '',
          /public\.held could not be measured, its bloat is estimated: it is locked/,
        );
        assert.deepEqual(
          [...ratios.values()].map(({ bloatRatio }) => (bloatRatio ?? 2) < 2),
          [true, true],
        );
      });
    });
  });
}

/** A name as the title of a remedy ends with it. */
function printed(name: string): string {
  return name === oddTable
    ? String.raw`public."odd ""name\u{a}\!"`
    : name.startsWith('odd')
      ? '_pkey"'
      : `public.${name}`;
}
