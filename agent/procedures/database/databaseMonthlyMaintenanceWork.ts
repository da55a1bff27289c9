/** The work of monthly maintenance of PostgreSQL. */
import * as z from 'zod';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { analyzeTables } from './analyzeTables.ts';
import { estimateBloat } from './bloat.ts';
import type { MonthlyMaintenanceOptions } from './databaseMonthlyMaintenance.ts';
import { eachDatabase, maintenancePart } from './eachDatabase.ts';
import { listIndexes } from './indexes.ts';
import { isLeftover, leftoverSteps } from './leftovers.ts';
import { counted, printable } from './names.ts';
import { orphanedData, orphanSchema } from './orphans.ts';
import { performanceReport } from './performanceReport.ts';
import { lockPreflight } from './preflight.ts';
import { rebuildStep } from './rebuild.ts';
import { bloatedTargets, namedTargets } from './rebuildTargets.ts';
import { rebuildTools } from './rebuildTool.ts';
import { reindexStep } from './reindex.ts';
import type { DatabaseRun } from './run.ts';
import { slowStatementSchema } from './slowQueries.ts';
import { SoughtRelations } from './soughtRelations.ts';
import { carryOutSteps } from './steps.ts';

export const part = maintenancePart.extend({
  orphans: z.array(orphanSchema),
  statements: z.array(slowStatementSchema),
});
type Part = z.infer<typeof part>;

export async function run(given: MonthlyMaintenanceOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const orphans: Part['orphans'] = [];
  const statements: Part['statements'] = [];
  const sought = new SoughtRelations('table', given.tables ?? []);
  const { outcome, databases, actions } = await eachDatabase({
    context,
    names: given.database,
    work: async (database) => {
      if (!(await lockPreflight(database))) return;
      const { tables } = given;
      if (tables !== undefined) return rebuildNamed(database, tables, sought, given.force ?? false);
      const rebuilt = await rebuildBloated(database, given.force ?? false);
      await reindexAll(database, rebuilt);
      await analyzeTables(database, { all: true, jobs: given.jobs ?? 1 });
      orphans.push(...(await orphanedData(database, given.removeOrphans ?? false)));
      statements.push(...(await performanceReport(database)));
    },
    afterwards: (watched) => {
      sought.report(watched);
    },
  });
  return { outcome: outcome(), part: { databases, actions, orphans, statements } };
}

async function rebuildNamed(
  run: DatabaseRun,
  names: readonly string[],
  sought: SoughtRelations,
  force: boolean,
): Promise<void> {
  const { found, missing } = await namedTargets(run.session, names);
  sought.note(run, missing);
  const tools = await rebuildTools(run);
  const steps = found.map((table) => rebuildStep(run, table, { tools, force }));
  await carryOutSteps(run, steps);
}

/** Returns the oids of the tables that have a new file. */
async function rebuildBloated(run: DatabaseRun, force: boolean): Promise<ReadonlySet<string>> {
  const { session, settings, context } = run;
  const estimates = await estimateBloat(session, {
    minimumBytes: settings.bloat_minimum_bytes,
    stalePercent: settings.stale_statistics_percent,
  });
  const targets = await bloatedTargets(session, estimates, settings.bloat_ratio);
  context.print(
    `${printable(session.target.name)}: ${counted(targets.length, 'table')} bloated beyond ${settings.bloat_ratio} times`,
  );
  if (targets.length === 0) return new Set();
  const rebuilt = new Set<string>();
  const watching: DatabaseRun = {
    ...run,
    action: (action) => {
      const target = targets.find((one) => one.relation === action.relation);
      if (action.verified && target !== undefined) rebuilt.add(target.oid);
      run.action(action);
    },
  };
  const tools = await rebuildTools(run);
  const steps = targets.map((table) => rebuildStep(watching, table, { tools, force }));
  await carryOutSteps(watching, steps);
  return rebuilt;
}

/**
 * REINDEX DATABASE CONCURRENTLY, index by index: each is proven, one that fails does not end the others, and what is at most
 * a few pages or of a table that was just rebuilt has nothing to gain.
 */
async function reindexAll(run: DatabaseRun, rebuilt: ReadonlySet<string>): Promise<void> {
  const listed = await listIndexes(run.session);
  const drops = await leftoverSteps(run, listed, true);
  const due = listed.filter((index) => index.valid && index.bytes > leastBytes && !rebuilt.has(index.tableOid));
  run.context.print(
    `${printable(run.session.target.name)}: ${counted(listed.length, 'index', 'indexes')}, ${due.length} to rebuild, ${counted(drops.length, 'leftover')} to drop`,
  );
  const steps = [
    ...drops,
    ...due.filter((index) => !isLeftover(index, listed)).map((index) => reindexStep(run, index)),
  ];
  await carryOutSteps(run, steps, { unit: 'indexes' });
}

/** Two pages: a btree of one leaf and its meta page. */
const leastBytes = 2 * 8192;
