import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { ordersStatistics } from './database.ts';

/** Dead rows at which the traffic rests until maintenance has taken them away: it must not fill the disk. */
const mostDead = 250_000;

/**
 * Works on the shop as its users would: small changes that leave dead rows behind, now and then a slow query. A tenth of a
 * core at most. It goes on through restarts of the database.
 */
export function startTraffic(url: string): { readonly stop: () => Promise<void> } {
  const ending = new AbortController();
  const { signal } = ending;
  const work = Promise.all([
    everyNowAndThen(url, 250, signal, changeOrders),
    everyNowAndThen(url, 7_000, signal, slowQuery),
  ]);
  return {
    stop: async () => {
      ending.abort();
      await work;
    },
  };
}

async function everyNowAndThen(
  url: string,
  pause: number,
  signal: AbortSignal,
  work: (client: pg.Client, turn: number) => Promise<unknown>,
): Promise<void> {
  const goesOn = (): boolean => !signal.aborted;
  for (let turn = 1; goesOn(); turn++) {
    const client = new pg.Client({ connectionString: url, application_name: 'shop' });
    // A connection that breaks while it rests reports it here; the next turn dials again.
    client.on('error', () => undefined);
    try {
      await client.connect();
      for (; goesOn() && turn % 200 !== 0; turn++) {
        await work(client, turn);
        await rest(pause, signal);
      }
      while (goesOn() && (await ordersStatistics(url)).dead > mostDead) await rest(5_000, signal);
    } catch {
      await rest(1_000, signal);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function changeOrders(client: pg.Client, turn: number): Promise<void> {
  await client.query(
    `UPDATE orders SET state = CASE state WHEN 'packed' THEN 'sent' ELSE 'packed' END, changed = now()
       WHERE id IN (SELECT id FROM orders WHERE id % 997 = $1)`,
    [turn % 997],
  );
  await client.query(
    `INSERT INTO orders (customer, state, total, note) SELECT 1 + n, 'new', 20 + n, repeat('parcel ', 20) FROM generate_series(1, 20) n`,
  );
  await client.query(`DELETE FROM orders WHERE id IN (SELECT id FROM orders ORDER BY id LIMIT 20)`);
}

async function slowQuery(client: pg.Client): Promise<void> {
  await client.query(
    `SELECT c.name, sum(o.total) FROM orders o JOIN customers c ON c.id = o.customer, pg_sleep(1.5)
       WHERE o.note LIKE '%parcel%' GROUP BY c.name ORDER BY 2 DESC LIMIT 10`,
  );
}

async function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => undefined);
}
