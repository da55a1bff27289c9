/** `performance-analysis`: everything that is known of a database in one report, with recommendations that can be applied. */
import * as z from 'zod';
import { duration } from '../../config/units.ts';
import { defineProcedure } from '../define.ts';
import { databaseNames } from './options.ts';
import { bloatSettings, healthSettings } from './relied.ts';

const options = z.object({
  database: databaseNames.describe('Name of a configured database, or several; by default all'),
  comprehensive: z
    .boolean()
    .default(false)
    .describe(
      'Also indexes that are unused, doubled or missing, advice for single tables, and plans of the slowest queries',
    ),
  minDuration: duration.prefault('1s').describe('From when on a statement counts as slow (its 95th percentile)'),
  report: z.string().min(1).optional().describe('File for the Markdown report; by default in the state folder'),
});
export type PerformanceAnalysisOptions = z.infer<typeof options>;

export const performanceAnalysis = defineProcedure({
  name: 'performance-analysis',
  area: 'database',
  title: 'Analyze Performance',
  summary: 'Report health, bloat, slow queries and settings of PostgreSQL, with recommendations that can be applied',
  changes: false,
  settings: [...healthSettings, ...bloatSettings, 'database.dead_tuple_minimum'],
  options,
  work: () => import('./performanceAnalysisWork.ts'),
});
