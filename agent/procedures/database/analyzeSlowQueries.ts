/** `analyze-slow-queries`: what pg_stat_statements tells of the statements that cost most. */
import * as z from 'zod';
import { duration } from '../../config/units.ts';
import { defineProcedure } from '../define.ts';
import { databaseNames } from './options.ts';
import { sessionSettings } from './relied.ts';

const options = z.object({
  database: databaseNames.describe('Name of a configured database, or several; by default all'),
  limit: z.int().min(1).max(100).default(10).describe('Most statements to tell of, those with the greatest total time'),
  minDuration: duration
    .prefault('1s')
    .describe('Statements count as slow when their 95th percentile (mean + 1.645 deviations) reaches this'),
  explain: z
    .boolean()
    .default(false)
    .describe('Also the plans of the three worst that only read; they are planned and not run'),
});
export type AnalyzeSlowQueriesOptions = z.infer<typeof options>;

export const analyzeSlowQueries = defineProcedure({
  name: 'analyze-slow-queries',
  area: 'database',
  title: 'Analyze Slow Queries',
  summary: 'Rank the slow statements of PostgreSQL by time, with rows, buffers and their share of the load',
  changes: false,
  settings: [...sessionSettings],
  options,
  work: () => import('./analyzeSlowQueriesWork.ts'),
});
