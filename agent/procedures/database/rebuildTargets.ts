/** Tables that are to be written anew: their size, file and what a tool needs to know of them. */
import type { BloatEstimate } from './bloat.ts';
import { lockedRelations, readCatalogue } from './catalogue.ts';
import type { DatabaseSession } from './connection.ts';
import { relationOid } from './indexes.ts';
import { mayMaintain } from './tables.ts';

export interface TableFile {
  /** Of the table, its TOAST and its indexes. */
  readonly bytes: number;
  /** Changes with every rebuild. */
  readonly fileNode: string;
  readonly dead: number;
}

export interface RebuildTarget extends TableFile {
  readonly oid: string;
  readonly relation: string;
  readonly kind: 'table' | 'materialized view' | 'partitioned table' | 'other';
  /** A primary key, or a unique index over columns that are never NULL: tools that rebuild online need it. */
  readonly identity: boolean;
  readonly allowed: boolean;
}

const file = `case when c.oid in (select relation from locked) then c.relpages * current_setting('block_size')::float8
    else coalesce(pg_catalog.pg_total_relation_size(c.oid), 0)::float8 end as bytes,
  coalesce(pg_catalog.pg_relation_filenode(c.oid), 0)::text as "fileNode", pg_catalog.pg_stat_get_dead_tuples(c.oid)::float8 as dead`;

async function readTargets(session: DatabaseSession, oids: readonly string[]): Promise<RebuildTarget[]> {
  return readCatalogue<RebuildTarget & Record<string, unknown>>(
    session,
    `with ${lockedRelations}
    select c.oid::text as oid, pg_catalog.format('%I.%I', n.nspname, c.relname) as relation, ${file},
      case c.relkind when 'r' then 'table' when 'm' then 'materialized view' when 'p' then 'partitioned table' else 'other' end as kind,
      exists (select from pg_catalog.pg_index i where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indpred is null
        and i.indexprs is null and not exists (select from pg_catalog.pg_attribute a
          where a.attrelid = c.oid and a.attnum = any (i.indkey::int2[]) and not a.attnotnull)) as identity,
      ${mayMaintain(session.version)} as allowed
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.oid = any ($1::oid[]) order by bytes desc, 2`,
    [oids],
  );
}

/** Tables by names as people give them; `missing` = those of none. */
export async function namedTargets(
  session: DatabaseSession,
  names: readonly string[],
): Promise<{ readonly found: RebuildTarget[]; readonly missing: string[] }> {
  const missing: string[] = [];
  const oids = new Set<string>();
  for (const name of new Set(names)) {
    const oid = await relationOid(session, name);
    if (oid === null) missing.push(name);
    else oids.add(oid);
  }
  return { found: await readTargets(session, [...oids]), missing };
}

/** Tables whose reliable estimate is beyond the limit. */
export async function bloatedTargets(
  session: DatabaseSession,
  estimates: readonly BloatEstimate[],
  limit: number,
): Promise<RebuildTarget[]> {
  const chosen = estimates.filter((one) => one.kind === 'table' && one.reliable && (one.bloatRatio ?? 0) >= limit);
  if (chosen.length === 0) return [];
  const rows = await session.query<{ oid: string }>(
    `select c.oid::text as oid from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where (n.nspname, c.relname) in (select * from unnest($1::text[], $2::text[]))`,
    [chosen.map((one) => one.schema), chosen.map((one) => one.name)],
  );
  return readTargets(
    session,
    rows.map((row) => row.oid),
  );
}

/** File and size now; null when it is not there. */
export async function tableFile(session: DatabaseSession, oid: string): Promise<TableFile | null> {
  const rows = await readCatalogue<TableFile & Record<string, unknown>>(
    session,
    `with ${lockedRelations} select ${file} from pg_catalog.pg_class c where c.oid = $1::oid`,
    [oid],
  );
  return rows[0] ?? null;
}
