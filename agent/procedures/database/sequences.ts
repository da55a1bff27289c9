/** Sequences that run out: of their own range, or of that of the column that they fill. */
import type { Finding } from '../../protocol/nouns.ts';
import { readCatalogue } from './catalogue.ts';
import type { DatabaseSession } from './connection.ts';
import { counted, printable } from './names.ts';

export interface SequenceUse {
  /** Quoted by the server where needed. */
  readonly sequence: string;
  readonly usedPercent: number;
  readonly lastValue: number;
  readonly limit: number;
  /** `public.orders.id`, where its type is what limits; null where the sequence itself does. */
  readonly column: string | null;
}

export interface Sequences {
  readonly total: number;
  /** Those that this role may not read, or that were locked. */
  readonly unread: number;
  /** The most used, at most ten. */
  readonly fullest: readonly SequenceUse[];
}

/** Sequences that do not cycle, in one query, without waiting for a lock. */
export async function readSequences(session: DatabaseSession): Promise<Sequences> {
  const rows = await readCatalogue<Sequences & Record<string, unknown>>(session, query);
  return rows[0] ?? { total: 0, unread: 0, fullest: [] };
}

const query = `
with busy as materialized (
  select relation from pg_catalog.pg_locks where relation is not null
    and mode in ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
), readable as materialized (
  select c.oid, n.nspname, c.relname, q.seqincrement, q.seqstart::float8 as start, q.seqmin::float8 as least,
    q.seqmax::float8 as most,
    case when c.oid not in (select relation from busy) and pg_catalog.has_sequence_privilege(c.oid, 'USAGE, SELECT')
      and not (c.relpersistence = 'u' and pg_catalog.pg_is_in_recovery())
      then coalesce(pg_catalog.pg_sequence_last_value(c.oid)::float8, q.seqstart::float8) end as last
  from pg_catalog.pg_sequence q join pg_catalog.pg_class c on c.oid = q.seqrelid
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  where not q.seqcycle and c.relpersistence <> 't'
), owned as (
  select r.*, case t.typname when 'int2' then 32767 when 'int4' then 2147483647 else 9223372036854775807 end::float8 as room,
    case when a.attname is not null then pg_catalog.format('%I.%I.%I', tn.nspname, o.relname, a.attname) end as column_name
  from readable r
  left join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_class'::regclass and d.objid = r.oid and d.objsubid = 0
    and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjsubid > 0 and d.deptype in ('a', 'i')
  left join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  left join pg_catalog.pg_type t on t.oid = a.atttypid
  left join pg_catalog.pg_class o on o.oid = d.refobjid left join pg_catalog.pg_namespace tn on tn.oid = o.relnamespace
), used as (
  select *, case when seqincrement > 0 then (last - start) / nullif(least(most, room) - start, 0)
    else (start - last) / nullif(start - greatest(least, -room), 0) end * 100 as percent
  from owned where last is not null
)
select (select count(*) from readable)::float8 as total, (select count(*) from readable where last is null)::float8 as unread,
  coalesce((select json_agg(f) from (
    select pg_catalog.format('%I.%I', nspname, relname) as sequence,
      round(percent::numeric, 1) as "usedPercent", last as "lastValue",
      case when seqincrement > 0 then least(most, room) else greatest(least, -room) end as "limit",
      case when room <= most and room < 9e18 then column_name end as "column"
    from used where percent is not null order by percent desc, 1 limit 10) f), '[]') as fullest`;

export function sequenceFindings(
  name: string,
  sequences: Sequences,
  subjectOf: (relation: string) => string,
): Finding[] {
  const code = 'database.sequence';
  const findings = sequences.fullest
    .filter((sequence) => sequence.usedPercent >= warningPercent)
    .map((use): Finding => {
      const subject = subjectOf(use.sequence);
      const where = use.column === null ? 'its range' : `the range of ${printable(use.column)}`;
      const advice = use.column === null ? 'ALTER SEQUENCE … AS bigint' : 'make the column and the sequence bigint';
      return {
        level: use.usedPercent >= criticalPercent ? 'critical' : 'warning',
        code,
        subject,
        message: `Sequence ${subject} has used ${use.usedPercent} % of ${where}; ${advice} before inserts fail.`,
        value: use.usedPercent,
        threshold: warningPercent,
        unit: '%',
      };
    });
  const subject = printable(name);
  if (sequences.unread > 0) {
    const message = `${sequences.unread} of ${counted(sequences.total, 'sequence')} of ${subject} could not be read (locked, or no right to SELECT); grant it SELECT on them.`;
    findings.push({ level: 'info', code, subject, message, value: sequences.unread, unit: 'sequences' });
  }
  const fullest = sequences.fullest[0];
  if (findings.length === 0 && fullest !== undefined) {
    const message = `The fullest of ${counted(sequences.total, 'sequence')} of ${subject}, ${printable(fullest.sequence)}, has used ${fullest.usedPercent} % of its range.`;
    findings.push({
      level: 'ok',
      code,
      subject,
      message,
      value: fullest.usedPercent,
      threshold: warningPercent,
      unit: '%',
    });
  }
  return findings;
}

const warningPercent = 80;
const criticalPercent = 95;
