/** Tables with their activity, as the cumulative statistics of the server tell it (PostgreSQL manual: "pg_stat_all_tables"). */
import { lockedRelations, readCatalogue } from './catalogue.ts';
import type { DatabaseSession } from './connection.ts';

/** Activity counters of one table; instants are null when it never happened since the counters were reset. */
export interface TableStatistics {
  readonly live: number;
  readonly dead: number;
  /** Rows changed since the last ANALYZE. */
  readonly modified: number;
  /** Rows inserted since the last VACUUM. */
  readonly inserted: number;
  /** Rows updated or deleted since the counters were reset: each left a dead one behind. */
  readonly changed: number;
  /** VACUUMs and ANALYZEs, manual and automatic. */
  readonly vacuums: number;
  readonly analyzes: number;
  readonly lastVacuum: Date | null;
  readonly lastAnalyze: Date | null;
}

export interface Table extends TableStatistics {
  readonly oid: string;
  /** Quoted by the server where needed; goes into statements as it is. */
  readonly relation: string;
  /** False when neither statistics are visible nor an ANALYZE is on record. */
  readonly analyzed: boolean;
  /** True when it has pages, though the counters may know of no rows (they are lost in a crash). Asked only when not analysed. */
  readonly filled: boolean;
  /** Share of its pages that are not known to be visible to all, 0 to 1: VACUUM has something to do there. */
  readonly unseen: number;
  /** Transactions since its oldest row was frozen, as a share of vacuum_freeze_table_age. */
  readonly unfrozen: number;
  /** Whether this role may VACUUM and ANALYZE it. */
  readonly allowed: boolean;
}

/** A partitioned table; autovacuum never analyses these. */
export interface PartitionParent {
  readonly oid: string;
  readonly relation: string;
  readonly allowed: boolean;
  readonly analyzed: boolean;
  readonly lastAnalyze: Date | null;
  /** Over all leaves: rows, rows changed since each leaf's own last ANALYZE, rows of leaves analysed after the parent. */
  readonly live: number;
  readonly modified: number;
  readonly renewed: number;
}

const statistics = (oid: string): string => `
  pg_catalog.pg_stat_get_live_tuples(${oid})::float8 as live,
  pg_catalog.pg_stat_get_dead_tuples(${oid})::float8 as dead,
  pg_catalog.pg_stat_get_mod_since_analyze(${oid})::float8 as modified,
  pg_catalog.pg_stat_get_ins_since_vacuum(${oid})::float8 as inserted,
  (pg_catalog.pg_stat_get_tuples_updated(${oid}) + pg_catalog.pg_stat_get_tuples_deleted(${oid}))::float8 as changed,
  (pg_catalog.pg_stat_get_vacuum_count(${oid}) + pg_catalog.pg_stat_get_autovacuum_count(${oid}))::float8 as vacuums,
  (pg_catalog.pg_stat_get_analyze_count(${oid}) + pg_catalog.pg_stat_get_autoanalyze_count(${oid}))::float8 as analyzes,
  greatest(pg_catalog.pg_stat_get_last_vacuum_time(${oid}), pg_catalog.pg_stat_get_last_autovacuum_time(${oid}))
    as "lastVacuum",
  ${lastAnalyze(oid)} as "lastAnalyze"`;

function lastAnalyze(oid: string): string {
  return `greatest(pg_catalog.pg_stat_get_last_analyze_time(${oid}), pg_catalog.pg_stat_get_last_autoanalyze_time(${oid}))`;
}

/** SQL over table `c`: owner, database owner, superuser; from PostgreSQL 17 on also MAINTAIN and pg_maintain. */
export function mayMaintain(version: number): string {
  const maintain = version >= 170000 ? `or pg_catalog.has_table_privilege(c.oid, 'MAINTAIN')` : '';
  return `(pg_catalog.pg_has_role(c.relowner, 'USAGE') or (select pg_catalog.pg_has_role(d.datdba, 'USAGE')
    from pg_catalog.pg_database d where d.datname = pg_catalog.current_database()) ${maintain})`;
}

const hasStatistics = (inherited: boolean): string => `exists (select from pg_catalog.pg_stats p
  where p.schemaname = n.nspname and p.tablename = c.relname and p.inherited = ${inherited})`;

/**
 * Tables and materialized views of users, without temporary ones. Takes no lock on them: whatever asks a relation for its
 * size would wait behind an ACCESS EXCLUSIVE lock.
 */
export async function listTables(session: DatabaseSession): Promise<Table[]> {
  return readCatalogue<Table>(
    session,
    `with ${lockedRelations}
    select c.oid::text as oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as relation, ${statistics('c.oid')},
      case when ${lastAnalyze('c.oid')} is null then ${hasStatistics(false)} else true end as analyzed,
      case when ${lastAnalyze('c.oid')} is not null or c.oid in (select relation from locked) then c.relpages > 0
        else c.relpages > 0 or pg_catalog.pg_relation_size(c.oid) > 0 end as filled,
      case when c.relpages = 0 then 0 else 1 - least(1, c.relallvisible::float8 / c.relpages) end as unseen,
      age(c.relfrozenxid)::float8 / greatest(1, current_setting('vacuum_freeze_table_age')::float8) as unfrozen,
      ${mayMaintain(session.version)} as allowed
    from pg_catalog.pg_stat_user_tables s
    join pg_catalog.pg_class c on c.oid = s.relid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm') and c.relpersistence <> 't'
    order by n.nspname, c.relname`,
  );
}

/** The counters of one table now; all zero once it was dropped. */
export async function tableStatistics(session: DatabaseSession, oid: string): Promise<TableStatistics> {
  const rows = await session.query<TableStatistics>(`select ${statistics('$1::oid')}`, [oid], 'table_statistics');
  const row = rows[0];
  if (row === undefined) throw new Error('The server gave no statistics.');
  return row;
}

export async function listPartitionParents(session: DatabaseSession): Promise<PartitionParent[]> {
  // Version 13 keeps no time of the last ANALYZE of a parent: there only its statistics tell that one was. An ANALYZE of
  // the parent goes on to its leaves up to version 17: manual ones soon after it are part of it and do not outdate it.
  return session.query<PartitionParent>(`
    with recursive tree (root, relid) as (
      select oid, oid from pg_catalog.pg_class where relkind = 'p' and relpersistence <> 't'
      union all
      select t.root, i.inhrelid from tree t join pg_catalog.pg_inherits i on i.inhparent = t.relid
    ), leaves as (
      select t.root, sum(pg_catalog.pg_stat_get_live_tuples(l.oid))::float8 as live,
        sum(pg_catalog.pg_stat_get_mod_since_analyze(l.oid))::float8 as modified,
        coalesce(sum(pg_catalog.pg_stat_get_live_tuples(l.oid))
          filter (where pg_catalog.pg_stat_get_last_autoanalyze_time(l.oid) > ${lastAnalyze('t.root')}
            or pg_catalog.pg_stat_get_last_analyze_time(l.oid) > ${lastAnalyze('t.root')} + interval '1 hour'), 0)::float8
          as renewed
      from tree t join pg_catalog.pg_class l on l.oid = t.relid and l.relkind = 'r' group by t.root
    )
    select c.oid::text as oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as relation, v.live, v.modified, v.renewed,
      ${lastAnalyze('c.oid')} as "lastAnalyze", ${mayMaintain(session.version)} as allowed,
      case when ${lastAnalyze('c.oid')} is null then ${hasStatistics(true)} else true end as analyzed
    from leaves v join pg_catalog.pg_class c on c.oid = v.root join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    order by n.nspname, c.relname`);
}
