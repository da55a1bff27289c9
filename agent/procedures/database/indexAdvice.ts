/** What the indexes of a database are worth: bloated, unused, doubled, missing. Reports findings, changes nothing. */
import * as z from 'zod';
import { estimateBloat, type BloatEstimate } from './bloat.ts';
import { bytesText } from './bytesText.ts';
import type { DatabaseSession } from './connection.ts';
import type { Index } from './indexes.ts';
import { counted, printable } from './names.ts';
import { relationFinding } from './run.ts';
import type { Visit } from './visit.ts';

export const indexSchema = z.object({
  database: z.string(),
  relation: z.string(),
  table: z.string(),
  problem: z.enum(['bloated', 'unused', 'duplicate', 'missing']),
  bytes: z.number(),
  /** What would heal it; null for a missing index without a name yet. */
  statement: z.string().nullable(),
});
export type IndexAdvice = z.infer<typeof indexSchema>;

/** Estimates of the btree indexes from the configured size on whose bloat is known, by oid. */
export type BloatedIndexes = ReadonlyMap<string, BloatEstimate>;

/** Findings about the valid ones among `indexes`, the same as data, and the bloat estimates. `healing` = what is bloated is rebuilt now. */
export async function indexAdvice(
  run: Visit,
  indexes: readonly Index[],
  healing: boolean,
): Promise<{ readonly advice: IndexAdvice[]; readonly bloated: BloatedIndexes }> {
  const { session, settings } = run;
  const estimates = await estimateBloat(session, {
    minimumBytes: settings.bloat_minimum_bytes,
    stalePercent: settings.stale_statistics_percent,
  });
  const byRelation = new Map(estimates.filter((one) => one.kind === 'index').map((one) => [one.relation, one]));
  const bloated = new Map(
    indexes.flatMap((index) => {
      const estimate = byRelation.get(index.relation);
      return !estimate?.reliable ? [] : [[index.oid, estimate] as const];
    }),
  );
  const valid = indexes.filter((index) => index.valid && !index.toast);
  const advice = [
    ...bloatAdvice(run, reindexDue(run, indexes, bloated), bloated, healing),
    ...duplicateAdvice(run, valid),
    ...(await unusedAdvice(run, valid)),
    ...(await missingAdvice(run)),
  ];
  return { advice, bloated };
}

/**
 * What is due for a REINDEX: bloated beyond bloat_ratio; from half of its excess on where more rows were changed than there are,
 * for such an index soon is there.
 */
export function reindexDue(run: Pick<Visit, 'settings'>, indexes: readonly Index[], bloated: BloatedIndexes): Index[] {
  const { bloat_ratio: limit } = run.settings;
  return indexes.filter((index) => {
    const ratio = bloated.get(index.oid)?.bloatRatio ?? 0;
    const often = index.changed > index.live;
    return index.valid && ratio >= (often ? 1 + (limit - 1) / 2 : limit);
  });
}

function bloatAdvice(run: Visit, due: readonly Index[], bloated: BloatedIndexes, healing: boolean): IndexAdvice[] {
  return due.map((index) => {
    const estimate = bloated.get(index.oid);
    relationFinding(run, index.relation, {
      level: healing && !run.context.dryRun ? 'info' : 'warning',
      code: 'database.bloat',
      value: estimate?.bloatRatio ?? 0,
      threshold: run.settings.bloat_ratio,
      unit: 'ratio',
      text: (subject) =>
        `${subject} takes ${bytesText(index.bytes)}, ${estimate?.bloatRatio ?? '?'} times what its entries need; rebuild it with REINDEX CONCURRENTLY.`,
      remedy: {
        procedure: 'optimize-indexes',
        options: { database: run.session.target.name, apply: true, index: [index.relation] },
        title: `Reindex ${printable(index.relation)}`,
      },
    });
    return adviceOf(run, index, 'bloated', `REINDEX INDEX CONCURRENTLY ${index.relation}`);
  });
}

/** Pairs of which one does all that the other does. */
function findDuplicates(indexes: readonly Index[]): { readonly spare: Index; readonly keeps: Index }[] {
  const found: { spare: Index; keeps: Index }[] = [];
  const byTable = new Map<string, Index[]>();
  for (const index of indexes) byTable.set(index.tableOid, [...(byTable.get(index.tableOid) ?? []), index]);
  for (const group of byTable.values()) {
    for (const spare of group) {
      if (spare.needed || spare.attached) continue;
      const keeps = group.find((other) => other !== spare && covers(other, spare, group));
      if (keeps !== undefined) found.push({ spare, keeps });
    }
  }
  return found;
}

/** Of two equal ones that nothing needs the later in the list is spare; a shorter btree is spare beside a longer with the same start. */
function covers(other: Index, spare: Index, group: readonly Index[]): boolean {
  if (other.shape === spare.shape) return other.needed || group.indexOf(other) < group.indexOf(spare);
  const prefix = other.method === 'btree' && spare.method === 'btree' && other.rest === spare.rest;
  const expressions = `${spare.keys} ${other.keys}`.split(' ').includes('0');
  return prefix && !expressions && sameStart(other, spare);
}

function sameStart(other: Index, spare: Index): boolean {
  const part = (index: Index, position: number): string[] => (index.shape.split(' / ')[position] ?? '').split(' ');
  // Keys, operator classes, collations and order, each a list with one entry per key column.
  return (
    spare.columns < other.columns &&
    [1, 2, 3, 4].every((position) => {
      const mine = part(spare, position);
      return (
        mine.length <= part(other, position).length && mine.every((entry, at) => entry === part(other, position)[at])
      );
    })
  );
}

function duplicateAdvice(run: Visit, indexes: readonly Index[]): IndexAdvice[] {
  return findDuplicates(indexes).map(({ spare, keeps }) => {
    const statement = `DROP INDEX CONCURRENTLY ${spare.relation}`;
    relationFinding(run, spare.relation, {
      level: 'info',
      code: 'database.index_duplicate',
      value: spare.bytes,
      unit: 'bytes',
      text: (subject) =>
        `${subject} (${bytesText(spare.bytes)}) does nothing that ${printable(keeps.relation)} does not do as well; if nobody needs it: ${printable(statement)};`,
    });
    return adviceOf(run, spare, 'duplicate', statement);
  });
}

interface Counters {
  readonly resetAt: Date | null;
  readonly days: number | null;
  readonly replicas: number;
  readonly slots: number;
}

/** Never scanned since the counters were reset, if that is a week ago at least. A replica counts its scans for itself. */
async function unusedAdvice(run: Visit, indexes: readonly Index[]): Promise<IndexAdvice[]> {
  const { session } = run;
  const rows = await session.query<Counters & Record<string, unknown>>(
    `select s.stats_reset as "resetAt", extract(epoch from now() - coalesce(s.stats_reset, pg_catalog.pg_postmaster_start_time()))::float8 / 86400 as days,
       (select count(*)::float8 from pg_catalog.pg_stat_replication) as replicas,
       (select count(*)::float8 from pg_catalog.pg_replication_slots where slot_type = 'physical') as slots
     from pg_catalog.pg_stat_database s where s.datname = pg_catalog.current_database()`,
  );
  const counters = rows[0];
  const unused = indexes.filter(
    (index) => index.scans === 0 && !index.needed && !index.attached && index.bytes >= leastUnused,
  );
  if (counters === undefined || unused.length === 0) return [];
  const since = counters.resetAt === null ? 'since the counters began' : `since ${counters.resetAt.toISOString()}`;
  if ((counters.days ?? 0) < leastDays) {
    run.context.print(
      `${counted(unused.length, 'index', 'indexes')} ${unused.length === 1 ? 'was' : 'were'} not used ${since}, which is ${(counters.days ?? 0).toFixed(1)} days: too short to say that nobody needs them.`,
    );
    return [];
  }
  const replicas = Math.max(counters.replicas, counters.slots);
  const caution =
    replicas === 0
      ? ''
      : ` on this server; ${replicas === 1 ? 'a replica' : `${replicas} replicas`} may use it, look there first`;
  return unused.map((index) => {
    const statement = `DROP INDEX CONCURRENTLY ${index.relation}`;
    relationFinding(run, index.relation, {
      level: 'info',
      code: 'database.index_unused',
      value: index.bytes,
      unit: 'bytes',
      text: (subject) =>
        `${subject} (${bytesText(index.bytes)}) was not used ${since} (${Math.floor(counters.days ?? 0)} days)${caution}; if nobody needs it: ${printable(statement)};`,
    });
    return adviceOf(run, index, 'unused', statement);
  });
}

interface ForeignKey {
  readonly name: string;
  readonly table: string;
  readonly columns: string;
  readonly bytes: number;
}

/** Foreign keys of tables from 1 MB on whose columns no index begins with: each delete in the other table reads all of this one. */
async function foreignKeysWithoutIndex(session: DatabaseSession): Promise<ForeignKey[]> {
  return session.query<ForeignKey & Record<string, unknown>>(
    `select pg_catalog.format('%I', k.conname) as name, pg_catalog.format('%I.%I', n.nspname, c.relname) as "table",
       (select pg_catalog.string_agg(pg_catalog.format('%I', a.attname), ', ' order by u.position)
        from unnest(k.conkey) with ordinality u (attnum, position)
        join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = u.attnum) as columns,
       c.relpages * current_setting('block_size')::float8 as bytes
     from pg_catalog.pg_constraint k
     join pg_catalog.pg_class c on c.oid = k.conrelid and c.relkind = 'r'
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace
     where k.contype = 'f' and c.relpages * current_setting('block_size')::float8 >= $1
       and not exists (select from pg_catalog.pg_index i
         where i.indrelid = c.oid and i.indisvalid and i.indpred is null
           and (i.indkey::int2[])[0:array_length(k.conkey, 1) - 1] @> k.conkey
           and k.conkey @> (i.indkey::int2[])[0:array_length(k.conkey, 1) - 1])
     order by bytes desc, 2, 1`,
    [leastForeignKey],
  );
}

async function missingAdvice(run: Visit): Promise<IndexAdvice[]> {
  const keys = await foreignKeysWithoutIndex(run.session);
  return keys.map(({ name, table, columns, bytes }) => {
    const statement = `CREATE INDEX CONCURRENTLY ON ${table} (${columns})`;
    relationFinding(run, table, {
      level: 'info',
      code: 'database.index_missing',
      value: bytes,
      unit: 'bytes',
      text: (subject) =>
        `No index serves the foreign key ${printable(name)} of ${subject} (${bytesText(bytes)}), so deletes and key changes in the table that it refers to read all of it: ${printable(statement)};`,
    });
    return { database: run.session.target.name, relation: name, table, problem: 'missing', bytes, statement };
  });
}

function adviceOf(run: Visit, index: Index, problem: IndexAdvice['problem'], statement: string): IndexAdvice {
  const { relation, table, bytes } = index;
  return { database: run.session.target.name, relation, table, problem, bytes, statement };
}

const leastUnused = 64 * 1024;
const leastDays = 7;
const leastForeignKey = 1024 * 1024;
