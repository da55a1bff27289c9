/** Tables and indexes of many shapes, bloated on purpose, and what they take once they are written anew. */
import { quoted } from './databaseCheck.ts';
import type { Postgres } from './postgres.ts';

export const oddTable = 'odd "name\n\\!';

/** A hundred thousand rows each where nothing else is said; of every ten, `keep` are left, spread over all pages. */
const shapes = (rows: number): string[] => [
  // Padding between columns: 4 + (4) + 8 + 1 + (7) + 8 bytes.
  `create table padded (id int primary key, a bigint, b boolean, c timestamptz)`,
  `insert into padded select g, g, g % 2 = 0, now() from generate_series(1, ${rows}) g`,
  `create index padded_c on padded (c, id)`,
  `delete from padded where id % 10 < 7`,
  // Widths that vary, NULLs among them.
  `create table varied (id int primary key, k int, note text, extra text)`,
  `insert into varied select g, g % 50, repeat('x', 10 + g % 190), case when g % 3 = 0 then md5(g::text) end from generate_series(1, ${rows}) g`,
  `create index varied_k on varied (k)`,
  `create index varied_extra on varied (extra)`,
  `create index varied_lower on varied (lower(note), id)`,
  `delete from varied where id % 10 < 6`,
  // Eight rows fill a page.
  `create table wide (id int primary key, body text)`,
  `insert into wide select g, (select string_agg(md5((g * i)::text), '') from generate_series(1, 29) i) from generate_series(1, ${rows / 10}) g`,
  `delete from wide where id % 10 < 8`,
  // Room is left on purpose.
  `create table roomy (id int primary key, v bigint) with (fillfactor = 60)`,
  `insert into roomy select g, g from generate_series(1, ${rows}) g`,
  `create index roomy_v on roomy (v) with (fillfactor = 50)`,
  `delete from roomy where id % 10 < 5`,
  // Not bloated.
  `create table sound (id bigint primary key, code uuid, k smallint)`,
  `insert into sound select g, md5(g::text)::uuid, g % 300 from generate_series(1, ${rows}) g`,
  `create index sound_code on sound (code)`,
  `create index sound_k on sound (k)`,
  // Random updates split the pages of an index.
  `create table updated (id int primary key, code text)`,
  `insert into updated select g, md5(g::text) from generate_series(1, ${rows / 2}) g`,
  `create index updated_code on updated (code)`,
  `update updated set code = md5(code)`,
  `update updated set code = md5(code || 'x')`,
  `create table ${quoted(oddTable)} (id int primary key, "c""1" text)`,
  `insert into ${quoted(oddTable)} select g, md5(g::text) from generate_series(1, ${rows}) g`,
  `delete from ${quoted(oddTable)} where id % 10 < 8`,
];

/** Makes the tables in a new database; statistics and visibility maps are up to date, dead rows are gone. */
export async function makeBloatedTables(server: Postgres, database: string, rows = 100_000): Promise<string> {
  await server.query(`create database ${database}`);
  for (const statement of shapes(rows)) await server.query(statement, database);
  await server.query('vacuum (analyze, freeze)', database);
  return server.url(database);
}

/** Bytes of each table (TOAST included) and index by name. */
export async function sizes(server: Postgres, database: string): Promise<ReadonlyMap<string, number>> {
  const rows = await server.query<{ name: string; bytes: number }>(
    `select relname as name, (case when relkind = 'r' then pg_table_size(oid) - pg_relation_size(oid, 'fsm') - pg_relation_size(oid, 'vm')
       else pg_relation_size(oid) end)::float8 as bytes
     from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'i')`,
    database,
  );
  return new Map(rows.map(({ name, bytes }) => [name, bytes]));
}

/** Writes all tables and indexes anew, and gives for each how many times that size it took before: the true ratio. */
export async function trueRatios(server: Postgres, database: string): Promise<ReadonlyMap<string, number>> {
  const before = await sizes(server, database);
  await server.query('vacuum full', database);
  const after = await sizes(server, database);
  return new Map([...before].map(([name, bytes]) => [name, bytes / (after.get(name) ?? NaN)]));
}
