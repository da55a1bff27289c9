/** The statements of one database as pg_stat_statements (PostgreSQL 13 and newer: 1.8 and newer) counts them. */
import type { Finding } from '../../protocol/nouns.ts';
import type { DatabaseSession } from './connection.ts';
import { errorCode } from './connectionProblem.ts';
import { findExtension, howToInstall, type Extension } from './extension.ts';
import { printable } from './names.ts';

export interface StatementStatistics {
  readonly id: string | null;
  readonly user: string | null;
  /** Normalised by the extension, which leaves the literals of utility statements: shown only through statementText.ts. */
  readonly query: string;
  readonly calls: number;
  /** Milliseconds, planning left out. */
  readonly totalMs: number;
  readonly meanMs: number;
  /** Estimate: mean + 1.645 standard deviations, at most the maximum. */
  readonly p95Ms: number;
  readonly maxMs: number;
  readonly rows: number;
  readonly blocksHit: number;
  readonly blocksRead: number;
  readonly tempBlocks: number;
  /** Share of the time of all statements of this database. */
  readonly loadPercent: number;
}

export interface StatementReport {
  readonly statements: readonly StatementStatistics[];
  /** All of this database that are counted, and their time together in milliseconds. */
  readonly counted: number;
  readonly totalMs: number;
  /** Statements whose text is hidden from this role. */
  readonly hidden: number;
  /** ISO instant since when; null = not known (before 1.9). */
  readonly since: string | null;
  /** How often the extension threw the rarest ones away for want of room; null = not known. */
  readonly evictions: number | null;
}

/** The report, or the finding that says what is lacking for one. */
export async function readStatements(
  session: DatabaseSession,
  { limit, minimumMs }: { readonly limit: number; readonly minimumMs: number },
): Promise<StatementReport | Finding> {
  const extension = await findExtension(session, 'pg_stat_statements');
  if (extension.schema === null || extension.version === null) return missing(session, extension);
  const minor = Number(extension.version.split('.')[1]);
  if (minor < 8) return outdated(session, extension.version);
  try {
    const rows = await session.query<StatementReport & Record<string, unknown>>(
      statementsQuery(extension.schema, minor >= 9),
      [limit, minimumMs],
    );
    const [report] = rows;
    if (report === undefined) throw new Error('pg_stat_statements gave no answer.');
    return report;
  } catch (error) {
    if (errorCode(error) !== '55000') throw error;
    return notLoaded(session);
  }
}

function statementsQuery(schema: string, knowsReset: boolean): string {
  const info = (column: string): string =>
    knowsReset ? `(select ${column} from ${schema}.pg_stat_statements_info)` : 'null';
  return `
    with own as materialized (
      select s.queryid::text as id, (select rolname from pg_catalog.pg_roles r where r.oid = s.userid) as "user", s.query,
        s.calls::float8 as calls, s.total_exec_time as "totalMs", s.mean_exec_time as "meanMs",
        least(s.max_exec_time, s.mean_exec_time + 1.645 * s.stddev_exec_time) as "p95Ms", s.max_exec_time as "maxMs",
        s.rows::float8 as rows, s.shared_blks_hit::float8 as "blocksHit", s.shared_blks_read::float8 as "blocksRead",
        s.temp_blks_written::float8 as "tempBlocks",
        100 * s.total_exec_time / nullif(sum(s.total_exec_time) over (), 0) as "loadPercent"
      from ${schema}.pg_stat_statements s
      where s.dbid = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
    )
    select (select count(*) from own)::float8 as counted, (select coalesce(sum("totalMs"), 0) from own) as "totalMs",
      (select count(*) from own where id is null)::float8 as hidden,
      to_char(${info('stats_reset')}::timestamptz at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as since,
      ${info('dealloc')}::float8 as evictions,
      coalesce((select json_agg(w) from (
        select * from own where "p95Ms" >= $2::float8 order by "totalMs" desc limit $1::int) w), '[]') as statements`;
}

function missing(session: DatabaseSession, extension: Extension): Finding {
  const major = Math.floor(session.version / 10_000);
  const how = howToInstall('pg_stat_statements', extension, major);
  return unavailable(
    session,
    `is not installed in it: add pg_stat_statements to shared_preload_libraries, restart the server, then ${how.replace(/, then run /, '; run ')}`,
  );
}

function notLoaded(session: DatabaseSession): Finding {
  return unavailable(
    session,
    'is installed and not loaded: add it to shared_preload_libraries (ALTER SYSTEM or postgresql.conf) and restart the server',
  );
}

function outdated(session: DatabaseSession, version: string): Finding {
  return unavailable(session, `is of version ${version}: run ALTER EXTENSION pg_stat_statements UPDATE in it`);
}

function unavailable({ target }: DatabaseSession, why: string): Finding {
  const subject = printable(target.name);
  const message = `The statements of ${subject} can not be told, for pg_stat_statements ${why}.`;
  return { level: 'warning', code: 'database.extension', subject, message };
}
