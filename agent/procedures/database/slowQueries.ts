/** Slow statements of one database: findings, and lines for people. */
import * as z from 'zod';
import type { Finding } from '../../protocol/nouns.ts';
import { bytesText } from './bytesText.ts';
import { explain, isReadOnly, whyNotExplain, type Plan } from './explain.ts';
import { counted, printable } from './names.ts';
import { readStatements, type StatementReport, type StatementStatistics } from './statementStatistics.ts';
import { shownStatement } from './statementText.ts';
import type { Visit } from './visit.ts';

export const slowStatementSchema = z.object({
  database: z.string(),
  id: z.string().nullable(),
  user: z.string().nullable(),
  /** Without its literals. */
  statement: z.string(),
  calls: z.number(),
  totalMs: z.number(),
  meanMs: z.number(),
  /** mean + 1.645 standard deviations, at most the maximum. */
  p95Ms: z.number(),
  maxMs: z.number(),
  rows: z.number(),
  blocksHit: z.number(),
  blocksRead: z.number(),
  tempBlocks: z.number(),
  loadPercent: z.number(),
  /** Lines of EXPLAIN; null where it was not asked for or there is none. */
  plan: z.array(z.string()).nullable(),
});
export type SlowStatement = z.infer<typeof slowStatementSchema>;

export interface SlowQueryOptions {
  readonly limit: number;
  readonly minimumMs: number;
  readonly explain: boolean;
}

/** Reports the slow statements; returns them for the JSON document. */
export async function checkSlowQueries(visit: Visit, options: SlowQueryOptions): Promise<SlowStatement[]> {
  const { session, context } = visit;
  const { name } = session.target;
  const report = await readStatements(session, options);
  if (!('statements' in report)) {
    context.finding(report);
    return [];
  }
  const { statements } = report;
  context.print(`${printable(name)}: ${summary(report)}`);
  const plans = options.explain ? await explainWorst(visit, statements) : new Map<StatementStatistics, Plan>();
  for (const statement of statements) {
    context.finding(slowFinding(name, statement, options.minimumMs));
    for (const line of linesOf(statement)) context.print(`  ${line}`);
    const plan = plans.get(statement);
    if (plan !== undefined) for (const line of planLines(plan)) context.print(`    ${printable(line)}`);
  }
  if (statements.length === 0) context.finding(fineFinding(name, report, options.minimumMs));
  if (report.hidden > 0) context.finding(hiddenFinding(visit, report.hidden));
  return statements.map((statement) => {
    const { query, ...rest } = statement;
    const plan = plans.get(statement);
    const lines = plan !== undefined && 'lines' in plan ? plan.lines.map(printable) : null;
    return { database: name, ...rest, statement: shownStatement(query, 2_000), plan: lines };
  });
}

async function explainWorst(
  visit: Visit,
  statements: readonly StatementStatistics[],
): Promise<Map<StatementStatistics, Plan>> {
  const plans = new Map<StatementStatistics, Plan>();
  const readers = statements.filter(({ query }) => isReadOnly(query)).slice(0, explainAtMost);
  const refusal = readers.length === 0 ? null : await whyNotExplain(visit);
  if (refusal !== null) {
    const subject = printable(visit.session.target.name);
    const message = `No plans of ${subject}: ${refusal}.`;
    visit.context.finding({ level: 'info', code: 'database.explain', subject, message });
    return plans;
  }
  for (const statement of readers) plans.set(statement, await explain(visit, statement.query));
  return plans;
}

/** A warning when the mean is slow, else worth knowing: one call in twenty is. */
function slowFinding(database: string, statement: StatementStatistics, thresholdMs: number): Finding {
  const { meanMs, p95Ms, loadPercent, query } = statement;
  return {
    level: meanMs >= thresholdMs ? 'warning' : 'info',
    code: 'database.slow_query',
    subject: printable(database),
    message: `${callsText(statement)}, ` + `${percent(loadPercent)} of the load: ${shownStatement(query)}`,
    value: Math.round(p95Ms * 10) / 10,
    threshold: thresholdMs,
    unit: 'ms',
    remedy: {
      procedure: 'analyze-slow-queries',
      options: { database, explain: true },
      title: 'Show the Plans of the Slowest Queries',
    },
  };
}

/** One call has no distribution to speak of. */
function callsText({ calls, meanMs, p95Ms }: StatementStatistics): string {
  if (calls === 1) return `1 call took ${milliseconds(meanMs)}`;
  return `${calls} calls take ${milliseconds(meanMs)} on average, 95 % of them up to about ${milliseconds(p95Ms)}`;
}

function fineFinding(database: string, report: StatementReport, thresholdMs: number): Finding {
  const message = `None of ${counted(report.counted, 'statement')} of ${printable(database)} is slow: 95 % of the calls of each end within ${milliseconds(thresholdMs)}.`;
  return {
    level: 'ok',
    code: 'database.slow_query',
    subject: printable(database),
    message,
    threshold: thresholdMs,
    unit: 'ms',
  };
}

function hiddenFinding({ session }: Visit, hidden: number): Finding {
  const message = `The text of ${counted(hidden, 'statement')} is hidden from role ${printable(session.target.user)}; grant it pg_monitor.`;
  return { level: 'info', code: 'database.insight', subject: printable(session.target.name), message };
}

function summary({ counted: number, totalMs, since, evictions }: StatementReport): string {
  const lost =
    evictions === null || evictions === 0
      ? ''
      : `; the rarest were thrown away ${counted(evictions, 'time')} (pg_stat_statements.max)`;
  return `${counted(number, 'statement')} took ${milliseconds(totalMs)}${since === null ? '' : ` since ${since}`}${lost}; p95 is estimated as mean + 1.645 standard deviations`;
}

function linesOf(statement: StatementStatistics): string[] {
  const { calls, totalMs, meanMs, p95Ms, maxMs, rows, blocksHit, blocksRead, tempBlocks, loadPercent, query } =
    statement;
  const blocks = blocksHit + blocksRead;
  const hits =
    blocks === 0 ? '' : `, ${Math.round((100 * blocksHit) / blocks)} % of ${blocks} blocks from shared_buffers`;
  const temporary = tempBlocks === 0 ? '' : `, ${bytesText(tempBlocks * 8192)} written to temporary files`;
  return [
    `${percent(loadPercent)} of the load: ${shownStatement(query)}`,
    `  ${counted(calls, 'call')}, total ${milliseconds(totalMs)}, mean ${milliseconds(meanMs)}, p95 ${milliseconds(p95Ms)}, max ${milliseconds(maxMs)}, ` +
      `${counted(Math.round(rows / Math.max(1, calls)), 'row')} a call${hits}${temporary}`,
  ];
}

function planLines(plan: Plan): readonly string[] {
  return 'lines' in plan ? plan.lines : [`no plan: ${plan.problem}`];
}

function percent(share: number): string {
  return `${share.toFixed(1)} %`;
}

function milliseconds(value: number): string {
  return value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}

const explainAtMost = 3;
