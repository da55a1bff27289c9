/** Logs that PostgreSQL writes, in all its formats: analyze-logs counts what PostgreSQL itself counts in its csvlog. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import * as z from 'zod';
import type { Log } from '../../agent/procedures/logs/analysis/part.ts';
import { groupLines } from '../procedures/logs/analyzeHarness.ts';
import { grep, LogWorld, written } from './logWorld.ts';
import { startPostgres, type Postgres } from './postgres.ts';
import type { Edition } from './postgresBinaries.ts';

const settings = {
  ...{ logging_collector: 'on', log_destination: 'stderr,csvlog,jsonlog', log_directory: 'log', log_timezone: 'UTC' },
  ...{ log_min_duration_statement: '0', log_connections: 'on', log_disconnections: 'on', log_checkpoints: 'on' },
  ...{ log_lock_waits: 'on', deadlock_timeout: '20ms', log_temp_files: '0', work_mem: '64kB', autovacuum: 'off' },
  ...{ shared_preload_libraries: 'auto_explain,pg_stat_statements', 'auto_explain.log_min_duration': '0' },
};
const endings = ['log', 'csv', 'json'] as const;
const formats = { log: 'postgresql', csv: 'postgresql-csv', json: 'postgresql-json' } as const;
const prefixes: Readonly<Record<Edition, readonly string[]>> = {
  debian: ['%m [%p] %q%u@%d ', '%n [%p] %l ', '%u@%d %m: '],
  newest: ['%t [%p]: user=%u,db=%d,app=%a,client=%h ', '[%m] %r ', '%a: '],
};
/** PostgreSQL manual, "Using CSV-Format Log Output": what both editions write. */
const table = `CREATE TABLE seen (log_time timestamptz, user_name text, database_name text, process_id int, connection_from text,
  session_id text, session_line_num bigint, command_tag text, session_start_time timestamptz, virtual_transaction_id text,
  transaction_id bigint, error_severity text, sql_state_code text, message text, detail text, hint text, internal_query text,
  internal_query_pos int, context text, query text, query_pos int, location text, application_name text, backend_type text,
  leader_pid int, query_id bigint)`;
const asked = `SELECT count(*)::int AS records, min(log_time) AS first, max(log_time) AS last,
  count(*) FILTER (WHERE error_severity IN ('FATAL', 'PANIC'))::int AS fatal,
  count(*) FILTER (WHERE error_severity = 'ERROR')::int AS error,
  count(*) FILTER (WHERE error_severity = 'WARNING')::int AS warning,
  count(took)::int AS statements, sum(took)::float AS total, max(took)::float AS longest,
  count(*) FILTER (WHERE message ~ '^duration: [0-9.]+ ms  plan:')::int AS plans,
  count(*) FILTER (WHERE message LIKE 'connection authorized%')::int AS connections,
  count(*) FILTER (WHERE message LIKE 'disconnection:%')::int AS disconnections,
  count(*) FILTER (WHERE message LIKE '% still waiting for %')::int AS waits,
  count(*) FILTER (WHERE message = 'deadlock detected')::int AS deadlocks,
  count(*) FILTER (WHERE message LIKE 'checkpoint complete%')::int AS checkpoints,
  count(*) FILTER (WHERE message LIKE 'temporary file:%')::int AS temporary_files,
  coalesce(sum(substring(message FROM '^temporary file: .*, size ([0-9]+)')::bigint), 0)::int AS temporary_bytes
  FROM seen, LATERAL (SELECT substring(message FROM '^duration: ([0-9.]+) ms  (?:statement|execute)')::numeric AS took) x`;
const row = z.object({ records: z.number(), first: z.date(), last: z.date() }).catchall(z.number());

describe('analyze-logs on logs of PostgreSQL', function () {
  this.timeout(60_000);
  for (const edition of ['debian', 'newest'] as const) {
    describe(edition === 'debian' ? 'of Debian' : '18', () => {
      const directory = mkdtempSync(join(tmpdir(), 'upkeep-pglogs-'));
      const inData = (name: string): string => join(directory, 'data', 'log', name);
      let world: LogWorld;
      let counting: Postgres;
      before(async () => {
        world = new LogWorld();
        for (const [index, prefix] of prefixes[edition].entries()) {
          const own = { ...settings, log_line_prefix: prefix, log_filename: `run-${index}.log` };
          const server = await startPostgres({ edition, directory, settings: own });
          const waited = () => written(inData(`run-${index}.csv`), / still waiting for /);
          await misbehave(server, edition === 'debian', waited);
          await server.stop();
          for (const ending of endings) {
            const name = `run-${index}.${ending}`;
            await written(inData(name), /database system is shut down[^\n]*\n$/);
            copyFileSync(inData(name), world.file(name));
          }
        }
        counting = await startPostgres({ edition, directory });
        await counting.query(table);
      });
      after(async () => {
        await counting.stop();
        await world.dispose();
        rmSync(directory, { recursive: true, force: true });
      });

      for (const [index, prefix] of prefixes[edition].entries()) {
        it(`reads stderr with the prefix "${prefix}", csvlog and jsonlog as the same records`, async () => {
          await counting.query('TRUNCATE seen');
          await counting.query(`COPY seen FROM '${inData(`run-${index}.csv`)}' WITH csv`);
          const truth = row.parse((await counting.query(asked))[0]);
          const logs: Log[] = [];
          for (const ending of endings) {
            const file = world.file(`run-${index}.${ending}`);
            const log = await world.log(file, 'performance');
            assert.deepEqual(log.formats, { [formats[ending]]: truth.records }, ending);
            assert.equal(log.lines, grep('', file), ending);
            const { fatal, error, warning } = log.levels;
            assert.deepEqual([fatal, error, warning], [truth['fatal'], truth['error'], truth['warning']], ending);
            assertStatements(log.statements!, truth);
            logs.push(log);
          }
          const [stderr, csv, json] = logs as [Log, Log, Log];
          assert.deepEqual(csv.statements, json.statements);
          assert.deepEqual(stderr.statements?.top, csv.statements?.top);
          assert.deepEqual(groupLines(csv), groupLines(json));
          assert.deepEqual([csv.firstSeen, csv.lastSeen], [truth.first.toISOString(), truth.last.toISOString()]);
          if (/%[mn]/.test(prefix))
            assert.deepEqual([stderr.firstSeen, stderr.lastSeen], [csv.firstSeen, csv.lastSeen]);
          if (prefix === '%a: ') assert.equal(stderr.firstSeen, null);
          assert.deepEqual(errorsOf(stderr), messages.toSorted());
          const placeless = messages.map((line) => line.replace(' at character <num>', ''));
          assert.deepEqual(errorsOf(csv), placeless.toSorted());
        });
      }

      it('goes on behind a record of a csvlog that was cut off, and takes no message for records', async () => {
        const source = readFileSync(world.file('run-0.csv'), 'utf8');
        const records = source.split(/^(?=\d{4}-\d\d-\d\d [\d:.]+ UTC,)/m);
        const plan = records.findIndex((record) => record.includes(' plan:\n'));
        const cut = records.with(plan, `${records[plan]!.slice(0, records[plan]!.indexOf('cost='))}\n`).join('');
        const forged = `2026-01-01 00:00:00.000 UTC,,,1,,x,1,,2026-01-01 00:00:00 UTC,,0,PANIC,XX000,""forged""`;
        const hostile = records[1]!.replace(/LOG,00000,"(?:[^"]|"")*"/, `ERROR,22012,"said\n${forged}\n"`);
        const before = await world.log(world.file('run-0.csv'));
        assert.equal(before.records, records.length);
        for (const [text, more] of [
          [cut, 0],
          [source + hostile, 1],
        ] as const) {
          writeFileSync(world.file('other.csv'), text);
          const log = await world.log(world.file('other.csv'));
          assert.deepEqual([log.records, log.formats], [records.length + more, { 'postgresql-csv': log.records }]);
          const { fatal, error } = log.levels;
          assert.deepEqual([fatal, error], [before.levels.fatal, before.levels.error + more]);
        }
      });
    });
  }
});

/** What clients do wrong below, as the report groups it. */
const messages = [
  'error 3 duplicate key value violates unique constraint "t_pkey"',
  'error 2 division by zero',
  'error 2 invalid input syntax for type integer: "<text>" at character <num>',
  'error 2 relation <*> does not exist at character <num>',
  'error 1 syntax error at or near "selec" at character <num>',
  'error 1 function no_such_function(integer) does not exist at character <num>',
  'error 1 deadlock detected',
  'warning 1 low on space: <num> MB',
];

function errorsOf(log: Log): readonly string[] {
  return groupLines(log)
    .filter((line) => !line.startsWith('fatal'))
    .toSorted();
}

/** Errors, a deadlock, a wait for a lock, temporary files, statements over several lines, plans, lost and refused sessions. */
async function misbehave(server: Postgres, ends: boolean, waited: () => Promise<void>): Promise<void> {
  const clients = [1, 2].map((index) => {
    const client = new pg.Client({ connectionString: server.url(), application_name: `app${index}` });
    client.on('error', () => undefined);
    return client;
  }) as [pg.Client, pg.Client];
  const [one, two] = clients;
  for (const client of clients) await client.connect();
  await one.query('DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, name text)');
  await one.query(`INSERT INTO t SELECT i, 'name ' || i FROM generate_series(1, 20000) i`);
  for (let index = 0; index < 5; index += 1) {
    await one.query(`SELECT *\n  FROM t -- ${index}\n WHERE id = ${index}\n\n   AND name = 'it''s\n\t"${index}",'`);
  }
  await one.query('SELECT $1::int, $2', [4, 'x\ny']);
  const failing = [
    ...[1, 2, 3].map((id) => `INSERT INTO t VALUES (${id}, 'twice')`),
    'SELECT * FROM nowhere',
    'SELECT * FROM elsewhere',
    "SELECT 'twelve of them'::int",
    "SELECT 'not so many'::int",
    'selec 1',
    'SELECT no_such_function(1)',
    'SELECT 1/0',
    'DO $$ BEGIN PERFORM 1/0; END $$',
  ];
  for (const sql of failing) await assert.rejects(one.query(sql), sql);
  await one.query("DO $$ BEGIN RAISE WARNING 'low on space: % MB', 12; END $$");
  await one.query('SELECT count(*) FROM (SELECT * FROM t ORDER BY name DESC) x');
  await deadlock(one, two, waited);
  await one.query('CHECKPOINT');
  for (const url of [server.url('postgres', 'stranger', 'wrong'), server.url('nowhere')]) {
    const refused = new pg.Client({ connectionString: url });
    refused.on('error', () => undefined);
    await assert.rejects(refused.connect());
  }
  if (ends) {
    const { rows } = await two.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await one.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  }
  await two.end();
  await one.end();
}

/** `waited` resolves once the server has logged that a session waits for a lock. */
async function deadlock(one: pg.Client, two: pg.Client, waited: () => Promise<void>): Promise<void> {
  const update = (id: number): string => `UPDATE t SET name = name WHERE id = ${id}`;
  await Promise.all([one.query('BEGIN'), two.query('BEGIN')]);
  await one.query(update(1));
  await two.query(update(2));
  const ends = await Promise.allSettled([one.query(update(2)), two.query(update(1))]);
  assert.deepEqual(ends.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  await Promise.all([one.query('ROLLBACK'), two.query('ROLLBACK')]);
  await one.query('BEGIN');
  await one.query(update(1));
  const waiting = two.query(update(1));
  await waited();
  await one.query('COMMIT');
  await waiting;
}

function assertStatements(statements: NonNullable<Log['statements']>, truth: z.infer<typeof row>): void {
  const { count, plans, milliseconds, connections, disconnections, lockWaits, deadlocks, checkpoints } = statements;
  const { temporaryFiles, temporaryBytes } = statements;
  assert.deepEqual(
    { count, plans, connections, disconnections, lockWaits, deadlocks, checkpoints, temporaryFiles, temporaryBytes },
    {
      count: truth['statements'],
      plans: truth['plans'],
      connections: truth['connections'],
      disconnections: truth['disconnections'],
      lockWaits: truth['waits'],
      deadlocks: truth['deadlocks'],
      checkpoints: truth['checkpoints'],
      temporaryFiles: truth['temporary_files'],
      temporaryBytes: truth['temporary_bytes'],
    },
  );
  assert.ok(lockWaits > 0 && deadlocks === 1 && temporaryFiles > 0 && plans > 0);
  const total = statements.top.reduce((sum, { total }) => sum + total, 0);
  assert.ok(Math.abs(total - truth['total']!) < truth['total']! * 1e-5, `${total} of ${truth['total']} ms`);
  assert.ok(Math.abs(milliseconds!.max - truth['longest']!) < truth['longest']! * 1e-5);
  const select = statements.top.find(({ statement }) => statement.startsWith('select * from t where'));
  assert.deepEqual([select?.statement, select?.count], ['select * from t where id = ? and name = ?', 5]);
}
