/** The catalogue side of the bloat estimate. Parameter $1 = least size in bytes. No query waits for a lock on a relation. */

import { lockedRelations } from './catalogue.ts';

/**
 * A relation's size: pg_class.relpages belongs to the same moment as reltuples, so the two together stay true while the
 * table grows. Where neither was ever set, the file is asked, unless that would wait behind an ACCESS EXCLUSIVE lock.
 */
const measured = `
  blocks as materialized (select current_setting('block_size')::float8 as size),
  ${lockedRelations},
  sized as materialized (
    select c.oid, c.relnamespace, c.relname, c.relkind, c.reloptions, c.reltoastrelid,
      case when c.reltuples < 0 or (c.reltuples = 0 and c.relpages = 0) then -1 else c.reltuples end::float8 as rows,
      case when c.relpages > 0 or c.oid in (select relation from locked) then c.relpages
           else coalesce(pg_catalog.pg_relation_size(c.oid), 0) / (select size from blocks) end::float8 as pages
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relpersistence <> 't' and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'
      and (c.relpages = 0 or c.relpages * (select size from blocks) >= $1 or c.reltoastrelid <> 0)`;

/** MAXALIGN is 8 where the server was built for 64 bit (ioguix's test of version()). */
const constants = `(select size from blocks) as "blockSize",
  case when version() ~ '(mingw32|64-bit|x86_64|ppc64|ia64|amd64|aarch64|s390x)' then 8 else 4 end as alignment`;

/** A virtual generated column (PostgreSQL 18) is not stored and has no statistics. */
const stored = `not a.attisdropped and a.attgenerated <> 'v'`;

/** Of a column `a` with statistics `p`, as bloatModel.ts takes it. */
const column = `json_build_array(a.attalign, a.attlen, coalesce(p.avg_width, 0), coalesce(p.null_frac, 0))`;

export const tableQuery = `
with ${measured} and c.relkind in ('r', 'm')
  ),
  chosen as materialized (
    select s.*, coalesce(t.relpages, 0)::float8 as toast_pages,
      case when t.oid is null then 0
           when t.reltuples < 0 or (t.reltuples = 0 and t.relpages = 0) then -1 else t.reltuples end::float8 as toast_rows
    from sized s left join pg_catalog.pg_class t on t.oid = s.reltoastrelid
    where (s.pages + coalesce(t.relpages, 0)) * (select size from blocks) >= $1
  )
select n.nspname as schema, c.relname as name, c.oid::text as oid,
  format('%I.%I', n.nspname, c.relname) as relation,
  format('%I.%I', n.nspname, c.relname) as "table", 'table' as kind, ${constants}, c.pages, c.rows,
  c.toast_pages as "toastPages", c.toast_rows as "toastRows", null::float8 as "distinct",
  coalesce((select option_value::float8 from pg_catalog.pg_options_to_table(c.reloptions)
            where option_name = 'fillfactor'), 100) as "fillFactor",
  json_agg(${column} order by a.attnum) as columns,
  count(*) <> count(p.attname) as missing, pg_catalog.has_table_privilege(c.oid, 'SELECT') as readable,
  bool_or(a.atttypid = 'pg_catalog.name'::regtype) as "hasName",
  pg_catalog.pg_stat_get_mod_since_analyze(c.oid)::float8 as modified,
  pg_catalog.pg_stat_get_live_tuples(c.oid)::float8 as live
from chosen c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and ${stored}
left join pg_catalog.pg_stats p
  on p.schemaname = n.nspname and p.tablename = c.relname and p.attname = a.attname and not p.inherited
group by n.nspname, c.oid, c.relname, c.pages, c.rows, c.toast_pages, c.toast_rows, c.reloptions`;

/**
 * The statistics of a plain key column are those of the table's column, of an expression those kept under the index. Equal
 * keys are kept once unless the index is unique, covers further columns, was told not to, or has a class of operators for
 * which equal is not the same (no support function 4).
 */
export const indexQuery = `
with ${measured} and c.relkind = 'i'
  ),
  chosen as materialized (
    select s.*, i.indrelid, i.indkey,
      not i.indisunique and i.indnkeyatts = i.indnatts and not exists (
        select from pg_catalog.pg_options_to_table(s.reloptions)
        where option_name = 'deduplicate_items' and option_value in ('off', 'false', 'no', '0'))
      and not exists (
        select from unnest(i.indclass::oid[]) as k (class) join pg_catalog.pg_opclass o on o.oid = k.class
        where not exists (select from pg_catalog.pg_amproc f where f.amprocfamily = o.opcfamily and f.amprocnum = 4
          and f.amproclefttype = o.opcintype and f.amprocrighttype = o.opcintype)) as merges
    from sized s
    join pg_catalog.pg_index i on i.indexrelid = s.oid
    join pg_catalog.pg_class x on x.oid = s.oid
    join pg_catalog.pg_am m on m.oid = x.relam
    where m.amname = 'btree' and i.indisvalid and s.pages * (select size from blocks) >= $1
  ),
  keys as (
    select c.oid, k.position, case when k.attnum = 0 then c.oid else c.indrelid end as owner,
      case when k.attnum = 0 then k.position else k.attnum end as attnum
    from chosen c cross join lateral unnest(c.indkey::int2[]) with ordinality as k (attnum, position)
  )
select n.nspname as schema, c.relname as name, c.oid::text as oid,
  format('%I.%I', n.nspname, c.relname) as relation,
  format('%I.%I', tn.nspname, t.relname) as "table", 'index' as kind, ${constants}, c.pages, c.rows,
  0::float8 as "toastPages", 0::float8 as "toastRows",
  case when c.merges then least(c.rows, exp(least(sum(ln(greatest(1,
    case when p.n_distinct < 0 then -p.n_distinct * c.rows else p.n_distinct end))), 40))) end::float8 as "distinct",
  coalesce((select option_value::float8 from pg_catalog.pg_options_to_table(c.reloptions)
            where option_name = 'fillfactor'), 90) as "fillFactor",
  json_agg(${column} order by k.position) as columns,
  count(*) <> count(p.attname) as missing, pg_catalog.has_table_privilege(t.oid, 'SELECT') as readable,
  bool_or(a.atttypid = 'pg_catalog.name'::regtype) as "hasName",
  pg_catalog.pg_stat_get_mod_since_analyze(t.oid)::float8 as modified,
  pg_catalog.pg_stat_get_live_tuples(t.oid)::float8 as live
from chosen c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_class t on t.oid = c.indrelid join pg_catalog.pg_namespace tn on tn.oid = t.relnamespace
join keys k on k.oid = c.oid
join pg_catalog.pg_class o on o.oid = k.owner
join pg_catalog.pg_attribute a on a.attrelid = k.owner and a.attnum = k.attnum
left join pg_catalog.pg_stats p on p.schemaname = (case when k.owner = t.oid then tn.nspname else n.nspname end)
  and p.tablename = o.relname and p.attname = a.attname and not p.inherited
group by n.nspname, c.oid, c.relname, c.pages, c.rows, c.reloptions, c.merges, tn.nspname, t.oid, t.relname`;
