/** The steps of daily maintenance in one database, in order. */
import type * as z from 'zod';
import type { relationSchema } from './bloat.ts';
import { analyzeSteps } from './analyze.ts';
import { checkBloat } from './bloatCheck.ts';
import { isAnalyzeDue, isParentAnalyzeDue, vacuumDue } from './due.ts';
import { counted, printable } from './names.ts';
import { preflight } from './preflight.ts';
import type { DatabaseRun } from './run.ts';
import { carryOutSteps } from './steps.ts';
import { listPartitionParents, listTables } from './tables.ts';
import { vacuumSteps } from './vacuum.ts';
import { walFindings } from './wal.ts';

/** Maintains the session's database; findings and actions go to the run. Returns the `relations` of the bloat check. */
export async function maintainDatabase(run: DatabaseRun, jobs: number): Promise<z.infer<typeof relationSchema>[]> {
  const { session, context } = run;
  const name = printable(session.target.name);
  context.print(`${name}: PostgreSQL ${session.versionText}`);
  if (await preflight(run)) await vacuumAndAnalyze(run, jobs);
  const relations = await checkBloat(run);
  for (const finding of await walFindings(session)) context.finding(finding);
  return relations;
}

async function vacuumAndAnalyze(run: DatabaseRun, jobs: number): Promise<void> {
  const { session, settings, context } = run;
  const at = performance.now();
  const tables = await listTables(session);
  const toVacuum = vacuumDue(tables, settings, context.now());
  const vacuumed = new Set(toVacuum.map((table) => table.oid));
  const toAnalyze = tables.filter((table) => !vacuumed.has(table.oid) && isAnalyzeDue(table, settings));
  const parents = (await listPartitionParents(session)).filter((parent) => isParentAnalyzeDue(parent, settings));
  context.print(
    `${printable(session.target.name)}: ${counted(tables.length, 'table')}, ${toVacuum.length} to vacuum, ` +
      `${toAnalyze.length + parents.length} to analyze`,
  );
  const vacuums = vacuumSteps(run, { tables: toVacuum, at });
  await carryOutSteps(run, [...vacuums, ...analyzeSteps(run, { tables: toAnalyze, parents, at })], { jobs });
}
