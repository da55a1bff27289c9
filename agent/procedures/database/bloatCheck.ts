/** Findings of the bloat check, with what would heal each. */
import type * as z from 'zod';
import { estimateBloat, type BloatEstimate, type relationSchema } from './bloat.ts';
import { bytesText } from './bytesText.ts';
import { printable } from './names.ts';
import { subjectOf, type DatabaseRun } from './run.ts';

/** Reports what is bloated or can not be told; returns the `relations` of the JSON document. */
export async function checkBloat(run: DatabaseRun): Promise<z.infer<typeof relationSchema>[]> {
  const { session, settings, context } = run;
  const estimates = await estimateBloat(session, {
    minimumBytes: settings.bloat_minimum_bytes,
    stalePercent: settings.stale_statistics_percent,
  });
  for (const estimate of estimates) report(run, estimate);
  context.print(
    `${printable(session.target.name)}: bloat estimated for ${estimates.length} relations of at least ${bytesText(settings.bloat_minimum_bytes)}`,
  );
  return estimates.map(({ schema, name, kind, bytes, expectedBytes, bloatRatio, reliable }) => ({
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

function report(run: DatabaseRun, estimate: BloatEstimate): void {
  const { relation, table, kind, bytes, expectedBytes, bloatRatio } = estimate;
  const { settings, session, context } = run;
  const subject = subjectOf(run, relation);
  const database = session.target.name;
  if (expectedBytes === null || bloatRatio === null) {
    context.finding({
      level: 'warning',
      code: 'database.bloat',
      subject,
      message: `No statistics of ${subject} (${bytesText(bytes)}): its bloat is unknown; run ANALYZE, or give this role the right to read it.`,
      remedy: { procedure: 'update-statistics', options: { database }, title: `Analyze ${printable(table)}` },
    });
    return;
  }
  if (bloatRatio < settings.bloat_ratio) return;
  const title = kind === 'table' ? `Rebuild ${printable(relation)}` : `Reindex ${printable(relation)}`;
  context.finding({
    level: estimate.reliable ? 'warning' : 'info',
    code: 'database.bloat',
    subject,
    message:
      `${subject} takes ${bytesText(bytes)}, ${bloatRatio} times the ${bytesText(expectedBytes)} expected` +
      `${doubts[estimate.statistics]}; ${remedyText[kind]}.`,
    value: bloatRatio,
    threshold: settings.bloat_ratio,
    unit: 'ratio',
    remedy:
      kind === 'table'
        ? { procedure: 'database-monthly-maintenance', options: { database, tables: [relation] }, title }
        : { procedure: 'optimize-indexes', options: { database, apply: true }, title },
  });
}

const doubts: Record<BloatEstimate['statistics'], string> = {
  present: '',
  missing: '',
  stale: ' (by stale statistics)',
  inexact: ' (inexact: it has a column of type name)',
};

const remedyText: Record<BloatEstimate['kind'], string> = {
  table: 'rebuild it with VACUUM FULL in a maintenance window, or with pg_repack',
  index: 'rebuild it with REINDEX CONCURRENTLY',
};
