/** How long history is kept. Open runs, the newest run of each task and its last good one stay, whatever is said here. */
import * as z from 'zod';
import { byteSize } from './units.ts';

export const retentionSettings = z.strictObject({
  runs: z
    .strictObject({
      days: z
        .int()
        .min(1)
        .max(36_500)
        .default(90)
        .describe('Runs, resolved alerts and closed windows that ended longer ago are deleted'),
      count: z.int().min(1).max(1_000_000).default(1000).describe('Runs kept for each task'),
      max_bytes: byteSize.default(2 * 2 ** 30).describe('Size of all runs with their output; the oldest go first'),
    })
    .prefault({}),
  events: z
    .strictObject({
      days: z.int().min(1).max(36_500).default(14).describe('A client that was away longer takes a snapshot'),
      count: z.int().min(100).max(1_000_000).default(50_000),
    })
    .prefault({}),
  samples: z
    .strictObject({
      days: z.int().min(1).max(36_500).default(90).describe('What checks have measured is deleted after so many days'),
      count: z.int().min(1000).max(100_000_000).default(2_000_000).describe('Samples kept, some 60 bytes each'),
    })
    .prefault({}),
});
export type RetentionSettings = z.infer<typeof retentionSettings>;
