/**
 * Drives pg_repack (https://reorg.github.io/pg_repack/), which copies a table while reads and writes go on, and swaps the copy
 * in under a short ACCESS EXCLUSIVE lock.
 */
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { openSession } from './connection.ts';
import { errorMessage } from './connectionProblem.ts';
import { passwordFromFile } from './passwordFile.ts';
import type { DatabaseRun } from './run.ts';
import type { StatementOutcome } from './statement.ts';
import type { ConnectionParameters } from './target.ts';

/** The program of this major version where Debian and the PGDG put it, else the one on PATH; null = not installed. */
export async function findRepack(
  env: Readonly<Record<string, string | undefined>>,
  major: number,
): Promise<string | null> {
  const own = (env['PATH'] ?? '').split(path.delimiter).filter((folder) => path.isAbsolute(folder));
  for (const folder of [`/usr/lib/postgresql/${major}/bin`, `/usr/pgsql-${major}/bin`, ...own]) {
    const program = path.join(folder, 'pg_repack');
    const found = await access(program, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return program;
  }
  return null;
}

/** `1.4.8` of `pg_repack 1.4.8`; null when it does not say. */
export async function repackVersion(program: string, signal: AbortSignal): Promise<string | null> {
  const { stdout } = await execa(program, ['--version'], {
    reject: false,
    cancelSignal: signal,
    env: {},
    extendEnv: false,
  });
  return /^pg_repack (\S+)/.exec(stdout)?.[1] ?? null;
}

/**
 * Rebuilds one table. Conflicting sessions are waited for as long as lock_timeout times its tries, in short tries that hold up
 * others for a second at most, and never cancelled. Whatever it leaves when it is interrupted is dropped.
 */
export async function repackTable(
  run: DatabaseRun,
  program: string,
  table: { readonly oid: string; readonly relation: string },
): Promise<StatementOutcome> {
  const { parameters, settings, context } = run;
  const wait = Math.max(1, Math.ceil((settings.lock_timeout * (1 + settings.lock_retries)) / 1000));
  const args = ['--no-order', '--no-kill-backend', '--no-superuser-check', '--no-password', `--wait-timeout=${wait}`];
  const child = execa(program, [...args, `--table=${table.relation}`], {
    env: await environmentOf(parameters, settings.statement_timeout),
    extendEnv: false,
    reject: false,
    all: true,
    stdin: 'ignore',
    timeout: settings.statement_timeout,
    killSignal: 'SIGINT',
    cancelSignal: context.signal,
    forceKillAfterDelay: 5_000,
  });
  const { all, exitCode, timedOut, isCanceled } = await child;
  if (isCanceled || timedOut || exitCode !== 0) await dropRemains(run, table.oid);
  context.signal.throwIfAborted();
  if (timedOut) return { kind: 'timed-out', reason: `statement_timeout ${settings.statement_timeout} ms` };
  const said = lastWords(all);
  if (/skipping repack|timed out, do not cancel/i.test(all))
    return { kind: 'locked', reason: `no lock within ${wait} s` };
  if (exitCode === 0) return { kind: 'done' };
  if (/No space left on device/i.test(all)) return { kind: 'full', reason: said };
  if (/permission denied|must be (?:superuser|owner)/i.test(all)) return { kind: 'denied', reason: said };
  return { kind: 'failed', reason: said };
}

/** The last line that is an error or warning, else the last line. */
export function lastWords(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return (lines.findLast((line) => /^(?:ERROR|WARNING)/.test(line)) ?? lines.at(-1) ?? 'it said nothing').slice(0, 300);
}

/** libpq's own variables: nothing secret is in argv, and no name is read as a connection string. */
async function environmentOf(
  parameters: ConnectionParameters,
  statementTimeout: number,
): Promise<Record<string, string>> {
  const { host, port, user, database, sslMode, sslRootCertificate, sslCertificate, sslKey } = parameters;
  const password = parameters.password ?? (await passwordFromFile(parameters.passwordFile, parameters));
  return {
    PATH: '/usr/bin:/bin',
    LC_ALL: 'C',
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    PGSSLMODE: sslMode,
    PGAPPNAME: 'upkeep',
    PGCONNECT_TIMEOUT: '10',
    PGOPTIONS: `-c statement_timeout=${statementTimeout}`,
    ...(password === undefined ? {} : { PGPASSWORD: password }),
    ...(sslRootCertificate === undefined ? {} : { PGSSLROOTCERT: sslRootCertificate }),
    ...(sslCertificate === undefined ? {} : { PGSSLCERT: sslCertificate }),
    ...(sslKey === undefined ? {} : { PGSSLKEY: sslKey }),
  };
}

/** Trigger, log and copy of a table that pg_repack could not take away itself; with them every later try would fail. */
export async function dropRemains({ parameters, settings, context }: DatabaseRun, oid: string): Promise<void> {
  try {
    const signal = AbortSignal.timeout(6_000);
    const session = await openSession(parameters, { settings: { ...settings, lock_timeout: 3_000 }, signal });
    try {
      // Objects that repack_drop takes away: trigger, log table, its type, the copy.
      await session.query(
        `select repack.repack_drop($1::oid, 4) where exists (select from pg_catalog.pg_class c
           join pg_catalog.pg_namespace n on n.oid = c.relnamespace
           where n.nspname = 'repack' and c.relname in ('log_' || $1, 'table_' || $1))
           or exists (select from pg_catalog.pg_trigger where tgrelid = $1::oid and tgname = 'repack_trigger')`,
        [oid],
      );
    } finally {
      await session.close();
    }
  } catch (error) {
    context.print(`what pg_repack left could not be dropped: ${errorMessage(error)}`);
  }
}
