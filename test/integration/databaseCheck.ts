/** Runs a procedure that looks at databases of the test server, with a memory folder of its own; and clients beside it. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { AnyProcedure, ProcedureContext, ProcedureOutcome } from '../../agent/procedures/define.ts';
import { procedures } from '../../agent/procedures/index.ts';
import type { Remedy } from '../../agent/protocol/nouns.ts';
import { makeConfig, record, type Recorded } from '../procedures/database/context.ts';
import type { Postgres } from './postgres.ts';

export interface Checked extends Recorded {
  readonly outcome: ProcedureOutcome;
  readonly part: Readonly<Record<string, unknown>>;
}

export type Given = Partial<Pick<ProcedureContext, 'dryRun' | 'signal' | 'env' | 'now'>> & {
  /** Section `database` of the configuration. */
  readonly settings?: NonNullable<Parameters<typeof makeConfig>[0]>['database'];
  readonly databases?: readonly { name: string; url?: string }[];
  readonly options?: Record<string, unknown>;
  /** Kept from one call to the next; by default one that goes with the call. */
  readonly memory?: string;
};

/** `url` undefined = none configured; else it is that of the database `shop`. */
export async function check(procedure: AnyProcedure, url: string | undefined, given: Given = {}): Promise<Checked> {
  const { settings, databases, options, memory, ...rest } = given;
  const config = makeConfig({
    databases: [...(databases ?? (url === undefined ? [] : [{ name: 'shop', url }]))],
    database: { lock_timeout: '100ms', lock_retries: 1, connect_timeout: '5s', ...settings },
  });
  const recorded = record(config, rest);
  return await withMemory(memory, async (memoryDirectory) => {
    const { outcome, part } = await procedure.execute(options ?? {}, { ...recorded.context, memoryDirectory });
    for (const { remedy } of recorded.findings) if (remedy !== undefined) assertRuns(remedy);
    return { ...recorded, outcome, part };
  });
}

/** A remedy must be a procedure that there is, with options that it takes. */
function assertRuns({ procedure, options }: Remedy): void {
  const problem = procedures.get(procedure)?.options.safeParse(options).error;
  assert.ok(
    procedures.has(procedure) && problem === undefined,
    `${procedure} ${JSON.stringify(options)}: ${String(problem)}`,
  );
}

/** A folder for `memory` of several calls, gone afterwards. */
export async function withMemory<T>(given: string | undefined, work: (directory: string) => Promise<T>): Promise<T> {
  if (given !== undefined) {
    await mkdir(given, { recursive: true, mode: 0o700 });
    return work(given);
  }
  const directory = await mkdtemp(join(tmpdir(), 'upkeep-memory-'));
  try {
    // One of several beside each other: what one procedure keeps, another may read.
    const own = join(directory, 'procedure');
    await mkdir(own, { mode: 0o700 });
    return await work(own);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** A client named `other`, for as long as `work` takes. Its connection may be ended meanwhile. */
export async function withClient<T>(url: string, work: (client: pg.Client, pid: number) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'other' });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    return await work(client, rows[0]?.pid ?? 0);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Names that break what puts text into text: quotes, line breaks, psql's escape, blanks, letters of others, options. */
export const hostileNames = [
  'a"b',
  "o'clock",
  'two\nlines',
  '\\!',
  'x; drop table victim; --',
  'Ünï 表',
  '-rf',
  'select',
  '$$',
];

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** How many statements of others `work` sends to `database`; `observer` is another one with pg_stat_statements. */
export async function countStatements(
  server: Postgres,
  database: string,
  observer: string,
  work: () => Promise<unknown>,
): Promise<number> {
  await server.query('select pg_stat_statements_reset()', observer);
  await work();
  const rows = await server.query<{ calls: number }>(
    `select coalesce(sum(calls), 0)::int as calls from pg_stat_statements
     where dbid = (select oid from pg_database where datname = $1) and query not like '%pg_stat_statements%'`,
    observer,
    [database],
  );
  return rows[0]?.calls ?? 0;
}

/** Waits in the server for what the condition says; the statement ends the moment it holds, or fails after 20 seconds. */
export async function untilTrue(server: Postgres, condition: string, database?: string): Promise<void> {
  await server.query(
    `do $$ begin for i in 1..2000 loop perform pg_stat_clear_snapshot(); if ${condition} then return; end if;
       perform pg_sleep(0.01); end loop; raise 'not within 20 seconds'; end $$`,
    database,
  );
}
