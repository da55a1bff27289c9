/** The work of update-statistics. */
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { analyzeTables } from './analyzeTables.ts';
import { eachDatabase, maintenancePart, type MaintenancePart } from './eachDatabase.ts';
import { preflight } from './preflight.ts';
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
      if (await preflight(database)) await analyzeTables(database, { all: given.all ?? false, jobs: given.jobs ?? 1 });
    },
  });
  return { outcome: outcome(), part: { databases, actions } };
}
