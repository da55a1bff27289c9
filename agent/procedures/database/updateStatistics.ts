/** ANALYZE of what is stale, or of everything; also of partitioned parents, which autovacuum never analyses. */
import * as z from 'zod';
import { defineProcedure } from '../define.ts';
import { databasesText } from './impact.ts';
import { databaseNames, jobs } from './options.ts';
import { workSettings } from './relied.ts';

const options = z.object({
  database: databaseNames.describe('Name of a configured database, or several; by default all'),
  all: z.boolean().optional().describe('Everything, not only what is stale'),
  jobs,
});
export type UpdateStatisticsOptions = z.infer<typeof options>;

export const updateStatistics = defineProcedure({
  name: 'update-statistics',
  area: 'database',
  title: 'Update Statistics',
  summary: 'Analyze tables and partitioned parents whose statistics are stale, or all of them',
  changes: true,
  settings: [...workSettings, 'database.stale_statistics_percent'],
  options,
  impact: ({ database, all = false }, config) =>
    `ANALYZE of ${all ? 'all tables' : 'tables with stale statistics'} in ${databasesText(database, config)}: reads and writes go on, ` +
    'schema changes of a table wait while it is worked on (SHARE UPDATE EXCLUSIVE).',
  work: () => import('./updateStatisticsWork.ts'),
});
