/** One connection to a database, cancellable from outside: the only file that knows the driver. */
import { once } from 'node:events';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import type { Config } from '../../config/schema.ts';
import { isAbsent, isPassingRefusal, isRecovering, isTimeout } from './connectionProblem.ts';
import { passwordFromFile } from './passwordFile.ts';
import type { ConnectionParameters, DatabaseTarget } from './target.ts';
import { isTlsMismatch, tlsAttempts, type TlsAttempt } from './tls.ts';

export interface Notice {
  /** `WARNING`, `NOTICE`, `INFO` …, never translated. */
  readonly severity: string;
  readonly code: string;
  readonly message: string;
}

export interface Queryable {
  /**
   * Runs one statement; rejects with the signal's reason once it is aborted. int8 arrives as text: cast to float8. With a
   * `name` the server parses and plans it once.
   */
  readonly query: <Row extends pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
    name?: string,
  ) => Promise<Row[]>;
}

export interface DatabaseSession extends Queryable {
  readonly target: DatabaseTarget;
  /** As server_version_num: 180004. */
  readonly version: number;
  readonly versionText: string;
  /** True on a standby: reading only. */
  readonly inRecovery: boolean;
  /** Backend process of the server. */
  readonly pid: number;
  /** Like `query` for a command, giving what the server said meanwhile. */
  readonly command: (text: string) => Promise<readonly Notice[]>;
  readonly close: () => Promise<void>;
}

export interface SessionOptions {
  readonly settings: Config['database'];
  readonly signal: AbortSignal;
  /** Every transaction read-only: a second lock on the door of a dry run. */
  readonly readOnly?: boolean;
  /** Tries again while nothing listens, for the server is being started again; longer while it says that it recovers. */
  readonly patient?: boolean;
}

/** Connects within `connect_timeout`, all attempts together, unless `patient`; throws the driver's error. */
export async function openSession(
  parameters: ConnectionParameters,
  { settings, signal, readOnly = false, patient = false }: SessionOptions,
): Promise<DatabaseSession> {
  signal.throwIfAborted();
  const connected = await connect(parameters, settings.connect_timeout, signal, patient);
  try {
    return await prepare(connected, parameters, settings, readOnly, signal);
  } catch (error) {
    await disconnect(connected);
    signal.throwIfAborted();
    throw error;
  }
}

interface Connected {
  readonly client: pg.Client;
  readonly socket: Socket;
}

async function prepare(
  connected: Connected,
  parameters: ConnectionParameters,
  settings: Config['database'],
  readOnly: boolean,
  signal: AbortSignal,
): Promise<DatabaseSession> {
  const { client } = connected;
  const setup = await client.query<{ pid: number; version: number; text: string; recovery: boolean }>(
    // An empty search_path, as vacuumdb sets it: no function of a user stands in for one of the system (CVE-2018-1058).
    // Compiling a catalogue query costs more than running it.
    `select pg_catalog.set_config('search_path', '', false), pg_catalog.set_config('lock_timeout', $1, false),
            pg_catalog.set_config('statement_timeout', $2, false),
            pg_catalog.set_config('default_transaction_read_only', $3, false),
            pg_catalog.set_config('jit', 'off', false),
            pg_catalog.pg_backend_pid() as pid, pg_catalog.pg_is_in_recovery() as recovery,
            pg_catalog.current_setting('server_version_num')::int as version,
            pg_catalog.current_setting('server_version') as text`,
    [`${settings.lock_timeout}ms`, `${settings.statement_timeout}ms`, readOnly ? 'on' : 'off'],
  );
  const row = setup.rows[0];
  if (row === undefined) throw new Error('The server gave no answer to the first query.');
  if (row.version >= 140000) {
    // The server then ends a statement by itself when this process was killed. Not every platform can.
    const watch = `select pg_catalog.set_config('client_connection_check_interval', '5s', false)`;
    await client.query(watch).catch(() => undefined);
  }

  let notices: Notice[] = [];
  client.on('notice', (notice) => {
    const { severity = '', code = '', message = '' } = notice;
    notices.push({ severity, code, message });
  });
  let running = false;
  let cancelling: Promise<void> | null = null;
  const cancel = (): void => {
    if (running) cancelling = cancelBackend(connected, parameters, settings.connect_timeout, row.pid, () => running);
  };
  signal.addEventListener('abort', cancel, { once: true });

  const query: Queryable['query'] = async <Row extends pg.QueryResultRow>(
    text: string,
    values?: readonly unknown[],
    name?: string,
  ) => {
    signal.throwIfAborted();
    running = true;
    try {
      const named = name === undefined ? {} : { name };
      const result = await client.query<Row>({
        text,
        ...(values === undefined ? {} : { values: [...values] }),
        ...named,
      });
      return result.rows;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      running = false;
    }
  };
  return {
    target: parameters,
    version: row.version,
    versionText: row.text,
    inRecovery: row.recovery,
    pid: row.pid,
    query,
    command: async (text) => {
      notices = [];
      await query(text);
      return notices;
    },
    close: async () => {
      signal.removeEventListener('abort', cancel);
      await cancelling;
      await disconnect(connected);
    },
  };
}

/** For how long a server that says it recovers is waited for: more than a minute was seen on a busy disk. */
const recoveryMs = 180_000;
const longestPause = 2000;

function remaining(deadline: number, timeout: number): number {
  return Math.max(1, Math.min(timeout, deadline - performance.now()));
}

async function connect(
  parameters: ConnectionParameters,
  timeout: number,
  signal: AbortSignal,
  patient = false,
): Promise<Connected> {
  const recovered = performance.now() + recoveryMs;
  let deadline = performance.now() + timeout;
  const password = parameters.password ?? (await passwordFromFile(parameters.passwordFile, parameters)) ?? '';
  const attempts = await tlsAttempts(parameters);
  let refusal: Error | null = null;
  for (let index = 0, pause = 250; ;) {
    const attempt = attempts[index] ?? false;
    try {
      return await connectOnce(parameters, password, attempt, remaining(deadline, timeout), signal);
    } catch (error) {
      signal.throwIfAborted();
      // It answers, so it is there, and goes on: only silence counts against `connect_timeout`.
      if (patient && isRecovering(error)) deadline = Math.min(recovered, performance.now() + timeout + longestPause);
      // It was given what is left of the time only; why there is no connection was said before.
      if (refusal !== null && isTimeout(error)) throw refusal;
      if (error instanceof Error && isPassingRefusal(error)) refusal = error;
      if (index + 1 < attempts.length && isTlsMismatch(error)) index++;
      else if ((isPassingRefusal(error) || (patient && isAbsent(error))) && performance.now() + pause < deadline) {
        await delay(pause, undefined, { signal });
        pause = Math.min(pause * 2, longestPause);
      } else throw error;
    }
  }
}

async function connectOnce(
  parameters: ConnectionParameters,
  password: string,
  ssl: TlsAttempt,
  timeout: number,
  signal: AbortSignal,
): Promise<Connected> {
  // Loaded here: a health check of a host without databases does without the driver.
  const { Client } = (await import('pg')).default;
  signal.throwIfAborted();
  const socket = new Socket();
  const { host, port, user, database } = parameters;
  const client = new Client({
    host,
    port,
    user,
    database,
    ssl,
    // As a function: an empty password would make the driver look into process.env and read .pgpass by itself.
    password: () => password,
    stream: () => socket,
    connectionTimeoutMillis: Math.ceil(timeout),
    application_name: 'upkeep',
    // A server that is gone without a word is noticed while a statement runs for hours, not by the system's default of two hours.
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveDelay,
  });
  const stop = (): void => {
    socket.destroy(new Error('stopped'));
  };
  signal.addEventListener('abort', stop, { once: true });
  // A connection that breaks while idle is told by the next query; without a listener it would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return { client, socket };
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/**
 * Asks the server to stop the statement, again until it has (a request that comes between two statements is lost); should
 * that fail, the connection is cut and the server notices by itself.
 */
async function cancelBackend(
  connected: Connected,
  parameters: ConnectionParameters,
  timeout: number,
  pid: number,
  isRunning: () => boolean,
): Promise<void> {
  try {
    const second = await connect(parameters, timeout, new AbortController().signal);
    try {
      for (let tries = 0; isRunning() && tries < cancelTries; tries++) {
        await second.client.query('select pg_catalog.pg_cancel_backend($1)', [pid]);
        await Promise.race([once(connected.client, 'drain').catch(() => undefined), delay(cancelPause)]);
      }
      // What does not heed a cancellation in ten seconds loses its backend, so that none is left behind.
      if (isRunning()) await second.client.query('select pg_catalog.pg_terminate_backend($1)', [pid]);
    } finally {
      await disconnect(second);
    }
  } catch {
    // Told below, by what remains to be done.
  }
  if (isRunning()) connected.socket.destroy();
}

async function disconnect({ client, socket }: Connected): Promise<void> {
  const ended = client.end().catch(() => undefined);
  await Promise.race([ended, delay(disconnectPatience, undefined, { ref: false })]);
  socket.destroy();
}

const cancelTries = 20;
/** Milliseconds. */
const keepAliveDelay = 30_000;
const cancelPause = 500;
const disconnectPatience = 2_000;
