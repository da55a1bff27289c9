/** `rotate-logs`: rotates the configured logs, and shows that nothing was lost. */
import * as z from 'zod';
import { defineProcedure } from '../define.ts';

const options = z.object({
  force: z.boolean().default(false).describe('Rotate every log that is not empty, whether it is due or not'),
  config: z
    .string()
    .min(1)
    .optional()
    .describe('Existing logrotate configuration, instead of `logs` in maintenance.yaml'),
});
export type RotateLogsOptions = z.infer<typeof options>;

export const rotateLogs = defineProcedure({
  name: 'rotate-logs',
  area: 'logs',
  title: 'Rotate Logs',
  summary:
    'Rotate the configured logs by logrotate, and check that nothing was lost and that writers use the new files',
  changes: true,
  settings: ['logs.rotate[]', 'logs.config', 'logs.state'],
  options,
  impact: ({ force }) =>
    `${force ? 'Every log that is not empty is' : 'Logs that are due are'} renamed, older ones are compressed, and those beyond the configured number are deleted. Programs that write them are told to open the new files.`,
  work: () => import('./rotateLogsWork.ts'),
});
