/** `blackouts`: times in which no scheduled run starts. Each comes by a schedule and lasts a duration, or goes from an instant to another. */
import * as z from 'zod';
import { taskInterval } from './timing.ts';

/** What a mistake here means, as the end of a sentence: nobody knows which time was meant to be closed. */
export const withoutBlackout = 'by this file no scheduled run starts';

export const blackoutConfig = z.strictObject({
  name: z.string().min(1).max(100).describe('What people read when a run is skipped'),
  schedule: z.string().min(1).optional().describe('Cron expression of its beginnings; with `duration`'),
  duration: taskInterval
    .optional()
    .describe('How long it lasts, by elapsed time: on the day the clock changes it is not longer or shorter'),
  from: z.string().min(1).optional().describe('Its beginning (2026-12-20T00:00), local to the zone; with `to`'),
  to: z.string().min(1).optional().describe('Its end, local to the zone'),
  timezone: z.string().optional().describe('IANA zone; by default `timezone` of the file'),
  tasks: z.array(z.string().min(1)).optional().describe('Names of the tasks that it holds back'),
  groups: z
    .array(z.string().min(1))
    .optional()
    .describe('Groups of tasks that it holds back; without `tasks` and `groups` it holds back all'),
});
export type BlackoutConfig = z.infer<typeof blackoutConfig>;
