/** `monitor-queries`: what runs for too long, who waits for whom; on request ends one statement or one session. */
import * as z from 'zod';
import { duration } from '../../config/units.ts';
import { defineProcedure } from '../define.ts';
import { databasesText } from './impact.ts';
import { databaseNames } from './options.ts';
import { sessionSettings } from './relied.ts';

const pid = z.int().min(1);
const options = z.object({
  database: databaseNames.describe('Name of a configured database, or several; by default all'),
  longerThan: duration.prefault('1s').describe('Statements and open transactions that run for longer are told: 1s, 5m'),
  cancel: pid.optional().describe('Cancels the statement of this backend (its pid); its session goes on'),
  terminate: pid
    .optional()
    .describe('Terminates this backend (its pid): its transaction is rolled back, its connection cut'),
});
export type MonitorQueriesOptions = z.infer<typeof options>;

export const monitorQueries = defineProcedure({
  name: 'monitor-queries',
  area: 'database',
  title: 'Monitor Queries',
  summary: 'Show statements and transactions that run for too long and who waits for them, or end one',
  changes: true,
  looksOnly: ({ cancel, terminate }) => cancel === undefined && terminate === undefined,
  settings: [...sessionSettings],
  options,
  impact: async ({ database, cancel, terminate }, config) => {
    const pid = terminate ?? cancel;
    if (pid === undefined) return `Looks at what runs in ${databasesText(database, config)}; changes nothing.`;
    const { backendImpact } = await import('./workImpact.ts');
    return backendImpact(terminate === undefined ? 'cancel' : 'terminate', pid, database, config);
  },
  work: () => import('./monitorQueriesWork.ts'),
});
