/**
 * The catalogue side of the bloat estimate. Parameters: $1 = least size in bytes, $2 = share of changed rows, in percent, from which
 * statistics are stale. No query waits for a lock on a relation.
 */

import { lockedRelations } from './catalogue.ts';

/**
 * A relation's size: pg_class.relpages belongs to the same moment as reltuples, so the two together stay true while the
 * table grows. Where neither was ever set, or much was changed since (bloat of which they know nothing), the file and the
 * counters are asked, unless that would wait behind an ACCESS EXCLUSIVE lock. An index has no counters of changes.
 */
const measured = `
  blocks as materialized (select current_setting('block_size')::float8 as size),
  ${lockedRelations},
  counted as materialized (
    select c.*, c.oid in (select relation from locked) as locked, pg_catalog.pg_stat_get_live_tuples(c.oid)::float8 as live,
      pg_catalog.pg_stat_get_mod_since_analyze(c.oid) > greatest(1000, pg_catalog.pg_stat_get_live_tuples(c.oid) * $2::float8 / 100)
        as stale
    from pg_catalog.pg_class c
  ),
  sized as materialized (
    select c.oid, n.nspname, c.relname, c.relkind, c.reloptions, c.reltoastrelid,
      case when c.reltuples < 0 or (c.reltuples = 0 and c.relpages = 0) then -1
           when c.stale and not c.locked then c.live else c.reltuples end::float8 as rows,
      case when c.locked or (c.relpages > 0 and not c.stale) then c.relpages
           else coalesce(pg_catalog.pg_relation_size(c.oid), 0) / (select size from blocks) end::float8 as pages
    from counted c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'
      and (c.stale or c.relpages = 0 or c.relpages * (select size from blocks) >= $1 or c.reltoastrelid <> 0)`;

/** MAXALIGN is 8 where the server was built for 64 bit (ioguix's test of version()). */
const constants = `(select size from blocks) as "blockSize",
  case when version() ~ '(mingw32|64-bit|x86_64|ppc64|ia64|amd64|aarch64|s390x)' then 8 else 4 end as alignment`;

/** A virtual generated column (PostgreSQL 18) is not stored and has no statistics. */
const stored = `not a.attisdropped and a.attgenerated <> 'v'`;

/** Of a column `c` with statistics `p`, as bloatModel.ts takes it. */
const column = `json_build_array(c.attalign, c.attlen, coalesce(p.avg_width, 0), coalesce(p.null_frac, 0))`;

const statistics = `statistics as (
    select schemaname, tablename, attname, avg_width, null_frac, n_distinct from pg_catalog.pg_stats where not inherited
  )`;

/**
 * Columns without statistics stay, statistics of other columns go. As a LEFT JOIN this could be planned as a nested loop, for the
 * server knows nothing of the size of a CTE: 2,000 tables then take seconds. A FULL JOIN must be a hash or merge join, and
 * coalesce() hides that its other half is not wanted.
 */
const withStatistics = (owner: string): string => `from described c full join statistics p
  on p.schemaname = c.${owner}schema and p.tablename = c.${owner}name and p.attname = c.attname
where coalesce(c.oid::int8, 0) <> 0`;

const fillFactor = (otherwise: number): string => `
  coalesce((select option_value::float8 from pg_catalog.pg_options_to_table(c.reloptions)
            where option_name = 'fillfactor'), ${otherwise}) as "fillFactor"`;

const activity = (table: string): string => `pg_catalog.has_table_privilege(${table}, 'SELECT') as readable,
  pg_catalog.pg_stat_get_mod_since_analyze(${table})::float8 as modified,
  pg_catalog.pg_stat_get_live_tuples(${table})::float8 as live`;

export const tableQuery = `
with ${measured} and c.relkind in ('r', 'm')
  ),
  chosen as materialized (
    select s.*, coalesce(t.relpages, 0)::float8 as toast_pages,
      case when t.oid is null then 0
           when t.reltuples < 0 or (t.reltuples = 0 and t.relpages = 0) then -1 else t.reltuples end::float8 as toast_rows
    from sized s left join pg_catalog.pg_class t on t.oid = s.reltoastrelid
    where (s.pages + coalesce(t.relpages, 0)) * (select size from blocks) >= $1
  ),
  described as materialized (
    select c.*, c.nspname as ownschema, c.relname as ownname, a.attnum, a.attname, a.attalign, a.attlen, a.atttypid
    from chosen c join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and ${stored}
  ),
  ${statistics}
select c.nspname as schema, c.relname as name, c.oid::text as oid, format('%I.%I', c.nspname, c.relname) as relation,
  format('%I.%I', c.nspname, c.relname) as "table", 'table' as kind, ${constants}, c.pages, c.rows,
  c.toast_pages as "toastPages", c.toast_rows as "toastRows", null::float8 as "distinct", ${fillFactor(100)},
  json_agg(${column} order by c.attnum) as columns, count(*) <> count(p.attname) as missing,
  bool_or(c.atttypid = 'pg_catalog.name'::regtype) as "hasName", ${activity('c.oid')}
${withStatistics('own')}
group by c.nspname, c.oid, c.relname, c.pages, c.rows, c.toast_pages, c.toast_rows, c.reloptions`;

/**
 * The statistics of a plain key column are those of the table's column, of an expression those kept under the index. Equal
 * keys are kept once unless the index is unique, covers further columns, was told not to, or has a class of operators for
 * which equal is not the same (no support function 4).
 */
export const indexQuery = `
with ${measured} and c.relkind = 'i'
  ),
  apart as materialized (
    select o.oid from pg_catalog.pg_opclass o where not exists (
      select from pg_catalog.pg_amproc f where f.amprocfamily = o.opcfamily and f.amprocnum = 4
        and f.amproclefttype = o.opcintype and f.amprocrighttype = o.opcintype)
  ),
  chosen as materialized (
    select s.*, i.indrelid, i.indkey,
      not i.indisunique and i.indnkeyatts = i.indnatts and not exists (
        select from pg_catalog.pg_options_to_table(s.reloptions)
        where option_name = 'deduplicate_items' and option_value in ('off', 'false', 'no', '0'))
      and not exists (
        select from unnest(i.indclass::oid[]) as k (class) where k.class in (select oid from apart)) as merges
    from sized s
    join pg_catalog.pg_index i on i.indexrelid = s.oid
    join pg_catalog.pg_class x on x.oid = s.oid
    join pg_catalog.pg_am m on m.oid = x.relam
    where m.amname = 'btree' and i.indisvalid and s.pages * (select size from blocks) >= $1
  ),
  described as materialized (
    select c.*, tn.nspname as tableschema, t.relname as tablename, k.position, a.attname, a.attalign, a.attlen, a.atttypid,
      case when k.attnum = 0 then c.nspname else tn.nspname end as ownerschema,
      case when k.attnum = 0 then c.relname else t.relname end as ownername
    from chosen c
    join pg_catalog.pg_class t on t.oid = c.indrelid join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
    cross join lateral unnest(c.indkey::int2[]) with ordinality as k (attnum, position)
    join pg_catalog.pg_attribute a on a.attrelid = case when k.attnum = 0 then c.oid else c.indrelid end
      and a.attnum = case when k.attnum = 0 then k.position else k.attnum end
  ),
  ${statistics}
select c.nspname as schema, c.relname as name, c.oid::text as oid, format('%I.%I', c.nspname, c.relname) as relation,
  format('%I.%I', c.tableschema, c.tablename) as "table", 'index' as kind, ${constants}, c.pages, c.rows,
  0::float8 as "toastPages", 0::float8 as "toastRows",
  case when c.merges then least(c.rows, exp(least(sum(ln(greatest(1,
    case when p.n_distinct < 0 then -p.n_distinct * c.rows else p.n_distinct end))), 40))) end::float8 as "distinct",
  ${fillFactor(90)}, json_agg(${column} order by c.position) as columns, count(*) <> count(p.attname) as missing,
  bool_or(c.atttypid = 'pg_catalog.name'::regtype) as "hasName", ${activity('c.indrelid')}
${withStatistics('owner')}
group by c.nspname, c.oid, c.relname, c.pages, c.rows, c.reloptions, c.merges, c.tableschema, c.indrelid, c.tablename`;
