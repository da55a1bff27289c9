/** Indexes that are bloated, invalid, unused, doubled or missing; on request the first two are healed. */
import * as z from 'zod';
import { defineProcedure } from '../define.ts';
import { databasesText } from './impact.ts';
import { databaseNames, relationNames } from './options.ts';
import { bloatSettings, workSettings } from './relied.ts';

const options = z.object({
  database: databaseNames.describe('Name of a configured database, or several; by default all'),
  apply: z
    .boolean()
    .optional()
    .describe('REINDEX CONCURRENTLY what is bloated and drop invalid leftovers; nothing else is ever dropped'),
  index: relationNames.describe(
    'Only this index (schema.index), or several, bloated or not; with `apply` it is rebuilt',
  ),
});
export type OptimizeIndexesOptions = z.infer<typeof options>;

export const optimizeIndexes = defineProcedure({
  name: 'optimize-indexes',
  area: 'database',
  title: 'Optimize Indexes',
  summary: 'Find bloated, invalid, unused, duplicate and missing indexes, and rebuild what is bloated',
  changes: true,
  looksOnly: ({ apply = false }) => !apply,
  settings: [...workSettings, ...bloatSettings],
  options,
  impact: async ({ database, apply = false, index }, config) => {
    const where = databasesText(database, config);
    if (!apply) return `Looks at the indexes of ${where}; changes nothing.`;
    if (index !== undefined) {
      const { indexesImpact } = await import('./relationImpact.ts');
      return indexesImpact(index, database, config);
    }
    return (
      `REINDEX CONCURRENTLY of bloated indexes in ${where} under SHARE UPDATE EXCLUSIVE: reads and writes go on, schema changes and ` +
      'VACUUM of the table wait; each index is built anew beside the old one, so its size must be free on the disk. ' +
      'Invalid leftovers of interrupted REINDEX CONCURRENTLY are dropped.'
    );
  },
  work: () => import('./optimizeIndexesWork.ts'),
});
