/** Findings of the bloat check, with what would heal each. */
import type * as z from 'zod';
import { estimateBloat, type relationSchema, type Statistics } from './bloat.ts';
import { measureBloat, type BloatMeasure } from './bloatExact.ts';
import { bytesText } from './bytesText.ts';
import { counted, printable } from './names.ts';
import { subjectOf } from './run.ts';
import type { Visit } from './visit.ts';

export interface BloatOptions {
  /** Smaller relations are left out; by default `bloat_minimum_bytes`. */
  readonly minimumBytes?: number;
  readonly method?: 'estimate' | 'exact';
}

/** Reports what is bloated or can not be told; returns the `relations` of the JSON document. */
export async function checkBloat(
  visit: Visit,
  { minimumBytes = visit.settings.bloat_minimum_bytes, method = 'estimate' }: BloatOptions = {},
): Promise<z.infer<typeof relationSchema>[]> {
  const { session, settings, context } = visit;
  const estimates = await estimateBloat(session, { minimumBytes, stalePercent: settings.stale_statistics_percent });
  const measures =
    method === 'exact'
      ? await measureBloat(visit, estimates)
      : estimates.map((estimate) => ({ ...estimate, method: 'estimate' as const }));
  for (const measure of measures) report(visit, measure);
  const how = measures.some((measure) => measure.method === 'exact') ? 'measured' : 'estimated';
  context.print(
    `${printable(session.target.name)}: bloat ${how} for ${counted(measures.length, 'relation')} of at least ${bytesText(minimumBytes)}`,
  );
  return measures.map(({ schema, name, kind, bytes, expectedBytes, bloatRatio, reliable }) => ({
    database: session.target.name,
    schema,
    name,
    kind,
    bytes,
    expectedBytes,
    bloatRatio,
    reliable,
  }));
}

function report(visit: Visit, measure: BloatMeasure): void {
  const { relation, kind, bytes, expectedBytes, bloatRatio } = measure;
  const { settings, session, context } = visit;
  const subject = subjectOf(visit, relation);
  const database = session.target.name;
  if (expectedBytes === null || bloatRatio === null) {
    reportUnknown(visit, measure);
    return;
  }
  if (bloatRatio < settings.bloat_ratio) return;
  const title = kind === 'table' ? `Rebuild ${printable(relation)}` : `Reindex ${printable(relation)}`;
  context.finding({
    level: measure.reliable || measure.statistics === 'toast' ? 'warning' : 'info',
    code: 'database.bloat',
    subject,
    message:
      `${subject} takes ${bytesText(bytes)}, ${bloatRatio} times the ${bytesText(expectedBytes)} expected` +
      `${doubts[measure.statistics]}; ${remedyText[kind]}.`,
    value: bloatRatio,
    threshold: settings.bloat_ratio,
    unit: 'ratio',
    remedy:
      kind === 'table'
        ? { procedure: 'database-monthly-maintenance', options: { database, tables: [relation] }, title }
        : { procedure: 'optimize-indexes', options: { database, apply: true, index: [relation] }, title },
  });
}

/** Never taken for sound: without statistics nothing is known. */
function reportUnknown(visit: Visit, { relation, table, bytes, statistics }: BloatMeasure): void {
  const { session, context } = visit;
  const subject = subjectOf(visit, relation);
  const database = session.target.name;
  const base = { level: 'warning', subject } as const;
  if (statistics === 'hidden') {
    const message = `The bloat of ${subject} (${bytesText(bytes)}) is unknown: role ${printable(session.target.user)} may not read the statistics of ${printable(table)}; grant it SELECT on that, or pg_read_all_data.`;
    context.finding({ ...base, code: 'database.rights', message });
    return;
  }
  context.finding({
    ...base,
    code: 'database.bloat',
    message: `No statistics of ${subject} (${bytesText(bytes)}): its bloat is unknown; run ANALYZE.`,
    remedy: { procedure: 'update-statistics', options: { database }, title: `Analyze ${printable(table)}` },
  });
}

const doubts: Record<Statistics, string> = {
  present: '',
  missing: '',
  hidden: '',
  stale: ' (by stale statistics)',
  inexact: ' (inexact, by its column types or keys)',
  toast: ' at most, by its TOAST data',
};

const remedyText: Record<BloatMeasure['kind'], string> = {
  table: 'rebuild it with VACUUM FULL in a maintenance window, or with pg_repack',
  index: 'rebuild it with REINDEX CONCURRENTLY',
};
