/** After a connection was lost in the middle of work: is the server back, and what did it leave on its disk. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ProcedureContext } from '../define.ts';
import { totalBytes } from '../totalBytes.ts';
import { bytesText } from './bytesText.ts';
import { openSession, type DatabaseSession } from './connection.ts';
import { errorCode, isConnectionLost, isRecovering } from './connectionProblem.ts';
import { counted, printable } from './names.ts';
import { describeTarget, type ConnectionParameters } from './target.ts';

/** Of a server that ends a connection that it has just taken: one that has not noticed yet that it crashed. */
const mostLosses = 5;
const pauseMs = 500;

/** Waits for the server, up to `connect_timeout` or while it says that it recovers, and warns of orphan files. The run has failed all the same. */
export async function afterLoss(parameters: ConnectionParameters, context: ProcedureContext): Promise<void> {
  const { signal, print } = context;
  for (let losses = 1; ; losses += 1) {
    const problem = await lookAtFiles(parameters, context);
    signal.throwIfAborted();
    if (problem === null) return;
    if (!isLostAgain(problem.error) || losses === mostLosses) {
      print(`${describeTarget(parameters)} ${problem.words}.`);
      return;
    }
    await delay(pauseMs, undefined, { signal });
  }
}

/** Not where nothing listens or the server says that it recovers: for that openSession has waited. */
function isLostAgain(error: unknown): boolean {
  return isConnectionLost(error) && !isRecovering(error) && errorCode(error) !== 'ECONNREFUSED';
}

/** Null once they were looked at. */
async function lookAtFiles(
  parameters: ConnectionParameters,
  context: ProcedureContext,
): Promise<{ readonly words: string; readonly error: unknown } | null> {
  const { signal, config } = context;
  let session: DatabaseSession;
  try {
    session = await openSession(parameters, { settings: config.database, signal, readOnly: true, patient: true });
  } catch (error) {
    return { words: 'does not answer yet; it may still be in recovery', error };
  }
  try {
    await warnOfOrphanFiles(session, context);
    return null;
  } catch (error) {
    return { words: 'answers again; its files could not be looked at', error };
  } finally {
    await session.close();
  }
}

/**
 * Warns of files that belong to no relation: what a table was being copied to when its server crashed stays for ever.
 * Silent without the right to list the files (superuser, or EXECUTE on pg_ls_dir and pg_stat_file).
 */
async function warnOfOrphanFiles(session: DatabaseSession, context: ProcedureContext): Promise<void> {
  const orphans = await orphanFiles(session).catch((error: unknown) => {
    if (errorCode(error) === '42501') return null;
    throw error;
  });
  if (orphans === null || orphans.length === 0) return;
  const bytes = totalBytes(orphans);
  const name = printable(session.target.name);
  const shown = orphans.slice(0, 5).map((file) => printable(file.path));
  const more = orphans.length > shown.length ? ' …' : '';
  context.finding({
    level: 'warning',
    code: 'database.orphan_files',
    subject: name,
    message:
      `${counted(orphans.length, 'file')} (${bytesText(bytes)}) in the data folder of ${name} ${orphans.length === 1 ? 'belongs' : 'belong'} to no relation, as a crash leaves them: ` +
      `${shown.join(', ')}${more}; check them against pg_class.relfilenode and remove them while the server is stopped.`,
    value: bytes,
    unit: 'bytes',
  });
}

export interface OrphanFile {
  /** Relative to the data folder. */
  readonly path: string;
  readonly bytes: number;
}

/**
 * Files of this database, in its default tablespace, that no relation claims. A file of a relation that is being made in an
 * open transaction looks the same, so only those count that were last written before the oldest open transaction began;
 * a dropped relation keeps an empty first file until the next checkpoint.
 */
async function orphanFiles(session: DatabaseSession): Promise<OrphanFile[]> {
  return session.query<OrphanFile & Record<string, unknown>>(`
    with folder as (
      select case when dattablespace = 1663 then 'base/' || oid
        else 'pg_tblspc/' || dattablespace || '/' || (
          select pg_catalog.min(v) from pg_catalog.pg_ls_dir('pg_tblspc/' || dattablespace) v
          where v like 'PG\\_' || (current_setting('server_version_num')::int / 10000) || '\\_%') || '/' || oid end as path
      from pg_catalog.pg_database where datname = pg_catalog.current_database()
    ), files as materialized (
      select f.path || '/' || name as path, substring(name from '^[0-9]+')::oid as node
      from folder f cross join lateral pg_catalog.pg_ls_dir(f.path) as name where name ~ '^[0-9]+(_[a-z]+)?([.][0-9]+)?$'
    ), known as (
      select pg_catalog.pg_relation_filenode(oid) as node from pg_catalog.pg_class
      where relkind in ('r', 'i', 't', 'm', 'S')
    ), oldest as (
      select coalesce(min(xact_start), now()) as began from pg_catalog.pg_stat_activity
      where pid <> pg_catalog.pg_backend_pid() and xact_start is not null
    )
    select path, s.size::float8 as bytes
    from files cross join lateral pg_catalog.pg_stat_file(path, true) s
    where node not in (select node from known where node is not null)
      and s.size > 0 and s.modification < (select began from oldest) order by path`);
}
