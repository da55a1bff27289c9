/** BENCHMARKS section 7, the changing half: VACUUM of 2,000 tables beside vacuumdb(1) with as many workers, and with nothing to do. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeManyTables } from '../integration/manyTables.ts';
import { startPostgres, type Postgres } from '../integration/postgres.ts';
import { findDebianPostgres } from '../systemPackages.ts';
import { median, type Figure } from './figure.ts';

const tables = 2_000;
const rounds = 3;

/** Wall seconds, processes included. */
export async function databaseVacuum(): Promise<readonly Figure[]> {
  const server = await startPostgres({
    settings: { autovacuum: 'off', shared_buffers: '256MB', max_locks_per_transaction: '256' },
  });
  try {
    await makeManyTables(server, 'many', { tables, rows: 600 });
    const figures: Figure[] = [];
    for (const jobs of [1, 2]) {
      const { ours, floor } = await compare(server, jobs, true);
      figures.push({
        name: `vacuum of 2,000 tables, ${jobs} at once`,
        unit: '× vacuumdb',
        ours: ours / floor,
        floor: 1,
        goal: { atMost: 1.05 },
      });
    }
    const { ours, floor } = await compare(server, 2, false);
    figures.push({
      name: 'nothing to do in 2,000 tables',
      unit: '× vacuumdb -j2',
      ours: ours / floor,
      floor: 1,
      goal: { atMost: 0.25 },
    });
    figures.push({ name: 'nothing to do in 2,000 tables', unit: 's', ours, floor, goal: null });
    return figures;
  } finally {
    await server.stop();
  }
}

/** Medians of rounds in which each of the two comes first in turn. `dirty`: before each a third of all rows are updated. */
async function compare(
  server: Postgres,
  jobs: number,
  dirty: boolean,
): Promise<{ readonly ours: number; readonly floor: number }> {
  const ours: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const both = [
      async () => {
        if (dirty) await update(server);
        ours.push(
          seconds(() => {
            upkeep(server, jobs);
          }),
        );
      },
      async () => {
        if (dirty) await update(server);
        floor.push(
          seconds(() => {
            vacuumdb(server, jobs);
          }),
        );
      },
    ];
    for (const one of round % 2 === 0 ? both : both.toReversed()) await one();
  }
  return { ours: median(ours), floor: median(floor) };
}

async function update(server: Postgres): Promise<void> {
  for (let first = 0; first < tables; first += 100) {
    await server.query(
      `do $$ begin for i in ${first}..${first + 99} loop execute format('update t%s set k = k + 1 where id %% 3 = 1', i); end loop; end $$`,
      'many',
    );
  }
  await server.query('checkpoint');
}

function upkeep(server: Postgres, jobs: number): void {
  const agent = join(import.meta.dirname, '..', '..', 'dist', 'agent.mjs');
  const config = join(server.directory, 'maintenance.yaml');
  writeFileSync(config, 'maintenance:\n  database: { dead_tuple_minimum: 1, dead_tuple_percent: 1 }\n');
  const args = ['database-daily-maintenance', `--jobs=${jobs}`, `--config=${config}`];
  execFileSync(process.execPath, [agent, ...args], { env: { ...libpq(server), PGDATABASE: 'many' }, stdio: 'ignore' });
}

function vacuumdb(server: Postgres, jobs: number): void {
  const folder = findDebianPostgres();
  if (folder === null) throw new Error('vacuumdb is not installed: apt-get install postgresql.');
  execFileSync(join(folder, 'vacuumdb'), ['--analyze', '--quiet', `--jobs=${jobs}`, 'many'], {
    env: libpq(server),
    stdio: 'ignore',
  });
}

function libpq(server: Postgres): Record<string, string> {
  return {
    PATH: '/usr/bin:/bin',
    HOME: server.directory,
    UPKEEP_STATE: join(server.directory, 'state'),
    PGHOST: '127.0.0.1',
    PGPORT: String(server.port),
    PGUSER: server.superuser,
    PGPASSWORD: server.password,
    PGSSLMODE: 'disable',
  };
}

function seconds(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}
