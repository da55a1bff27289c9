/** Weekly maintenance of PostgreSQL: VACUUM ANALYZE of all tables, indexes that are bloated or much written, advice. */
import * as z from 'zod';
import { defineProcedure } from '../define.ts';
import { databasesText } from './impact.ts';
import { databaseNames, jobs } from './options.ts';
import { bloatSettings, deadRowSettings, workSettings } from './relied.ts';

const options = z.object({
  database: databaseNames.describe('Name of a configured database, or several; by default all'),
  jobs,
});
export type WeeklyMaintenanceOptions = z.infer<typeof options>;

export const databaseWeeklyMaintenance = defineProcedure({
  name: 'database-weekly-maintenance',
  area: 'database',
  title: 'Weekly Database Maintenance',
  summary: 'Vacuum and analyze all tables, rebuild bloated indexes concurrently, report unused and duplicate ones',
  changes: true,
  settings: [...workSettings, ...deadRowSettings, ...bloatSettings],
  options,
  impact: ({ database }, config) =>
    `VACUUM and ANALYZE of all tables in ${databasesText(database, config)} in which anything changed, and REINDEX CONCURRENTLY of bloated and ` +
    'much-written indexes, all under SHARE UPDATE EXCLUSIVE: reads and writes go on, schema changes of a table wait while it is ' +
    'worked on. The size of each index must be free on the disk. Invalid leftovers of interrupted REINDEX CONCURRENTLY are dropped.',
  work: () => import('./databaseWeeklyMaintenanceWork.ts'),
});
