/** The work of `check-bloat`: two queries for the estimate, one for each relation that is measured. */
import * as z from 'zod';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { relationSchema } from './bloat.ts';
import { checkBloat } from './bloatCheck.ts';
import { bytesText } from './bytesText.ts';
import type { CheckBloatOptions } from './checkBloat.ts';
import { counted, printable } from './names.ts';
import { sortByDatabase, visitDatabases, visitedSchema, watchFindings } from './visit.ts';

export const part = z.object({ databases: z.array(visitedSchema), relations: z.array(relationSchema) });
type Part = z.infer<typeof part>;

export async function run(given: CheckBloatOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const watched = watchFindings(context);
  const { minSize, method } = given;
  const relations: Part['relations'] = [];
  const options = { doing: 'the bloat check', readOnly: true, parallel: true };
  const databases = await visitDatabases(watched.context, given.database, options, async (visit) => {
    const { name } = visit.session.target;
    const found = await checkBloat(visit, { method, ...(minSize === undefined ? {} : { minimumBytes: minSize }) });
    relations.push(...found);
    reportSound(watched.context, name, found);
    for (const line of largest(found)) context.print(`  ${line}`);
  });
  sortByDatabase(relations, databases);
  return { outcome: watched.outcome('unchanged'), part: { databases, relations } };
}

function reportSound(context: ProcedureContext, name: string, relations: Part['relations']): void {
  const threshold = context.config.database.bloat_ratio;
  const sound = relations.filter(({ bloatRatio }) => bloatRatio !== null && bloatRatio < threshold);
  if (sound.length < relations.length) return;
  const subject = printable(name);
  const value = Math.max(0, ...sound.map(({ bloatRatio }) => bloatRatio ?? 0));
  const doubtful = sound.filter(({ reliable }) => !reliable).length;
  const doubts = doubtful === 0 ? '' : `; for ${doubtful} of them the statistics are stale or do not tell enough`;
  const message = `None of ${counted(relations.length, 'relation')} of ${subject} takes ${threshold} times the size expected${doubts}.`;
  context.finding({ level: 'ok', code: 'database.bloat', subject, message, value, threshold, unit: 'ratio' });
}

/** The ten that could give back most, for people. */
function largest(relations: Part['relations']): string[] {
  const excess = ({ bytes, expectedBytes }: Part['relations'][number]): number => bytes - (expectedBytes ?? bytes);
  return relations
    .filter((relation) => excess(relation) > 0)
    .sort((a, b) => excess(b) - excess(a))
    .slice(0, 10)
    .map((relation) => {
      const { schema, name, kind, bytes, expectedBytes, bloatRatio, reliable } = relation;
      const doubt = reliable ? '' : ', not reliable';
      return `${kind} ${printable(`${schema}.${name}`)}: ${bytesText(bytes)}, expected ${bytesText(expectedBytes ?? 0)} (${bloatRatio ?? '?'} times${doubt})`;
    });
}
