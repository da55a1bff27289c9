/** A load of reads and writes on a test server, by pgbench(1) of Debian's PostgreSQL: it fails when any of its clients sees an error. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findDebianPostgres } from '../systemPackages.ts';
import type { Postgres } from './postgres.ts';

export interface Load {
  /** Ends the load after the transactions under way; throws when a client saw an error. Returns how many transactions there were. */
  readonly stop: () => Promise<number>;
}

/** Makes pgbench's tables, 100,000 accounts, and two clients that go on until they are stopped. */
export async function startLoad(server: Postgres, database: string): Promise<Load> {
  await pgbench(server, database, ['--initialize', '--quiet', '--scale=1']);
  const stopping = new AbortController();
  let transactions = 0;
  const work = (async () => {
    while (!stopping.signal.aborted) {
      const output = await pgbench(server, database, ['--no-vacuum', '--client=2', '--time=1']);
      const failed = /number of failed transactions: (\d+)/.exec(output)?.[1] ?? '0';
      if (failed !== '0') throw new Error(`pgbench: ${failed} failed transactions\n${output}`);
      transactions += Number(/number of transactions actually processed: (\d+)/.exec(output)?.[1]);
    }
  })();
  work.catch(() => undefined);
  return {
    stop: async () => {
      stopping.abort();
      await work;
      return transactions;
    },
  };
}

/**
 * The longest time in ms that a statement of the load waited for a lock, by the server's log (`log_lock_waits`): waits longer
 * than deadlock_timeout are told there.
 */
export async function longestWait(server: Postgres): Promise<number> {
  const log = await readFile(join(server.directory, 'postgres.log'), 'utf8');
  const waits = [...log.matchAll(/^pgbench LOG: .*(?:acquired|still waiting for) .* after ([\d.]+) ms/gm)];
  return Math.max(0, ...waits.map((match) => Number(match[1])));
}

/** Settings of a server whose log tells of lock waits, each line with the name of the application. */
export const lockWaitSettings = { log_lock_waits: 'on', deadlock_timeout: '100ms', log_line_prefix: '%a ' } as const;

async function pgbench(server: Postgres, database: string, args: readonly string[]): Promise<string> {
  const folder = findDebianPostgres();
  if (folder === null) throw new Error('No PostgreSQL of Debian is installed: apt-get install postgresql.');
  const { stdout, stderr } = await promisify(execFile)(join(folder, 'pgbench'), [...args, database], {
    env: {
      PATH: '/usr/bin:/bin',
      LC_ALL: 'C',
      PGHOST: '127.0.0.1',
      PGPORT: String(server.port),
      PGUSER: server.superuser,
      PGPASSWORD: server.password,
      PGSSLMODE: 'disable',
    },
  });
  return stdout + stderr;
}
