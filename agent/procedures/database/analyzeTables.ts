/** ANALYZE of the tables and partitioned parents of a database: of those that are stale, or of all. */
import { analyzeSteps } from './analyze.ts';
import { isAnalyzeDue, isParentAnalyzeDue } from './due.ts';
import { counted, printable } from './names.ts';
import type { DatabaseRun } from './run.ts';
import { carryOutSteps } from './steps.ts';
import { listPartitionParents, listTables } from './tables.ts';

/** With `all` everything that is not empty. */
export async function analyzeTables(
  run: DatabaseRun,
  { all, jobs }: { readonly all: boolean; readonly jobs: number },
): Promise<void> {
  const { session, settings, context } = run;
  const at = performance.now();
  const listed = await listTables(session);
  const tables = listed.filter((table) => (all ? table.live > 0 || table.filled : isAnalyzeDue(table, settings)));
  const allParents = await listPartitionParents(session);
  const parents = all ? allParents : allParents.filter((parent) => isParentAnalyzeDue(parent, settings));
  context.print(
    `${printable(session.target.name)}: ${counted(listed.length, 'table')} and ${counted(allParents.length, 'partitioned parent')}, ` +
      `${tables.length + parents.length} to analyze`,
  );
  await carryOutSteps(run, analyzeSteps(run, { tables, parents, at, all }), { jobs });
}
