/** A database of many small tables, for what must not grow with their number. Also for the benchmarks: knows nothing of mocha. */
import type { Postgres } from './postgres.ts';

export interface ManyTables {
  readonly tables: number;
  /** Rows of each, before a third of them is deleted. */
  readonly rows: number;
}

/** Makes the database with tables `t0` … in `public`: primary key, one more index, a sequence, dead rows; statistics are made. */
export async function makeManyTables(
  server: Postgres,
  database: string,
  { tables, rows }: ManyTables,
): Promise<string> {
  await server.query(`create database ${database}`);
  // A transaction for each hundred: one for all would need a lock table of its size.
  for (let first = 0; first < tables; first += 100) {
    const last = Math.min(first + 99, tables - 1);
    await server.query(
      `do $$ begin for i in ${first}..${last} loop
         execute format('create table t%s (id serial primary key, k int not null, v text) with (autovacuum_enabled = off)', i);
         execute format('insert into t%s (k, v) select g %% 97, repeat(md5(g::text), 3) from generate_series(1, ${rows}) g', i);
         execute format('create index on t%s (k)', i);
         execute format('delete from t%s where id %% 3 = 0', i);
       end loop; end $$`,
      database,
    );
  }
  await server.query('analyze', database);
  return server.url(database);
}
