/** Applies chosen recommendations of performance-analysis, and takes them back. */
import * as z from 'zod';
import { defineProcedure } from '../define.ts';
import { ids } from './options.ts';
import { sessionSettings } from './relied.ts';

const options = z.object({
  from: z
    .string()
    .min(1)
    .optional()
    .describe('JSON report of performance-analysis; by default the last one that was made here'),
  only: ids.describe('Id of a recommendation to apply, or several; without it they are listed'),
  undo: ids.describe('Id of an applied recommendation to take back, or several'),
});
export type ApplyOptimizationsOptions = z.infer<typeof options>;

export const applyOptimizations = defineProcedure({
  name: 'apply-optimizations',
  area: 'database',
  title: 'Apply Optimizations',
  summary: 'Apply chosen recommendations of the last analysis, each with its undo recorded',
  changes: true,
  looksOnly: ({ only, undo }) => only === undefined && undo === undefined,
  settings: [...sessionSettings, 'database.lock_retries'],
  options,
  impact: ({ only, undo }) => {
    if (only === undefined && undo === undefined) return 'Lists the recommendations; changes nothing.';
    const applied = only === undefined ? [] : [`Applies ${only.join(', ')}.`];
    const taken = undo === undefined ? [] : [`Takes ${undo.join(', ')} back.`];
    return [
      ...applied,
      ...taken,
      'Settings of the server hold for all its databases at once, some after its next restart; settings of a table take a SHARE UPDATE EXCLUSIVE lock for a moment.',
    ].join(' ');
  },
  work: () => import('./applyOptimizationsWork.ts'),
});
