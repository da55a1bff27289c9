/** Who stands in the way: holders of locks, and of the horizon before which dead rows can be removed. */
import type { DatabaseSession } from './connection.ts';
import { printable } from './names.ts';

/** `; held by pid 12 (user app, psql, idle in transaction for 40 s)`, or '' when nobody is to be seen. Never a query's text. */
export async function lockHolders(session: DatabaseSession, oid: string): Promise<string> {
  const rows = await session.query<SessionRow>(
    `select a.pid, ${sessionColumns} from pg_catalog.pg_locks l join pg_catalog.pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'relation' and l.relation = $1::oid and l.granted and a.pid <> pg_catalog.pg_backend_pid()
       and l.mode in ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
     order by a.xact_start nulls last limit 3`,
    [oid],
  );
  return rows.length === 0 ? '' : `; held by ${rows.map(describeSession).join(' and ')}`;
}

export interface LongTransaction {
  /** `pid 12 (user app, psql, idle in transaction for 40 s)`. */
  readonly who: string;
  readonly seconds: number;
  readonly pid: number;
  /** As in pg_stat_activity: `active`, `idle in transaction` … */
  readonly state: string;
}

/** Sessions whose transaction is older than that and that hold rows back, oldest first. */
export async function longTransactions(
  session: DatabaseSession,
  seconds: number,
  where: 'the server' | 'this database' = 'the server',
): Promise<LongTransaction[]> {
  const rows = await session.query<SessionRow>(
    `select a.pid, ${sessionColumns} from pg_catalog.pg_stat_activity a
     where a.pid <> pg_catalog.pg_backend_pid() and (a.backend_xid is not null or a.backend_xmin is not null)
       and a.backend_type = 'client backend' and a.xact_start < now() - make_interval(secs => $1)
       and (not $2 or a.datname = pg_catalog.current_database())
     order by a.xact_start limit 10`,
    [seconds, where === 'this database'],
  );
  return rows.map((row) => ({
    who: describeSession(row),
    seconds: row.transaction ?? 0,
    pid: row.pid ?? 0,
    state: row.state,
  }));
}

/**
 * What holds back the removal of dead rows, the oldest first, at most three: sessions, replication slots, prepared
 * transactions. PostgreSQL manual: "Recovering Disk Space" (routine-vacuuming). A lazy VACUUM holds nothing back. `seconds`: only
 * sessions whose transaction is as old.
 */
export async function horizonHolders(session: DatabaseSession, seconds = 0): Promise<string[]> {
  const rows = await session.query<{ what: string; name: string; age: number } & SessionRow>(
    `select * from (
       select 'session' as what, '' as name, greatest(age(a.backend_xmin), age(a.backend_xid))::float8 as age, a.pid, ${sessionColumns}
       from pg_catalog.pg_stat_activity a
       where (a.backend_xmin is not null or a.backend_xid is not null) and a.pid <> pg_catalog.pg_backend_pid()
         and (a.datname = pg_catalog.current_database() or a.datname is null)
         and coalesce(a.xact_start <= now() - make_interval(secs => $1), true)
         and a.pid not in (select pid from pg_catalog.pg_stat_progress_vacuum)
       union all
       select 'slot', s.slot_name, greatest(age(s.xmin), age(s.catalog_xmin))::float8, null, '', '', '', null, null
       from pg_catalog.pg_replication_slots s where s.xmin is not null
       union all
       select 'prepared', p.gid, age(p.transaction)::float8, null, '', '', '', null, null
       from pg_catalog.pg_prepared_xacts p where p.database = pg_catalog.current_database()
     ) holders order by age desc limit 3`,
    [seconds],
  );
  return rows.map((row) => {
    if (row.what === 'slot') return `replication slot ${printable(row.name)}`;
    if (row.what === 'prepared') return `prepared transaction ${printable(row.name)}`;
    return describeSession(row);
  });
}

/** What describeSession() tells of a session. */
export interface SessionRow {
  readonly pid: number | null;
  readonly user: string;
  readonly application: string;
  readonly state: string;
  /** Seconds since the transaction began, and in the present state. */
  readonly transaction: number | null;
  readonly since: number | null;
}

/** The columns of SessionRow but pid, of pg_stat_activity as `a`. */
export const sessionColumns = `coalesce(a.usename, a.backend_type, '?') as "user", coalesce(a.application_name, '') as application,
  coalesce(a.state, '') as state, extract(epoch from now() - a.xact_start)::float8 as transaction,
  extract(epoch from now() - a.state_change)::float8 as since`;

/** `pid 12 (user app, psql, idle in transaction for 40 s)`. */
export function describeSession(row: SessionRow): string {
  const parts = [`user ${printable(row.user)}`];
  if (row.application !== '') parts.push(printable(row.application));
  if (row.state !== '') parts.push(row.since === null ? row.state : `${row.state} for ${Math.round(row.since)} s`);
  return `pid ${row.pid ?? '?'} (${parts.join(', ')})`;
}
