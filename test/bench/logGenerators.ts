/** Deterministic logs of any size, as real servers write them. */
import { closeSync, openSync, writeSync } from 'node:fs';

const start = Date.UTC(2024, 2, 1);
const linesAtOnce = 4000;

/** xorshift32: numbers from 0 to 1, the same for every run. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

/** Writes lines until the file has `bytes`; returns how many. */
function writeLines(file: string, bytes: number, line: () => string): number {
  const descriptor = openSync(file, 'w', 0o600);
  let [written, lines] = [0, 0];
  try {
    while (written < bytes) {
      const text = Array.from({ length: linesAtOnce }, line).join('');
      for (let at = 0, data = Buffer.from(text); at < data.length;) at += writeSync(descriptor, data, at);
      written += Buffer.byteLength(text);
      lines += text.split('\n').length - 1;
    }
  } finally {
    closeSync(descriptor);
  }
  return lines;
}

/**
 * nginx "combined": 40,000 clients and 3,000 paths, frequent ones far more so than rare ones, 20 agents, 8 % of 4xx and 5xx, about
 * 20 requests a second.
 */
export function writeAccessLog(file: string, bytes: number): number {
  const random = randomNumbers(42);
  const below = (limit: number): number => Math.floor(random() * limit);
  const frequent = (limit: number): number => Math.min(limit - 1, Math.floor(limit * random() ** 3));
  const words = 'api v1 users orders items search static img css admin login cart report export blog tag docs'.split(
    ' ',
  );
  const clients = Array.from(
    { length: 40_000 },
    () => `${1 + below(222)}.${below(256)}.${below(256)}.${1 + below(254)}`,
  );
  const paths = Array.from({ length: 3000 }, (_, index) => {
    const parts = Array.from({ length: 1 + below(4) }, () => words[below(words.length)]);
    return `/${parts.join('/')}${index % 3 === 0 ? `/${index}` : ''}${index % 5 === 0 ? `?id=${below(1e6)}&page=${index % 40}` : ''}`;
  });
  const agents = Array.from({ length: 20 }, (_, index) =>
    index % 4 === 3
      ? `curl/7.${60 + index}.0`
      : `Mozilla/5.0 (X11; Linux x86_64; rv:${100 + index}.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${110 + index}.0.${index * 37}.0 Safari/537.36`,
  );
  const referrers = [
    '-',
    '-',
    '-',
    'https://example.org/',
    'https://www.example.com/',
    'https://example.org/search?q=logs',
  ];
  const methods = ['GET', 'GET', 'GET', 'GET', 'GET', 'GET', 'POST', 'PUT', 'HEAD', 'DELETE'];
  const statuses = [304, 304, 304, 301, 301, 301, 404, 404, 403, 400, 500, 502];
  let [second, inSecond, stamp] = [0, 0, ''];
  return writeLines(file, bytes, () => {
    inSecond -= 1;
    if (inSecond < 0) {
      [second, inSecond] = [second + 1, 8 + below(25)];
      const [, day, month, year, time] =
        /, (\d\d) (\w{3}) (\d{4}) ([\d:]{8})/.exec(new Date(start + second * 1000).toUTCString()) ?? [];
      stamp = `${day}/${month}/${year}:${time} +0000`;
    }
    const status = random() < 0.8 ? 200 : statuses[below(statuses.length)];
    const size = status === 304 ? 0 : Math.floor(200 + 60_000 * random() ** 4);
    const user = random() < 0.05 ? `user${frequent(500)}` : '-';
    return `${clients[frequent(40_000)]} - ${user} [${stamp}] "${methods[below(10)]} ${paths[frequent(3000)]} HTTP/1.1" ${status} ${size} "${referrers[below(6)]}" "${agents[frequent(20)]}"\n`;
  });
}

/** PostgreSQL's stderr with durations, as `log_min_duration_statement = 0` and `log_line_prefix = '%t [%p]: user=%u,db=%d,app=%a,client=%h '` make it. */
export function writePostgresLog(file: string, bytes: number): number {
  const random = randomNumbers(7);
  const below = (limit: number): number => Math.floor(random() * limit);
  let now = start;
  const statement = [
    () => `UPDATE pgbench_accounts SET abalance = abalance + ${below(5000)} WHERE aid = ${below(1e6)};`,
    () => `SELECT abalance FROM pgbench_accounts WHERE aid = ${below(1e6)};`,
    () =>
      `INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (${below(10)}, ${below(9)}, ${below(1e6)}, -${below(5000)}, CURRENT_TIMESTAMP);`,
    () =>
      `SELECT o.id, o.total FROM orders o\n\tJOIN customers c ON c.id = o.customer_id\n\tWHERE c.name = 'name ${below(1e6)}' AND o.id IN (${below(99)}, ${below(99)});`,
    () => 'BEGIN;',
    () => 'END;',
  ];
  return writeLines(file, bytes, () => {
    now += below(20);
    const time = new Date(now).toISOString().slice(0, 19).replace('T', ' ');
    const prefix = `${time} UTC [${2000 + below(40)}]: user=bench,db=bench,app=pgbench,client=127.0.0.1 `;
    const kind = random();
    const duration = (0.01 + 2000 * random() ** 24).toFixed(3);
    if (kind < 0.985)
      return `${prefix}LOG:  duration: ${duration} ms  statement: ${statement[below(statement.length)]?.() ?? ''}\n`;
    if (kind < 0.988)
      return `${prefix}ERROR:  duplicate key value violates unique constraint "accounts_pkey"\n${prefix}DETAIL:  Key (aid)=(${below(1e6)}) already exists.\n${prefix}STATEMENT:  INSERT INTO pgbench_accounts VALUES (${below(1e6)});\n`;
    if (kind < 0.99)
      return `${prefix}LOG:  temporary file: path "base/pgsql_tmp/pgsql_tmp${below(1e4)}.0", size ${below(1e8)}\n`;
    if (kind < 0.995)
      return `${prefix}LOG:  connection authorized: user=bench database=bench application_name=pgbench\n`;
    if (kind < 0.999)
      return `${prefix}LOG:  disconnection: session time: 0:00:${10 + below(50)}.${100 + below(900)} user=bench database=bench host=127.0.0.1 port=${below(65_536)}\n`;
    return `${prefix}LOG:  process ${2000 + below(40)} still waiting for ShareLock on transaction ${below(1e6)} after 1000.${below(999)} ms\n`;
  });
}
