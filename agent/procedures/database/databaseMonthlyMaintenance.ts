/** Monthly maintenance of PostgreSQL: bloated tables written anew, all indexes, all statistics, orphaned data. */
import * as z from 'zod';
import { defineProcedure } from '../define.ts';
import { databasesText } from './impact.ts';
import { databaseNames, jobs, relationNames } from './options.ts';
import { bloatSettings, workSettings } from './relied.ts';

const options = z.object({
  database: databaseNames.describe('Name of a configured database, or several; by default all'),
  tables: relationNames.describe(
    'Write only this table (schema.table) anew, or several, bloated or not, and do nothing else',
  ),
  force: z
    .boolean()
    .optional()
    .describe('VACUUM FULL outside of a maintenance window too, where no gentler tool is at hand'),
  removeOrphans: z.boolean().optional().describe('Remove large objects that no column of type oid or lo refers to'),
  jobs,
});
export type MonthlyMaintenanceOptions = z.infer<typeof options>;

export const databaseMonthlyMaintenance = defineProcedure({
  name: 'database-monthly-maintenance',
  area: 'database',
  title: 'Monthly Database Maintenance',
  summary:
    'Write bloated tables anew, rebuild all indexes concurrently, refresh all statistics, look for orphaned data',
  changes: true,
  settings: [...workSettings, ...bloatSettings, 'database.orphan_queries[]'],
  options,
  impact: async (given, config) => {
    const { monthlyImpact } = await import('./relationImpact.ts');
    return monthlyImpact(given, databasesText(given.database, config), config);
  },
  work: () => import('./databaseMonthlyMaintenanceWork.ts'),
});
