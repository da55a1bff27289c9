/** Daily maintenance of PostgreSQL: VACUUM where rows died, ANALYZE where statistics are stale, bloat, WAL. */
import * as z from 'zod';
import { defineProcedure } from '../define.ts';
import { databasesText } from './impact.ts';
import { databaseNames, jobs } from './options.ts';
import { bloatSettings, deadRowSettings, workSettings } from './relied.ts';

const options = z.object({
  database: databaseNames.describe('Name of a configured database, or several; by default all'),
  jobs,
});
export type DailyMaintenanceOptions = z.infer<typeof options>;

export const databaseDailyMaintenance = defineProcedure({
  name: 'database-daily-maintenance',
  area: 'database',
  title: 'Daily Database Maintenance',
  summary: 'Vacuum tables with dead rows, refresh stale statistics, check bloat and WAL',
  changes: true,
  settings: [
    ...workSettings,
    ...deadRowSettings,
    ...bloatSettings,
    'database.archive_directory',
    'database.wal_retention',
  ],
  options,
  // https://www.postgresql.org/docs/current/explicit-locking.html: SHARE UPDATE EXCLUSIVE lets reads and writes pass.
  impact: async ({ database }, config) => {
    const { vacuumImpact } = await import('./workImpact.ts');
    const archived = config.database.wal_retention !== undefined;
    const archive = archived ? ' Archived WAL older than `wal_retention` that no backup needs is deleted.' : '';
    return `VACUUM and ANALYZE in ${databasesText(database, config)}: reads and writes go on, schema changes of a table wait while it is worked on (SHARE UPDATE EXCLUSIVE). ${await vacuumImpact(database, config)}${archive}`;
  },
  work: () => import('./databaseDailyMaintenanceWork.ts'),
});
