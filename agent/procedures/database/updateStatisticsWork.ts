/** The work of update-statistics. */
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { analyzeSteps } from './analyze.ts';
import { isAnalyzeDue, isParentAnalyzeDue } from './due.ts';
import { eachDatabase, maintenancePart, type MaintenancePart } from './eachDatabase.ts';
import { printable } from './names.ts';
import { preflight } from './preflight.ts';
import type { DatabaseRun } from './run.ts';
import { carryOutSteps } from './steps.ts';
import { listPartitionParents, listTables } from './tables.ts';
import type { UpdateStatisticsOptions } from './updateStatistics.ts';

export const part = maintenancePart;

export async function run(
  given: UpdateStatisticsOptions,
  context: ProcedureContext,
): Promise<ProcedureResult<MaintenancePart>> {
  const { outcome, databases, actions } = await eachDatabase({
    context,
    names: given.database,
    doing: 'the update of statistics',
    work: async (database) => {
      if (await preflight(database)) await analyzeTables(database, given.all ?? false, given.jobs ?? 1);
    },
  });
  return { outcome: outcome(), part: { databases, actions } };
}

/** Analyses what is stale, or with `all` everything that is not empty. */
export async function analyzeTables(run: DatabaseRun, all: boolean, jobs: number): Promise<void> {
  const { session, settings, context } = run;
  const at = performance.now();
  const listed = await listTables(session);
  const tables = listed.filter((table) => (all ? table.live > 0 || table.filled : isAnalyzeDue(table, settings)));
  const allParents = await listPartitionParents(session);
  const parents = all ? allParents : allParents.filter((parent) => isParentAnalyzeDue(parent, settings));
  context.print(
    `${printable(session.target.name)}: ${listed.length} tables and ${allParents.length} partitioned parents, ` +
      `${tables.length + parents.length} to analyze`,
  );
  await carryOutSteps(run, analyzeSteps(run, { tables, parents, at, all }), { jobs });
}
