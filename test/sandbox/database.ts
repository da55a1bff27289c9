import pg from 'pg';

/** Rows of the table whose updates leave dead rows behind, and how many of those a start begins with. */
const orders = 60_000;
const deadAtStart = 50_000;

export interface TableStatistics {
  readonly live: number;
  readonly dead: number;
  readonly bytes: number;
}

/**
 * Makes the shop's tables where they are missing and fills `orders` with dead rows. Autovacuum is off for that table, so
 * that only Upkeep's maintenance takes them away.
 */
export async function fillDatabase(url: string): Promise<void> {
  await withClient(url, async (client) => {
    await client.query(`
      CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
      CREATE TABLE IF NOT EXISTS customers (id int PRIMARY KEY, name text NOT NULL, email text NOT NULL);
      CREATE TABLE IF NOT EXISTS orders (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        customer int NOT NULL,
        state text NOT NULL,
        total numeric(10, 2) NOT NULL,
        note text NOT NULL,
        changed timestamptz NOT NULL DEFAULT now()
      ) WITH (autovacuum_enabled = off);
      CREATE INDEX IF NOT EXISTS orders_state ON orders (state, changed);
      INSERT INTO customers SELECT n, 'Customer ' || n, 'customer' || n || '@example.test' FROM generate_series(1, 500) n
        ON CONFLICT DO NOTHING;`);
    await client.query(
      `INSERT INTO orders (customer, state, total, note)
         SELECT 1 + n % 500, 'new', 5 + n % 200, repeat('parcel ', 20)
         FROM generate_series(1, $1 - (SELECT count(*) FROM orders)) n`,
      [orders],
    );
    // The counters below are this session's own until it hands them over, which it does at most once a second.
    await client.query('SELECT pg_stat_force_next_flush()');
    const { dead } = await read(client);
    if (dead < deadAtStart) {
      await client.query(`UPDATE orders SET state = 'packed', changed = now() WHERE id % 10 < 9`);
      await client.query(`DELETE FROM orders WHERE id % 50 = 0`);
    }
    await client.query('SELECT pg_stat_force_next_flush()');
  });
}

/** What PostgreSQL's own statistics say of `orders` (pg_stat_user_tables). */
export function ordersStatistics(url: string): Promise<TableStatistics> {
  return withClient(url, read);
}

async function read(client: pg.Client): Promise<TableStatistics> {
  const { rows } = await client.query<{ live: string; dead: string; bytes: string }>(
    `SELECT n_live_tup AS live, n_dead_tup AS dead, pg_total_relation_size(relid) AS bytes
       FROM pg_stat_user_tables WHERE schemaname = 'public' AND relname = 'orders'`,
  );
  const row = rows[0];
  if (row === undefined) throw new Error('PostgreSQL has no statistics of public.orders');
  return { live: Number(row.live), dead: Number(row.dead), bytes: Number(row.bytes) };
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'upkeep-sandbox' });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}
