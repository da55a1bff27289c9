/** Sessions of a server and what they run (PostgreSQL manual: "pg_stat_activity"). */
import type { DatabaseSession } from './connection.ts';

export interface Activity {
  readonly pid: number;
  /** Instants as the server writes them: together with the pid they name one statement of one backend. */
  readonly backendStart: string;
  readonly queryStart: string | null;
  readonly database: string | null;
  readonly user: string | null;
  readonly application: string;
  readonly client: string | null;
  /** `client backend`, `autovacuum worker`, `parallel worker` …; null where this role may not see it. */
  readonly kind: string | null;
  readonly leader: number | null;
  /** `active`, `idle`, `idle in transaction` …; null where this role may not see it. */
  readonly state: string | null;
  /** `Lock: relation`, `IO: DataFileRead`; null while it works. */
  readonly wait: string | null;
  /** Of the statement; of a session that is idle in transaction, of its transaction. */
  readonly seconds: number;
  /** Pids that keep it waiting for a lock. */
  readonly blockers: readonly number[];
  /** Full text, as far as the server keeps it: shown only through statementText.ts. */
  readonly query: string;
}

const columns = `a.pid, a.backend_start::text as "backendStart", a.query_start::text as "queryStart",
  a.datname as database, a.usename as "user", coalesce(a.application_name, '') as application,
  host(a.client_addr) as client, a.backend_type as kind, %LEADER% as leader, a.state,
  a.wait_event_type || ': ' || a.wait_event as wait,
  coalesce(extract(epoch from pg_catalog.clock_timestamp() - case when a.state like 'idle in transaction%'
    then a.xact_start else a.query_start end), 0)::float8 as seconds,
  case when a.wait_event_type = 'Lock' then pg_catalog.pg_blocking_pids(a.pid) else '{}' end as blockers,
  coalesce(a.query, '') as query`;

function activityColumns({ version }: Pick<DatabaseSession, 'version'>): string {
  return columns.replace('%LEADER%', version >= 140000 ? 'a.leader_pid' : 'null::int');
}

/** Sessions of this database, longest first, that run one statement or keep one transaction open for longer than that. */
export async function runningLonger(session: DatabaseSession, seconds: number): Promise<Activity[]> {
  return session.query<Activity & Record<string, unknown>>(
    `select * from (select ${activityColumns(session)} from pg_catalog.pg_stat_activity a
       where a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
         and a.backend_type = 'client backend' and a.state <> 'idle') running
     where seconds > $1 order by seconds desc limit 100`,
    [seconds],
  );
}

/** Any backend of the server; null when there is none of that pid. */
export async function findBackend(session: DatabaseSession, pid: number): Promise<Activity | null> {
  const rows = await session.query<Activity & Record<string, unknown>>(
    `select ${activityColumns(session)} from pg_catalog.pg_stat_activity a where a.pid = $1`,
    [pid],
  );
  return rows[0] ?? null;
}

/**
 * Asks the server to cancel the statement, or to terminate the backend; false when that one is no longer there. Names it by
 * its instants as well, for a pid is soon somebody else's.
 */
export async function signalBackend(
  session: DatabaseSession,
  how: 'cancel' | 'terminate',
  { pid, backendStart, queryStart }: Activity,
): Promise<boolean> {
  const cancels = how === 'cancel';
  const rows = await session.query<{ sent: boolean }>(
    `select pg_catalog.pg_${how}_backend(a.pid) as sent from pg_catalog.pg_stat_activity a
     where a.pid = $1 and a.backend_start::text = $2 ${cancels ? `and a.query_start::text = $3 and a.state = 'active'` : ''}`,
    cancels ? [pid, backendStart, queryStart] : [pid, backendStart],
  );
  return rows[0]?.sent === true;
}

/** Writes a line into the server's own log (level LOG, which it keeps by default). */
export async function noteInServerLog(session: DatabaseSession, line: string): Promise<void> {
  await session.query(`select pg_catalog.set_config('upkeep.note', $1, false)`, [line]);
  await session.query(`do $$ begin raise log 'upkeep: %', pg_catalog.current_setting('upkeep.note'); end $$`);
}
