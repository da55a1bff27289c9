/** The work of `performance-analysis`: all checks of a database over one connection, one report, recommendations that are kept. */
import { join } from 'node:path';
import * as z from 'zod';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { makeMemory } from '../memory.ts';
import { writeReport } from './analysisReport.ts';
import { relationSchema } from './bloat.ts';
import { checkBloat } from './bloatCheck.ts';
import { healthSchema, readHealth } from './healthReadings.ts';
import { indexAdvice, indexSchema, type IndexAdvice } from './indexAdvice.ts';
import { listIndexes } from './indexes.ts';
import { readMachine, type Machine } from './machine.ts';
import { printable } from './names.ts';
import type { PerformanceAnalysisOptions } from './performanceAnalysis.ts';
import { analysisFile, analysisSchema, writeAnalysis, type Recommendation } from './recommendations.ts';
import { settingsAdvice, tableAdvice, type Advice } from './settingsAdvice.ts';
import { readSettings } from './settingsReadings.ts';
import { checkSlowQueries, slowStatementSchema } from './slowQueries.ts';
import { visitDatabases, visitedSchema, watchFindings, type Visit } from './visit.ts';

export const part = z.object({
  databases: z.array(visitedSchema),
  health: z.array(healthSchema),
  relations: z.array(relationSchema),
  statements: z.array(slowStatementSchema),
  indexes: z.array(indexSchema),
  ...analysisSchema.shape,
  /** File of the Markdown report. */
  report: z.string(),
});
type Part = z.infer<typeof part>;

export async function run(
  given: PerformanceAnalysisOptions,
  context: ProcedureContext,
): Promise<ProcedureResult<Part>> {
  const watched = watchFindings(context);
  const analysedAt = context.now().toISOString();
  const report = given.report ?? join(context.memoryDirectory, `report-${analysedAt.replace(/[:.]/g, '')}.md`);
  const result: Part = {
    ...{ databases: [], health: [], relations: [], statements: [], indexes: [], recommendations: [] },
    ...{ analysedAt, report },
  };
  const servers = new Set<string>();
  const options = { doing: 'the performance analysis', readOnly: true };
  result.databases = await visitDatabases(watched.context, given.database, options, async (visit) => {
    const { health, findings, state } = await readHealth(visit, null);
    for (const finding of findings) watched.context.finding(finding);
    result.health.push(health);
    result.relations.push(...(await checkBloat(visit)));
    const slow = { limit: 10, minimumMs: given.minDuration, explain: given.comprehensive };
    result.statements.push(...(await checkSlowQueries(visit, slow)));
    if (given.comprehensive) result.indexes.push(...(await adviseOnIndexes(visit)));
    const { host, port } = visit.session.target;
    const machine = await readMachine(visit.session.target, state);
    const advice = await recommend(visit, machine, { ...given, server: !servers.has(`${host}:${port}`) });
    servers.add(`${host}:${port}`);
    for (const one of advice) tell(watched.context, one);
    result.recommendations.push(...advice);
  });
  const { databases, recommendations } = result;
  if (given.report === undefined) await makeMemory(context.memoryDirectory);
  await writeReport(report, { ...result, databases, findings: watched.findings });
  await writeAnalysis(analysisFile(context.memoryDirectory), { analysedAt, recommendations });
  context.print(`report: ${report}`);
  return { outcome: watched.outcome('unchanged'), part: result };
}

/** Bloated ones are told of with the tables. */
async function adviseOnIndexes(visit: Visit): Promise<IndexAdvice[]> {
  const context: ProcedureContext = {
    ...visit.context,
    finding: (finding) => {
      if (finding.code !== 'database.bloat') visit.context.finding(finding);
    },
  };
  const { advice } = await indexAdvice({ ...visit, context }, await listIndexes(visit.session), false);
  return advice;
}

/** Settings belong to the server: the first of its databases tells them. With several databases ids begin with its name. */
async function recommend(
  { session, context }: Visit,
  machine: Machine,
  { server, comprehensive }: { readonly server: boolean; readonly comprehensive: boolean },
): Promise<Recommendation[]> {
  const { name } = session.target;
  const readings = await readSettings(session, manyRows);
  if (server && machine.memoryBytes === null) {
    context.print(`${printable(name)}: its machine is not this one, so nothing is said of its memory and disk`);
  }
  const advice: Advice[] = [
    ...(server ? settingsAdvice(readings, machine) : []),
    ...(comprehensive ? tableAdvice(readings) : []),
  ];
  const prefix = context.config.databases.length > 1 ? `${name}/` : '';
  return advice.map((one) => ({ ...one, id: `${prefix}${one.id}`, database: name }));
}

function tell(context: ProcedureContext, { id, title, reason }: Recommendation): void {
  context.finding({
    level: 'info',
    code: 'database.recommendation',
    subject: printable(id),
    message: `${title}: ${reason}`,
    remedy: { procedure: 'apply-optimizations', options: { only: [id] }, title },
  });
}

const manyRows = 1_000_000;
