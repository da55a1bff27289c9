/** The work of optimize-indexes. */
import * as z from 'zod';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { eachDatabase, maintenancePart } from './eachDatabase.ts';
import { indexAdvice, indexSchema, reindexDue } from './indexAdvice.ts';
import { findIndexes, listIndexes } from './indexes.ts';
import { isLeftover, leftoverSteps } from './leftovers.ts';
import { printable } from './names.ts';
import type { OptimizeIndexesOptions } from './optimizeIndexes.ts';
import { lockPreflight } from './preflight.ts';
import { reindexStep } from './reindex.ts';
import type { DatabaseRun } from './run.ts';
import { carryOutSteps } from './steps.ts';

export const part = maintenancePart.extend({ indexes: z.array(indexSchema) });
type Part = z.infer<typeof part>;

export async function run(given: OptimizeIndexesOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const indexes: Part['indexes'] = [];
  const { outcome, databases, actions } = await eachDatabase({
    context,
    names: given.database,
    doing: 'the work on indexes',
    work: async (database) => {
      if (given.index === undefined) indexes.push(...(await optimizeAll(database, given.apply ?? false)));
      else await optimizeNamed(database, given.index, given.apply ?? false);
    },
  });
  return { outcome: outcome(), part: { databases, actions, indexes } };
}

/** Reports on all indexes; with `apply` drops leftovers and rebuilds what is bloated. */
async function optimizeAll(run: DatabaseRun, apply: boolean): Promise<Part['indexes']> {
  const { context, session } = run;
  const writable = await lockPreflight(run);
  const listed = await listIndexes(session);
  const drops = await leftoverSteps(run, listed, apply && writable);
  const indexes = listed.filter((index) => !isLeftover(index, listed));
  const { advice, bloated } = await indexAdvice(run, indexes, apply && writable);
  const due = reindexDue(run, indexes, bloated);
  context.print(
    `${printable(session.target.name)}: ${indexes.length} indexes, ${due.length} to rebuild, ${drops.length} leftovers to drop`,
  );
  if (apply && writable) {
    await carryOutSteps(run, [...drops, ...due.map((index) => reindexStep(run, index))], { unit: 'indexes' });
  }
  return advice;
}

async function optimizeNamed(run: DatabaseRun, names: readonly string[], apply: boolean): Promise<void> {
  const { context, session } = run;
  const writable = await lockPreflight(run);
  const { found, missing } = await findIndexes(session, await listIndexes(session), names);
  for (const name of missing) {
    const subject = printable(name);
    const message = `There is no index ${subject} in ${printable(session.target.name)}; write schema.index, in double quotes where SQL needs them.`;
    context.finding({ level: 'critical', code: 'database.no_such_relation', subject, message });
  }
  if (!apply || !writable) {
    context.print(`${found.length} indexes found; with apply they are rebuilt.`);
    return;
  }
  await carryOutSteps(
    run,
    found.map((index) => reindexStep(run, index)),
    { unit: 'indexes' },
  );
}
