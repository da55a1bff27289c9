/** A real, throw-away PostgreSQL on a free loopback port, without Unix socket. Also for the sandbox: knows nothing of mocha. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { access, chmod, chown, mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../sandbox/ports.ts';
import { postgresBinaries, serverIdentity, type Binaries, type Edition, type Identity } from './postgresBinaries.ts';

export interface PostgresOptions {
  /** Settings of postgresql.conf, over those of the harness. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Folder that is kept at the stop and used again at the next start; by default a temporary one. */
  readonly directory?: string;
  /** By default a free one. */
  readonly port?: number;
  readonly edition?: Edition;
}

export interface Postgres {
  readonly port: number;
  readonly pid: number;
  readonly superuser: string;
  readonly password: string;
  /** Folder of the cluster: `data`, `postgres.log`. */
  readonly directory: string;
  readonly dataDirectory: string;
  readonly url: (database?: string, user?: string, password?: string) => string;
  /** One statement, or several without values, on a connection of its own. */
  readonly query: <Row extends pg.QueryResultRow = Record<string, unknown>>(
    sql: string,
    database?: string,
    values?: readonly unknown[],
  ) => Promise<Row[]>;
  /** Ends the server and removes what it left; harmless when called again. */
  readonly stop: () => Promise<void>;
}

const superuser = 'postgres';
const defaults = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  shared_preload_libraries: 'pg_stat_statements',
  shared_buffers: '32MB',
  max_connections: '40',
  fsync: 'off',
  full_page_writes: 'off',
  lc_messages: 'C',
} as const;

export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const identity = await serverIdentity();
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'upkeep-postgres-')));
  const temporary = options.directory === undefined;
  try {
    const binaries = await postgresBinaries(identity, directory, options.edition);
    const password = await initialise(directory, binaries, identity);
    return await startServer(directory, binaries, identity, password, options, temporary);
  } catch (error) {
    if (temporary) await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Makes the cluster unless it is there; returns the superuser's password. */
async function initialise(directory: string, binaries: Binaries, identity: Identity | undefined): Promise<string> {
  const passwordFile = join(directory, 'password');
  const data = join(directory, 'data');
  const exists = await access(join(data, 'PG_VERSION')).then(
    () => true,
    () => false,
  );
  if (exists) return (await readFile(passwordFile, 'utf8')).trim();
  const password = randomBytes(12).toString('base64url');
  await mkdir(data, { recursive: true, mode: 0o700 });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (identity !== undefined) {
    // mkdtemp makes 0700 for root alone; the server's user must get through, not look around.
    await chmod(directory, 0o711);
    for (const path of [data, passwordFile]) await chown(path, identity.uid, identity.gid);
  }
  const flags = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', '--no-sync', '--no-instructions'];
  await promisify(execFile)(
    binaries.initdb,
    [`--pgdata=${data}`, `--username=${superuser}`, `--pwfile=${passwordFile}`, ...flags],
    { ...identity, cwd: '/', env: cleanEnvironment },
  );
  return password;
}

const cleanEnvironment = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

async function startServer(
  directory: string,
  binaries: Binaries,
  identity: Identity | undefined,
  password: string,
  options: PostgresOptions,
  temporary: boolean,
): Promise<Postgres> {
  const port = options.port ?? (await freePort());
  const dataDirectory = join(directory, 'data');
  const settings = Object.entries({ ...defaults, ...options.settings, port: String(port) });
  const log = await open(join(directory, 'postgres.log'), 'a', 0o600);
  const child = spawn(
    binaries.postgres,
    ['-D', dataDirectory, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { ...identity, cwd: '/', env: cleanEnvironment, stdio: ['ignore', log.fd, log.fd] },
  );
  await log.close();
  const removeAtExit = (): void => {
    child.kill('SIGQUIT');
    if (temporary) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once('exit', removeAtExit);
  const url: Postgres['url'] = (database = 'postgres', user = superuser, secret = password) =>
    `postgres://${encodeURIComponent(user)}:${encodeURIComponent(secret)}@127.0.0.1:${port}/${encodeURIComponent(database)}?sslmode=disable`;
  let stopping: Promise<void> | null = null;
  const stop = (): Promise<void> =>
    (stopping ??= (async () => {
      await stopServer(child);
      process.removeListener('exit', removeAtExit);
      if (temporary) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
    })());
  const query: Postgres['query'] = (sql, database = 'postgres', values) =>
    queryOnce({ host: '127.0.0.1', port, user: superuser, password, database }, sql, values);
  try {
    await untilReady(child, directory, () => query('select 1'));
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, pid: child.pid ?? 0, superuser, password, directory, dataDirectory, url, query, stop };
}

async function queryOnce<Row extends pg.QueryResultRow>(
  config: pg.ClientConfig,
  sql: string,
  values?: readonly unknown[],
): Promise<Row[]> {
  const client = new pg.Client(config);
  client.on('error', () => undefined);
  await client.connect();
  try {
    const result = await client.query<Row>(sql, values === undefined ? undefined : [...values]);
    return result.rows;
  } finally {
    await client.end();
  }
}

/** Waits until the server answers; says what its log says when it ends instead. */
async function untilReady(child: ChildProcess, directory: string, probe: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const answered = await probe().then(
      () => true,
      () => false,
    );
    if (answered) return;
    if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
      const log = await readFile(join(directory, 'postgres.log'), 'utf8').catch(() => '');
      throw new Error(`PostgreSQL did not start:\n${log.slice(-2000)}`);
    }
    await delay(25);
  }
}

/** Fast shutdown (sessions are ended), immediate when that takes too long. PostgreSQL manual: "Shutting Down the Server". */
async function stopServer(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  const insist = setTimeout(() => child.kill('SIGQUIT'), 10_000);
  await exited;
  clearTimeout(insist);
}
