/** `check-bloat`: tables and indexes that take much more than their rows need. */
import * as z from 'zod';
import { byteSize } from '../../config/units.ts';
import { defineProcedure } from '../define.ts';
import { databaseNames } from './options.ts';
import { bloatSettings, sessionSettings } from './relied.ts';

const options = z.object({
  database: databaseNames.describe('Name of a configured database, or several; by default all'),
  minSize: byteSize.optional().describe('Smaller relations are left out; by default `database.bloat_minimum_bytes`'),
  method: z
    .enum(['estimate', 'exact'])
    .default('estimate')
    .describe('`estimate` from statistics, in two queries; `exact` by the extension pgstattuple, which reads the data'),
});
export type CheckBloatOptions = z.infer<typeof options>;

export const checkBloat = defineProcedure({
  name: 'check-bloat',
  area: 'database',
  title: 'Check Bloat',
  summary: 'Find tables and indexes of PostgreSQL that take more than twice the size that their rows need',
  changes: false,
  settings: [...sessionSettings, ...bloatSettings],
  options,
  work: () => import('./checkBloatWork.ts'),
});
