/** The work of daily maintenance of PostgreSQL: VACUUM where rows died, ANALYZE where statistics are stale, bloat, WAL. */
import * as z from 'zod';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import { cleanArchive } from './archiveCleanup.ts';
import { relationSchema } from './bloat.ts';
import type { DailyMaintenanceOptions } from './databaseDailyMaintenance.ts';
import { eachDatabase, maintenancePart, type MaintenancePart } from './eachDatabase.ts';
import { maintainDatabase } from './maintain.ts';

export const part = maintenancePart.extend({ relations: z.array(relationSchema) });
type Part = z.infer<typeof part>;

export async function run(given: DailyMaintenanceOptions, context: ProcedureContext): Promise<ProcedureResult<Part>> {
  const relations: Part['relations'] = [];
  const { outcome, databases, actions } = await eachDatabase({
    context,
    names: given.database,
    work: async (database) => {
      relations.push(...(await maintainDatabase(database, given.jobs ?? 1)));
    },
    afterwards: cleanWalArchive,
  });
  return { outcome: outcome(), part: { databases, actions, relations } };
}

/** Needs no database; yet while none answers, somebody may just be restoring one from this archive. */
async function cleanWalArchive(context: ProcedureContext, result: MaintenancePart): Promise<void> {
  const { archive_directory: directory, wal_retention: retention } = context.config.database;
  if (directory === undefined) return;
  if (retention === undefined) {
    const message = `Archived WAL in ${directory} is kept for ever: set database.wal_retention.`;
    context.finding({ level: 'info', code: 'database.archive', subject: directory, message });
    return;
  }
  if (!result.databases.some((database) => database.reached)) {
    const message = `No database answered, so no archived WAL in ${directory} was removed.`;
    context.finding({ level: 'info', code: 'database.archive', subject: directory, message });
    return;
  }
  const action = await cleanArchive(context, directory, retention);
  if (action !== null) result.actions.push(action);
}
