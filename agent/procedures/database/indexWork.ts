/** What optimize-indexes and the weekly maintenance do with all indexes of a database. */
import { indexAdvice, reindexDue, type IndexAdvice } from './indexAdvice.ts';
import { listIndexes } from './indexes.ts';
import { isLeftover, leftoverSteps } from './leftovers.ts';
import { counted, printable } from './names.ts';
import { reindexStep } from './reindex.ts';
import type { DatabaseRun } from './run.ts';
import { carryOutSteps } from './steps.ts';

/** Reports on all indexes; with `apply` drops leftovers and rebuilds what is bloated. */
export async function optimizeAll(run: DatabaseRun, apply: boolean): Promise<IndexAdvice[]> {
  const { context, session } = run;
  const listed = await listIndexes(session);
  const drops = await leftoverSteps(run, listed, apply);
  const indexes = listed.filter((index) => !isLeftover(index, listed));
  const { advice, bloated } = await indexAdvice(run, indexes, apply);
  const due = reindexDue(run, indexes, bloated);
  context.print(
    `${printable(session.target.name)}: ${counted(indexes.length, 'index', 'indexes')}, ${due.length} to rebuild, ${counted(drops.length, 'leftover')} to drop`,
  );
  if (apply) {
    await carryOutSteps(run, [...drops, ...due.map((index) => reindexStep(run, index))], { unit: 'indexes' });
  }
  return advice;
}
