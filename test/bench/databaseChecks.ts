/** BENCHMARKS section 7, the reading half: all checks of 2,000 tables over one connection, beside check_postgres and bare psql. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { performanceAnalysis } from '../../agent/procedures/database/performanceAnalysis.ts';
import { makeManyTables } from '../integration/manyTables.ts';
import { startPostgres, type Postgres } from '../integration/postgres.ts';
import { makeConfig, record } from '../procedures/database/context.ts';
import { ensureSystemPackages, findDebianPostgres, findProgram } from '../systemPackages.ts';
import { median, type Figure } from './figure.ts';

const rounds = 9;
/** Checks that one performance-analysis makes of one database: health, bloat, slow queries, settings. */
const checks = 4;

/** On Debian's server, for which check_postgres is made: about 500 MB. */
export async function databaseChecks(): Promise<readonly Figure[]> {
  const missing = ensureSystemPackages(['postgresql', 'checkPostgres']);
  if (missing.length > 0) throw new Error(`Missing on this machine: ${missing.join('; ')}`);
  const server = await startPostgres({
    edition: 'debian',
    settings: { autovacuum: 'off', shared_buffers: '256MB', max_locks_per_transaction: '256' },
  });
  const folder = mkdtempSync(join(tmpdir(), 'upkeep-bench-'));
  try {
    await makeManyTables(server, 'many', { tables: 2_000, rows: 1_100 });
    await server.query('create extension pg_stat_statements', 'many');
    return await compare(server, folder);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Milliseconds; no relation is too small to be estimated, as with check_postgres. All kinds in turn, so that they share the machine's moods. */
async function compare(server: Postgres, folder: string): Promise<Figure[]> {
  const whole: number[] = [];
  const inside: number[] = [];
  const cpu: number[] = [];
  const held: number[] = [];
  const peer: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    whole.push(
      milliseconds(() => {
        upkeep(server, folder);
      }),
    );
    const within = await insideOneProcess(server, folder);
    inside.push(within.wall);
    cpu.push(within.cpu / checks);
    held.push(within.held);
    peer.push(
      milliseconds(() => {
        checkPostgres(server);
      }),
    );
    bare.push(
      milliseconds(() => {
        threeQueries(server);
      }),
    );
  }
  const sum = median(peer);
  return [
    {
      name: 'checks of 2,000 tables, one connection',
      unit: 'ms',
      ours: median(inside),
      floor: median(bare),
      goal: { atMost: 450 },
    },
    {
      name: 'the same, a process of its own',
      unit: 'ms',
      ours: median(whole),
      floor: median(bare),
      goal: null,
    },
    {
      name: "the same, of check_postgres's four runs",
      unit: '×',
      ours: median(whole) / sum,
      floor: null,
      goal: { atMost: 0.46 },
    },
    { name: 'CPU of the agent a check', unit: 'ms', ours: median(cpu), floor: null, goal: { atMost: 30 } },
    { name: 'event loop held by them at most', unit: 'ms', ours: median(held), floor: null, goal: { atMost: 50 } },
  ];
}

/** Bloat, wraparound, locks, tables that wait for VACUUM, slow queries and more, from connecting to the report. */
async function insideOneProcess(
  server: Postgres,
  folder: string,
): Promise<{ wall: number; cpu: number; held: number }> {
  const config = makeConfig({
    databases: [{ name: 'many', url: server.url('many') }],
    database: { bloat_minimum_bytes: 0 },
  });
  const { context } = record(config);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const [before, start] = [process.cpuUsage(), performance.now()];
  delay.enable();
  const { outcome } = await performanceAnalysis.execute(
    {},
    { ...context, memoryDirectory: join(folder, 'performance-analysis') },
  );
  delay.disable();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  if (outcome === 'failed') throw new Error('performance-analysis failed.');
  return { wall, cpu: (user + system) / 1000, held: delay.max / 1e6 };
}

function upkeep(server: Postgres, folder: string): void {
  const config = join(folder, 'maintenance.yaml');
  writeFileSync(config, 'maintenance: { database: { bloat_minimum_bytes: 0 } }\n');
  const agent = join(import.meta.dirname, '..', '..', 'dist', 'agent.mjs');
  execFileSync(process.execPath, [agent, 'performance-analysis', `--config=${config}`], {
    env: { ...environment(server), UPKEEP_STATE: join(folder, 'state') },
    stdio: 'ignore',
  });
}

/** Each action is a run of its own, as a monitoring system calls it; their verdicts do not matter here, their answers do. */
function checkPostgres(server: Postgres): void {
  const actions = [
    ['bloat', '-w', '100 MB', '-c', '200 MB'],
    ['txn_wraparound'],
    ['locks'],
    ['last_vacuum', '-w', '1 d', '-c', '7 d'],
  ];
  for (const [action = '', ...limits] of actions) {
    const output = runAnyway(
      findProgram('check_postgres') ?? '',
      [`--action=${action}`, '--dbname=many', ...limits],
      server,
    );
    if (!/^POSTGRES_\w+ (OK|WARNING|CRITICAL)/.test(output)) throw new Error(`check_postgres ${action}: ${output}`);
  }
}

function threeQueries(server: Postgres): void {
  const queries = [
    'select datname, age(datfrozenxid) from pg_database',
    'select mode, count(*) from pg_locks group by mode',
    'select relname, n_dead_tup, last_vacuum from pg_stat_user_tables order by n_dead_tup desc limit 20',
  ];
  const psql = join(findDebianPostgres() ?? '', 'psql');
  runAnyway(psql, ['-X', '-q', '-d', 'many', ...queries.flatMap((query) => ['-c', query])], server);
}

function runAnyway(program: string, args: readonly string[], server: Postgres): string {
  try {
    return execFileSync(program, args, {
      env: environment(server),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    if (error instanceof Error && 'stdout' in error && typeof error.stdout === 'string') return error.stdout;
    throw error;
  }
}

function environment(server: Postgres): Record<string, string> {
  return {
    PATH: `${findDebianPostgres() ?? ''}:/usr/bin:/bin`,
    HOME: server.directory,
    PGHOST: '127.0.0.1',
    PGPORT: String(server.port),
    PGUSER: server.superuser,
    PGPASSWORD: server.password,
    PGDATABASE: 'many',
    PGSSLMODE: 'disable',
  };
}

function milliseconds(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
