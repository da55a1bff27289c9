/** The report on slow queries that the weekly and the monthly maintenance end with. */
import type { DatabaseRun } from './run.ts';
import { checkSlowQueries, type SlowStatement } from './slowQueries.ts';

/** Findings and the slowest statements. A server without pg_stat_statements is no reason to warn each week. */
export async function performanceReport(run: DatabaseRun): Promise<SlowStatement[]> {
  const { context } = run;
  const mild: DatabaseRun = {
    ...run,
    context: {
      ...context,
      finding: (finding) => {
        context.finding(finding.code === 'database.extension' ? { ...finding, level: 'info' } : finding);
      },
    },
  };
  return checkSlowQueries(mild, { limit: 10, minimumMs: 1_000, explain: false });
}
