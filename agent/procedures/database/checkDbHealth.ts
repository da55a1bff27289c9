/** `check-db-health`: is a PostgreSQL server well, and what will make it ill. */
import * as z from 'zod';
import { defineProcedure } from '../define.ts';
import { databaseNames } from './options.ts';
import { healthSettings } from './relied.ts';

const options = z.object({
  database: databaseNames.describe('Name of a configured database, or several; by default all'),
});
export type CheckDbHealthOptions = z.infer<typeof options>;

export const checkDbHealth = defineProcedure({
  name: 'check-db-health',
  aliases: ['check-database-health'],
  area: 'database',
  title: 'Check Database Health',
  summary: 'Check connections, locks, replication, transaction ids, sequences, disk room and errors of PostgreSQL',
  changes: false,
  settings: [...healthSettings, 'database.dead_tuple_minimum'],
  options,
  work: () => import('./checkDbHealthWork.ts'),
});
