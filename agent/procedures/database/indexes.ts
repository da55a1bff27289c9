/** Indexes of users' tables, with what the catalogue and the statistics tell of them. No query waits for a lock on a relation. */
import { lockedRelations, readCatalogue } from './catalogue.ts';
import type { DatabaseSession } from './connection.ts';
import { mayMaintain } from './tables.ts';

export interface Index {
  readonly oid: string;
  /** Quoted by the server where needed: `public.orders_pkey`. */
  readonly relation: string;
  readonly name: string;
  readonly table: string;
  readonly tableOid: string;
  readonly bytes: number;
  /** Changes with every rebuild. */
  readonly fileNode: string;
  readonly method: string;
  readonly valid: boolean;
  readonly unique: boolean;
  readonly exclusion: boolean;
  /** It upholds a constraint, an identity of replication or a foreign key: dropping it changes what the data may be. */
  readonly needed: boolean;
  /** It is the index of a TOAST table. */
  readonly toast: boolean;
  /** Attached to an index of a partitioned table: it goes with that one. */
  readonly attached: boolean;
  readonly scans: number;
  /** Rows of the table that were updated (without HOT) or deleted, and rows that it has. */
  readonly changed: number;
  readonly live: number;
  /** What two indexes must have in common to be the same: method, keys, classes, collations, order, expressions, predicate. */
  readonly shape: string;
  /** Key columns as `1 2`; and the rest of the shape. For what is a prefix of what. */
  readonly keys: string;
  readonly rest: string;
  readonly columns: number;
  readonly allowed: boolean;
}

/** All indexes that have a file of their own, biggest first. */
export async function listIndexes(session: DatabaseSession): Promise<Index[]> {
  const nonHot = `pg_catalog.pg_stat_get_tuples_updated(i.indrelid) - pg_catalog.pg_stat_get_tuples_hot_updated(i.indrelid)`;
  return readCatalogue<Index & Record<string, unknown>>(
    session,
    `with ${lockedRelations}
    select x.oid::text as oid, pg_catalog.format('%I.%I', n.nspname, x.relname) as relation, x.relname as name,
      pg_catalog.format('%I.%I', tn.nspname, c.relname) as "table", c.oid::text as "tableOid",
      case when x.oid in (select relation from locked) then x.relpages * current_setting('block_size')::float8
        else coalesce(pg_catalog.pg_relation_size(x.oid), 0)::float8 end as bytes,
      x.relfilenode::text as "fileNode", m.amname as method, i.indisvalid as valid, i.indisunique as unique,
      i.indisexclusion as exclusion,
      i.indisunique or i.indisexclusion or i.indisreplident or i.indisclustered
        or exists (select from pg_catalog.pg_constraint k where k.conindid = x.oid) as needed,
      c.relkind = 't' as toast, x.relispartition as attached,
      pg_catalog.pg_stat_get_numscans(x.oid)::float8 as scans,
      (${nonHot} + pg_catalog.pg_stat_get_tuples_deleted(i.indrelid))::float8 as changed,
      pg_catalog.pg_stat_get_live_tuples(i.indrelid)::float8 as live,
      concat_ws(' / ', m.amname, i.indkey, i.indclass, i.indcollation, i.indoption, i.indnkeyatts,
        pg_catalog.pg_get_expr(i.indexprs, i.indrelid), pg_catalog.pg_get_expr(i.indpred, i.indrelid)) as shape,
      i.indkey::text as keys, i.indnkeyatts::int as columns,
      concat_ws(' / ', m.amname, pg_catalog.pg_get_expr(i.indpred, i.indrelid)) as rest,
      ${mayMaintain(session.version)} as allowed
    from pg_catalog.pg_index i
    join pg_catalog.pg_class x on x.oid = i.indexrelid and x.relkind = 'i' and x.relpersistence <> 't'
    join pg_catalog.pg_am m on m.oid = x.relam
    join pg_catalog.pg_namespace n on n.oid = x.relnamespace
    join pg_catalog.pg_class c on c.oid = i.indrelid
    join pg_catalog.pg_namespace tn on tn.oid = c.relnamespace
    where x.oid >= 16384 and tn.nspname not in ('pg_catalog', 'information_schema')
      and (c.relkind <> 't' or exists (select from pg_catalog.pg_class o where o.reltoastrelid = c.oid and o.oid >= 16384))
    order by bytes desc, 2`,
  );
}

/** File, size and validity of one index now; null when it is not there. */
export async function indexState(
  session: DatabaseSession,
  oid: string,
): Promise<Pick<Index, 'bytes' | 'fileNode' | 'valid'> | null> {
  const rows = await session.query<{ bytes: number; fileNode: string; valid: boolean }>(
    `select coalesce(pg_catalog.pg_relation_size(x.oid), 0)::float8 as bytes, x.relfilenode::text as "fileNode", i.indisvalid as valid
     from pg_catalog.pg_class x join pg_catalog.pg_index i on i.indexrelid = x.oid where x.oid = $1::oid`,
    [oid],
    'index_state',
  );
  return rows[0] ?? null;
}

/** Finds indexes by names as people give them: as SQL writes them, or bare. `missing` = names of none. */
export async function findIndexes(
  session: DatabaseSession,
  indexes: readonly Index[],
  names: readonly string[],
): Promise<{ readonly found: Index[]; readonly missing: string[] }> {
  const found: Index[] = [];
  const missing: string[] = [];
  for (const name of new Set(names)) {
    const oid = await relationOid(session, name);
    const index = indexes.find((one) => one.oid === oid || one.relation === name);
    if (index === undefined) missing.push(name);
    else if (!found.includes(index)) found.push(index);
  }
  return { found, missing };
}

/** The oid of a relation that is written as in SQL, in schema public when it names none; null when there is none. */
export async function relationOid(session: DatabaseSession, name: string): Promise<string | null> {
  for (const candidate of [name, `public.${name}`]) {
    // Text that can not be a name is an error to PostgreSQL 13 to 15.
    const rows = await session
      .query<{ oid: string | null }>('select pg_catalog.to_regclass($1)::oid::text as oid', [candidate])
      .catch(() => []);
    const oid = rows[0]?.oid ?? null;
    if (oid !== null) return oid;
  }
  return null;
}
