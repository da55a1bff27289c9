/** The work of weekly maintenance of PostgreSQL. */
import * as z from 'zod';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { analyzeSteps } from './analyze.ts';
import type { WeeklyMaintenanceOptions } from './databaseWeeklyMaintenance.ts';
import { isAnalyzeDue, isParentAnalyzeDue, needsVacuum } from './due.ts';
import { eachDatabase, maintenancePart } from './eachDatabase.ts';
import { indexSchema } from './indexAdvice.ts';
import { optimizeAll } from './indexWork.ts';
import { counted, printable } from './names.ts';
import { performanceReport } from './performanceReport.ts';
import { lockPreflight } from './preflight.ts';
import type { DatabaseRun } from './run.ts';
import { slowStatementSchema } from './slowQueries.ts';
import { carryOutSteps } from './steps.ts';
import { listPartitionParents, listTables } from './tables.ts';
import { vacuumSteps } from './vacuum.ts';

export const part = maintenancePart.extend({
  indexes: z.array(indexSchema),
  statements: z.array(slowStatementSchema),
});
type Part = z.infer<typeof part>;

export async function run(given: WeeklyMaintenanceOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const indexes: Part['indexes'] = [];
  const statements: Part['statements'] = [];
  const { outcome, databases, actions } = await eachDatabase({
    context,
    names: given.database,
    work: async (database) => {
      if (!(await lockPreflight(database))) return;
      await vacuumAll(database, given.jobs ?? 1);
      indexes.push(...(await optimizeAll(database, true)));
      statements.push(...(await performanceReport(database)));
    },
  });
  return { outcome: outcome(), part: { databases, actions, indexes, statements } };
}

/** VACUUM ANALYZE of every table in which VACUUM finds anything to do; the others are told and passed by. */
async function vacuumAll(run: DatabaseRun, jobs: number): Promise<void> {
  const { session, settings, context } = run;
  const at = performance.now();
  const listed = await listTables(session);
  const toVacuum = listed.filter((table) => needsVacuum(table));
  const vacuumed = new Set(toVacuum.map((table) => table.oid));
  const tables = listed.filter((table) => !vacuumed.has(table.oid) && isAnalyzeDue(table, settings));
  const parents = (await listPartitionParents(session)).filter((parent) => isParentAnalyzeDue(parent, settings));
  context.print(
    `${printable(session.target.name)}: ${counted(listed.length, 'table')}, ${toVacuum.length} to vacuum, ${tables.length + parents.length} to analyze; ` +
      `in ${listed.length - toVacuum.length - tables.length} nothing has changed since their last VACUUM`,
  );
  const vacuums = vacuumSteps(run, { tables: toVacuum, at, isDue: needsVacuum });
  await carryOutSteps(run, [...vacuums, ...analyzeSteps(run, { tables, parents, at })], { jobs });
}
