/** Data that nobody refers to any more: large objects, temporary and TOAST tables, and what configured queries find. */
import * as z from 'zod';
import { bytesText } from './bytesText.ts';
import { carryOut } from './carryOut.ts';
import type { DatabaseSession } from './connection.ts';
import { errorCode, errorMessage, isConnectionLost } from './connectionProblem.ts';
import { counted, printable } from './names.ts';
import type { DatabaseRun } from './run.ts';

export const orphanSchema = z.object({
  database: z.string(),
  kind: z.enum(['large objects', 'temporary table', 'TOAST table', 'query']),
  name: z.string(),
  count: z.number(),
  bytes: z.number().nullable(),
});
export type Orphans = z.infer<typeof orphanSchema>;

/** Reports what is orphaned. `remove` = orphaned large objects are removed too; the rest is for people to decide. */
export async function orphanedData(run: DatabaseRun, remove: boolean): Promise<Orphans[]> {
  return [...(await largeObjects(run, remove)), ...(await lostTables(run)), ...(await configured(run))];
}

/**
 * After the rules of vacuumlo(1): a large object is an orphan when no column of type oid or lo (or a domain over them), in any
 * table that is not the system's, holds its number.
 */
async function largeObjects(run: DatabaseRun, remove: boolean): Promise<Orphans[]> {
  const { session, context } = run;
  const [has] = await session.query<{ any: boolean }>(
    'select exists (select from pg_catalog.pg_largeobject_metadata) as any',
  );
  if (has?.any !== true) return [];
  const columns = await oidColumns(session);
  const unreadable = columns.filter((column) => !column.readable);
  const subject = printable(session.target.name);
  if (unreadable.length > 0) {
    const message = `Orphaned large objects of ${subject} can not be told: role ${printable(session.target.user)} may not read ${printable(unreadable[0]?.relation ?? '')}; grant it pg_read_all_data.`;
    context.finding({ level: 'info', code: 'database.orphans', subject, message });
    return [];
  }
  const { count, sample } = await countOrphans(session, columns);
  if (count === 0) return [];
  const now = remove && !context.dryRun;
  context.finding({
    level: now ? 'info' : 'warning',
    code: 'database.orphans',
    subject,
    message:
      `${counted(count, 'large object')} of ${subject} ${count === 1 ? 'is' : 'are'} in no column of type oid or lo (the rules of vacuumlo), among them ${sample.join(', ')}` +
      (now ? '; removed by this run.' : '; if no other column keeps their numbers, remove them by --remove-orphans.'),
    value: count,
    unit: 'objects',
    ...(now
      ? {}
      : {
          remedy: {
            procedure: 'database-monthly-maintenance',
            options: { database: session.target.name, removeOrphans: true },
            title: 'Remove orphaned large objects',
          },
        }),
  });
  if (remove) await removeLargeObjects(run, columns, count);
  return [{ database: session.target.name, kind: 'large objects', name: 'pg_largeobject', count, bytes: null }];
}

interface OidColumn {
  readonly relation: string;
  readonly column: string;
  readonly readable: boolean;
}

/** A type `lo` counts whatever schema it is in, as its extension makes it a domain over oid. */
async function oidColumns(session: DatabaseSession): Promise<OidColumn[]> {
  return session.query<OidColumn & Record<string, unknown>>(
    `with recursive kinds as (
       select t.oid from pg_catalog.pg_type t where t.oid = 'pg_catalog.oid'::regtype or t.typname = 'lo'
       union select t.oid from pg_catalog.pg_type t join kinds on t.typbasetype = kinds.oid where t.typtype = 'd'
     )
     select pg_catalog.format('%I.%I', n.nspname, c.relname) as relation, pg_catalog.format('%I', a.attname) as column,
       pg_catalog.has_column_privilege(c.oid, a.attnum, 'SELECT') as readable
     from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where a.attnum > 0 and not a.attisdropped and a.atttypid in (select oid from kinds) and c.relkind in ('r', 'm')
       and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' order by 1, 2`,
  );
}

function orphanQuery(columns: readonly OidColumn[]): string {
  const used = columns.map(
    ({ relation, column }) => `select ${column}::oid from ${relation} where ${column} is not null`,
  );
  const except =
    used.length === 0
      ? ''
      : ` where not exists (select from (${used.join(' union all ')}) as used (oid) where used.oid = m.oid)`;
  return `select m.oid from pg_catalog.pg_largeobject_metadata m${except}`;
}

async function countOrphans(
  session: DatabaseSession,
  columns: readonly OidColumn[],
): Promise<{ readonly count: number; readonly sample: readonly string[] }> {
  const rows = await session.query<{ count: number; sample: string[] | null }>(
    `with orphans as materialized (${orphanQuery(columns)})
     select (select count(*) from orphans)::float8 as count,
       (select array_agg(oid::text) from (select oid from orphans order by oid limit 3) few) as sample`,
  );
  return { count: rows[0]?.count ?? 0, sample: rows[0]?.sample ?? [] };
}

/** In one statement a batch: what a transaction refers to anew meanwhile is looked at again each time. */
async function removeLargeObjects(run: DatabaseRun, columns: readonly OidColumn[], count: number): Promise<void> {
  const { session } = run;
  const batch = `select count(pg_catalog.lo_unlink(oid))::float8 as removed from (${orphanQuery(columns)} limit ${batchSize}) batch`;
  await carryOut(run, {
    verb: 'lo_unlink',
    sql: batch,
    oid: '0',
    relation: 'pg_catalog.pg_largeobject',
    allowed: true,
    before: { orphans: count },
    plan: `${count} large objects are removed`,
    execute: async () => {
      try {
        for (let removed = batchSize; removed >= batchSize;) {
          const rows = await session.query<{ removed: number }>(batch);
          removed = rows[0]?.removed ?? 0;
        }
        return { kind: 'done' };
      } catch (error) {
        run.context.signal.throwIfAborted();
        if (isConnectionLost(error)) throw error;
        return { kind: errorCode(error) === '42501' ? 'denied' : 'failed', reason: errorMessage(error) };
      }
    },
    verify: async () => {
      const { count: left } = await countOrphans(session, columns);
      return { after: { orphans: left }, reported: true, proven: left < count };
    },
    unproven: () => Promise.resolve(),
  });
}

/**
 * Temporary tables of sessions that are gone, and TOAST tables that no table points to. Autovacuum drops such temporary tables
 * by itself; ones that stay hold back the wraparound horizon. Up to PostgreSQL 15 only a database without other sessions can tell.
 */
async function lostTables(run: DatabaseRun): Promise<Orphans[]> {
  const { session, context } = run;
  const alive =
    session.version >= 160000
      ? `substring(n.nspname from '[0-9]+$')::int in (select pg_catalog.pg_stat_get_backend_idset())`
      : `exists (select from pg_catalog.pg_stat_activity a where a.datname = pg_catalog.current_database()
           and a.pid <> pg_catalog.pg_backend_pid() and a.backend_type = 'client backend')`;
  const rows = await session.query<{ kind: 'temporary table' | 'TOAST table'; name: string; bytes: number }>(
    `select 'temporary table' as kind, pg_catalog.format('%I.%I', n.nspname, c.relname) as name,
       c.relpages * current_setting('block_size')::float8 as bytes
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and c.relpersistence = 't' and n.nspname ~ '^pg_temp_[0-9]+$' and not (${alive})
     union all
     select 'TOAST table', pg_catalog.format('%I.%I', n.nspname, c.relname), c.relpages * current_setting('block_size')::float8
     from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 't' and not exists (select from pg_catalog.pg_class o where o.reltoastrelid = c.oid) order by 1, 2`,
  );
  for (const { kind, name, bytes } of rows) {
    const subject = printable(name);
    const cause = kind === 'TOAST table' ? 'belongs to no table' : 'belongs to a session that is gone';
    const message = `The ${kind} ${subject} (${bytesText(bytes)}) ${cause}; DROP TABLE it as a superuser.`;
    context.finding({ level: 'warning', code: 'database.orphans', subject, message, value: bytes, unit: 'bytes' });
  }
  return rows.map(({ kind, name, bytes }) => ({ database: session.target.name, kind, name, count: 1, bytes }));
}

/** `database.orphan_queries`: each is read in a transaction that can not write. */
async function configured(run: DatabaseRun): Promise<Orphans[]> {
  const { session, context, settings } = run;
  const found: Orphans[] = [];
  for (const { name, query, database } of settings.orphan_queries) {
    if (database !== undefined && database !== session.target.name) continue;
    const subject = printable(name);
    try {
      const count = await countReadOnly(session, query);
      found.push({ database: session.target.name, kind: 'query', name, count, bytes: null });
      if (count === 0) continue;
      const message = `${counted(count, 'orphaned row')} by the query ${subject} in ${printable(session.target.name)}; remove them if they are not needed.`;
      context.finding({
        level: 'warning',
        code: 'database.orphans',
        subject,
        message,
        value: count,
        threshold: 0,
        unit: 'rows',
      });
    } catch (error) {
      context.signal.throwIfAborted();
      if (isConnectionLost(error)) throw error;
      const message = `The query ${subject} of database.orphan_queries failed in ${printable(session.target.name)}: ${printable(errorMessage(error))}; correct it.`;
      context.finding({ level: 'warning', code: 'database.orphans', subject, message });
    }
  }
  return found;
}

/** The extended protocol takes one statement only, so the text can not end the transaction that keeps it from writing. */
async function countReadOnly(session: DatabaseSession, query: string): Promise<number> {
  await session.query('begin transaction read only');
  try {
    const rows = await session.query<{ count: number }>(
      `select count(*)::float8 as count from (${query.trim().replace(/;$/, '')}\n) orphans where $1::bool`,
      [true],
    );
    return rows[0]?.count ?? 0;
  } finally {
    await session.query('rollback');
  }
}

const batchSize = 1_000;
