/** The work of optimize-indexes. */
import * as z from 'zod';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { eachDatabase, maintenancePart } from './eachDatabase.ts';
import { indexSchema } from './indexAdvice.ts';
import { optimizeAll } from './indexWork.ts';
import { findIndexes, listIndexes } from './indexes.ts';
import { counted } from './names.ts';
import type { OptimizeIndexesOptions } from './optimizeIndexes.ts';
import { lockPreflight } from './preflight.ts';
import { reindexStep } from './reindex.ts';
import type { DatabaseRun } from './run.ts';
import { SoughtRelations } from './soughtRelations.ts';
import { carryOutSteps } from './steps.ts';

export const part = maintenancePart.extend({ indexes: z.array(indexSchema) });
type Part = z.infer<typeof part>;

export async function run(given: OptimizeIndexesOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const indexes: Part['indexes'] = [];
  const sought = new SoughtRelations('index', given.index ?? []);
  const { outcome, databases, actions } = await eachDatabase({
    context,
    names: given.database,
    doing: 'the work on indexes',
    work: async (database) => {
      const apply = (await lockPreflight(database)) && (given.apply ?? false);
      if (given.index === undefined) indexes.push(...(await optimizeAll(database, apply)));
      else await optimizeNamed(database, given.index, sought, apply);
    },
    afterwards: (watched) => {
      sought.report(watched);
    },
  });
  return { outcome: outcome(), part: { databases, actions, indexes } };
}

async function optimizeNamed(
  run: DatabaseRun,
  names: readonly string[],
  sought: SoughtRelations,
  apply: boolean,
): Promise<void> {
  const { context, session } = run;
  const { found, missing } = await findIndexes(session, await listIndexes(session), names);
  sought.note(run, missing);
  if (!apply) {
    context.print(
      `${counted(found.length, 'index', 'indexes')} found; with apply ${found.length === 1 ? 'it is' : 'they are'} rebuilt.`,
    );
    return;
  }
  await carryOutSteps(
    run,
    found.map((index) => reindexStep(run, index)),
    { unit: 'indexes' },
  );
}
