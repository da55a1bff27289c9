/** The work of apply-optimizations. */
import { resolve } from 'node:path';
import * as z from 'zod';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { readApplied, writeApplied, type AppliedRecommendation } from './appliedRecommendations.ts';
import type { ApplyOptimizationsOptions } from './applyOptimizations.ts';
import { errorMessage } from './connectionProblem.ts';
import { eachDatabase, maintenancePart } from './eachDatabase.ts';
import { counted, printable } from './names.ts';
import { applyStep } from './recommendationStep.ts';
import { analysisFile, readAnalysis, type Recommendation } from './recommendations.ts';
import { refusedSql } from './recommendationSql.ts';
import type { DatabaseRun } from './run.ts';
import { carryOutSteps } from './steps.ts';

export const part = maintenancePart.extend({
  /** What was applied, or with `undo` taken back; each with the statement for the way back. */
  applied: z.array(z.object({ id: z.string(), sql: z.string(), undo: z.string(), restart: z.boolean() })),
});
type Part = z.infer<typeof part>;

interface Chosen {
  readonly recommendation: Recommendation;
  /** True = its undo is to be run. */
  readonly back: boolean;
}

export async function run(given: ApplyOptimizationsOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const kept = await readApplied(context.memoryDirectory);
  const { chosen, problems } = await choose(given, kept, context);
  const applied: Part['applied'] = [];
  const report = (into: ProcedureContext): void => {
    for (const { id, message } of problems) {
      into.finding({ level: 'critical', code: 'database.recommendation', subject: printable(id), message });
    }
  };
  const names = [...new Set(chosen.map(({ recommendation }) => recommendation.database))];
  if (names.length === 0) {
    report(context);
    return { outcome: problems.length > 0 ? 'failed' : 'unchanged', part: { databases: [], actions: [], applied } };
  }
  const { outcome, databases, actions } = await eachDatabase({
    context,
    names,
    doing: 'the optimization',
    work: (database) => applyTo(database, chosen, kept, applied),
    afterwards: (watched) => {
      report(watched);
      return Promise.resolve();
    },
  });
  return { outcome: outcome(), part: { databases, actions, applied } };
}

interface Problem {
  readonly id: string;
  readonly message: string;
}

async function choose(
  { from, only, undo }: ApplyOptimizationsOptions,
  kept: readonly AppliedRecommendation[],
  context: ProcedureContext,
): Promise<{ readonly chosen: Chosen[]; readonly problems: Problem[] }> {
  const problems: Problem[] = [];
  const pick = (ids: readonly string[], among: readonly Recommendation[], where: string, back: boolean): Chosen[] =>
    [...new Set(ids)].flatMap((id) => {
      const recommendation = among.find((one) => one.id === id);
      const refusal = recommendation === undefined ? null : refusedSql(back ? recommendation.undo : recommendation.sql);
      if (recommendation !== undefined && refusal === null) return [{ recommendation, back }];
      const message =
        recommendation === undefined
          ? `There is no recommendation ${printable(id)} ${where}.`
          : `The SQL of ${printable(id)} is not run: ${refusal ?? ''}.`;
      problems.push({ id, message });
      return [];
    });
  const taken = pick(undo ?? [], kept, 'among those that were applied here', true);
  if (undo !== undefined && only === undefined) return { chosen: taken, problems };
  const file = from === undefined ? analysisFile(context.memoryDirectory) : resolve(from);
  const analysis = await readAnalysis(file).catch((error: unknown) => {
    problems.push({ id: file, message: errorMessage(error) });
    return null;
  });
  if (analysis === null) {
    if (problems.length === 0)
      problems.push({ id: file, message: `There is no report ${file}: run performance-analysis first.` });
    return { chosen: taken, problems };
  }
  if (only === undefined) list(analysis.recommendations, kept, context);
  return { chosen: [...taken, ...pick(only ?? [], analysis.recommendations, `in ${file}`, false)], problems };
}

function list(
  recommendations: readonly Recommendation[],
  kept: readonly AppliedRecommendation[],
  context: ProcedureContext,
): void {
  for (const { id, database, title, sql } of recommendations) {
    const state = kept.some((one) => one.id === id && one.database === database) ? ' (applied)' : '';
    context.print(`${printable(id)}${state}: ${printable(title)}; ${printable(database)}: ${printable(sql)}`);
  }
  context.print(`${counted(recommendations.length, 'recommendation')}; apply with --only ID.`);
}

async function applyTo(
  run: DatabaseRun,
  chosen: readonly Chosen[],
  kept: AppliedRecommendation[],
  applied: Part['applied'],
): Promise<void> {
  const { memoryDirectory, now } = run.context;
  const mine = chosen.filter(({ recommendation }) => recommendation.database === run.session.target.name);
  const steps = mine.map(({ recommendation, back }) =>
    applyStep(recommendation, back, {
      // The way back is on the disk before the first step of the way there.
      before: async () => {
        if (back || kept.some((one) => isSame(one, recommendation))) return;
        kept.push({ ...recommendation, appliedAt: now().toISOString() });
        await writeApplied(memoryDirectory, kept);
      },
      after: async (done) => {
        const { id, sql, undo, restart } = recommendation;
        if (done) applied.push({ id, restart, ...(back ? { sql: undo, undo: sql } : { sql, undo }) });
        if (done !== back) return;
        const at = kept.findIndex((one) => isSame(one, recommendation));
        if (at !== -1) kept.splice(at, 1);
        await writeApplied(memoryDirectory, kept);
      },
    }),
  );
  await carryOutSteps(run, steps, { unit: 'recommendations' });
}

function isSame(one: Recommendation, other: Recommendation): boolean {
  return one.id === other.id && one.database === other.database;
}
