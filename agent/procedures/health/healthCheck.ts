/** `health-check`: services, resources against their thresholds, databases. */
import * as z from 'zod';
import { sessionSettings } from '../database/relied.ts';
import { defineProcedure } from '../define.ts';

const options = z.object({
  full: z
    .boolean()
    .default(false)
    .describe('Also check inodes, clock, failed units, a pending reboot and the configured certificates'),
});
export type HealthCheckOptions = z.infer<typeof options>;

export const healthCheck = defineProcedure({
  name: 'health-check',
  aliases: ['system-health-check'],
  area: 'health',
  title: 'Check Health',
  summary: 'Check services, disks, memory, processors and database connections against their thresholds',
  changes: false,
  settings: ['thresholds', 'health.services[]', 'health.exclude_mounts', ...sessionSettings],
  options,
  work: () => import('./healthCheckWork.ts'),
});
