/** Runs maintenance against a database of the test server, and looks at what is left. */
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { actionSchema, type Action } from '../../agent/procedures/database/actions.ts';
import { relationSchema } from '../../agent/procedures/database/bloat.ts';

import type { ProcedureContext, ProcedureOutcome } from '../../agent/procedures/define.ts';
import { makeConfig, record, type Recorded } from '../procedures/database/context.ts';
import { procedures } from '../../agent/procedures/index.ts';
import type { Postgres } from './postgres.ts';

export interface CarriedOut extends Recorded {
  readonly outcome: ProcedureOutcome;
  readonly part: Readonly<Record<string, unknown>>;
  readonly actions: readonly Action[];
}

export interface Maintained extends CarriedOut {
  readonly relations: readonly z.infer<typeof relationSchema>[];
}

export type Given = Partial<
  Pick<ProcedureContext, 'dryRun' | 'signal' | 'env' | 'now' | 'progress' | 'memoryDirectory'>
> & {
  /** Section `database` of the configuration. */
  readonly settings?: NonNullable<Parameters<typeof makeConfig>[0]>['database'];
  readonly databases?: readonly { name: string; url?: string }[];
  readonly options?: Record<string, unknown>;
};

/** The daily maintenance. `url` undefined = none configured. Waits for locks are short. */
export async function maintain(url: string | undefined, given: Given = {}): Promise<Maintained> {
  const done = await carryOut('database-daily-maintenance', url, given);
  return { ...done, relations: z.array(relationSchema).parse(done.part['relations']) };
}

/** Any procedure of this area that has actions. */
export async function carryOut(name: string, url: string | undefined, given: Given = {}): Promise<CarriedOut> {
  const procedure = procedures.get(name);
  if (procedure === undefined) throw new Error(`There is no procedure ${name}.`);
  const { settings, databases, options, ...rest } = given;
  const config = makeConfig({
    databases: [...(databases ?? (url === undefined ? [] : [{ name: 'shop', url }]))],
    database: { lock_timeout: '100ms', lock_retries: 1, dead_tuple_minimum: 100, ...settings },
  });
  const recorded = record(config, rest);
  const { outcome, part } = await procedure.execute(options ?? {}, recorded.context);
  return { ...recorded, outcome, part, actions: z.array(actionSchema).parse(part['actions']) };
}

/** A new database for one test; returns its URL. */
export async function makeDatabase(server: Postgres, name: string, ...statements: string[]): Promise<string> {
  await server.query(`create database ${name}`);
  for (const statement of statements) await server.query(statement, name);
  return server.url(name);
}

/** `table` with so many rows, of which a tenth is left. */
export function deadRows(table: string, rows: number): string {
  return (
    `create table ${table} (id int primary key, note text); ` +
    `insert into ${table} select g, repeat('x', 100) from generate_series(1, ${rows}) g; ` +
    `delete from ${table} where id % 10 <> 0`
  );
}

export async function deadRowsOf(server: Postgres, database: string, table: string): Promise<number> {
  const rows = await server.query<{ dead: number }>(
    'select n_dead_tup::float8 as dead from pg_stat_user_tables where relname = $1',
    database,
    [table],
  );
  return rows[0]?.dead ?? NaN;
}

/** Waits until the query gives a row; fails after fifty seconds, for a server may have to recover from a crash first. */
export async function until(server: Postgres, sql: string, database?: string): Promise<Record<string, unknown>> {
  for (const deadline = performance.now() + 50_000; performance.now() < deadline;) {
    const [row] = await server.query(sql, database).catch(() => []);
    if (row !== undefined) return row;
    await delay(25);
  }
  throw new Error(`No row within fifty seconds: ${sql}`);
}

/** Waits until no session of Upkeep is left on the server. */
export async function untilNoBackend(server: Postgres): Promise<void> {
  await until(
    server,
    `select 1 as none where not exists (select from pg_stat_activity where application_name = 'upkeep')`,
  );
}
