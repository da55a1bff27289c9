/**
 * Which database a connection means: URL, then PG* variables, then libpq's defaults.
 * PostgreSQL manual: "Connection URIs" (libpq-connect), "Environment Variables" (libpq-envars).
 */
import { existsSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/schema.ts';
import { printable } from './names.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where to connect, without secrets: safe to print. `host` that starts with `/` is the folder of a Unix socket. */
export interface DatabaseTarget {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

const sslModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
export type SslMode = (typeof sslModes)[number];

/** Everything that a connection needs; `password` undefined = none was given in URL or environment. */
export interface ConnectionParameters extends DatabaseTarget {
  readonly password: string | undefined;
  readonly passwordFile: string;
  readonly sslMode: SslMode;
  readonly sslRootCertificate: string | undefined;
  readonly sslCertificate: string | undefined;
  readonly sslKey: string | undefined;
}

/** A configured database, or why it can not be used. */
export type ResolvedTarget =
  { readonly parameters: ConnectionParameters } | { readonly name: string; readonly problem: string };

/**
 * The databases that `names` asks for: configured ones by name, all of them without `names`. When none is configured, a
 * name is a database of the server that PG* variables or libpq's defaults give.
 */
export function resolveTargets(config: Config, env: Environment, names: readonly string[] = []): ResolvedTarget[] {
  if (config.databases.length === 0) {
    if (names.length === 0) return [resolveTarget(env['PGDATABASE'] ?? defaultUser(env), undefined, env)];
    return names.map((name) => resolveTarget(name, undefined, { ...env, PGDATABASE: name }));
  }
  const chosen = names.length === 0 ? config.databases.map((entry) => entry.name) : [...new Set(names)];
  return chosen.map((name) => {
    const entry = config.databases.find((candidate) => candidate.name === name);
    if (entry !== undefined) return resolveTarget(name, entry.url, env);
    const known = config.databases.map((candidate) => candidate.name).join(', ');
    return { name, problem: `No database \`${name}\` is configured; use one of: ${known}.` };
  });
}

/** Parameters of one connection. The URL itself never reaches a message: it may hold a password. */
export function resolveTarget(name: string, url: string | undefined, env: Environment): ResolvedTarget {
  let given: Readonly<Record<string, string>>;
  try {
    given = url === undefined ? {} : parseConnectionUrl(url);
  } catch {
    return {
      name,
      problem: `The url of database \`${name}\` is not valid; write postgres://USER@HOST:PORT/DATABASE, special characters as %XX.`,
    };
  }
  const pick = (key: string, variable: string): string | undefined => nonEmpty(given[key]) ?? nonEmpty(env[variable]);
  const port = Number(pick('port', 'PGPORT') ?? 5432);
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    return {
      name,
      problem: `The port of database \`${name}\` is not a number from 1 to 65535; correct url or PGPORT.`,
    };
  }
  const mode = pick('sslmode', 'PGSSLMODE') ?? 'prefer';
  const sslMode = sslModes.find((candidate) => candidate === mode);
  if (sslMode === undefined) {
    return { name, problem: `sslmode of database \`${name}\` must be one of ${sslModes.join(', ')}.` };
  }
  const user = pick('user', 'PGUSER') ?? defaultUser(env);
  const home = env['HOME'] ?? homedir();
  return {
    parameters: {
      name,
      host: pick('host', 'PGHOST') ?? defaultHost(port),
      port,
      user,
      database: pick('dbname', 'PGDATABASE') ?? user,
      password: pick('password', 'PGPASSWORD'),
      passwordFile: pick('passfile', 'PGPASSFILE') ?? join(home, '.pgpass'),
      sslMode,
      sslRootCertificate: pick('sslrootcert', 'PGSSLROOTCERT') ?? existing(join(home, '.postgresql', 'root.crt')),
      sslCertificate: pick('sslcert', 'PGSSLCERT') ?? existing(join(home, '.postgresql', 'postgresql.crt')),
      sslKey: pick('sslkey', 'PGSSLKEY') ?? existing(join(home, '.postgresql', 'postgresql.key')),
    },
  };
}

/** `app at db1:5432, database shop, user upkeep`, for messages. */
export function describeTarget(target: DatabaseTarget): string {
  const place = target.host.startsWith('/')
    ? `${target.host}/.s.PGSQL.${target.port}`
    : `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
  return printable(`${target.name} at ${place}, database ${target.database}, user ${target.user}`);
}

/** Keywords as in libpq; the path is `dbname`. Parameters after `?` win, as there. Throws when it is no postgres:// URL. */
function parseConnectionUrl(text: string): Record<string, string> {
  const url = new URL(text);
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw new Error('not a PostgreSQL URL');
  const decode = decodeURIComponent;
  const host = decode(url.hostname).replace(/^\[(.*)\]$/, '$1');
  return {
    host,
    port: url.port,
    user: decode(url.username),
    password: decode(url.password),
    dbname: decode(url.pathname.slice(1)),
    ...Object.fromEntries(url.searchParams),
  };
}

function defaultUser(env: Environment): string {
  return nonEmpty(env['PGUSER']) ?? nonEmpty(env['USER']) ?? userInfo().username;
}

/** libpq tries the Unix socket of its build first; Debian's and upstream's folders are the two in use. */
function defaultHost(port: number): string {
  const folders = ['/var/run/postgresql', '/tmp'];
  return folders.find((folder) => existsSync(`${folder}/.s.PGSQL.${port}`)) ?? 'localhost';
}

function existing(path: string): string | undefined {
  return existsSync(path) ? path : undefined;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}
