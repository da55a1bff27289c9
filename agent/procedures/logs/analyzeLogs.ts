/** `analyze-logs`: what logs say about errors, or about the speed of what wrote them. */
import * as z from 'zod';
import { since } from '../../config/since.ts';
import { defineProcedure } from '../define.ts';

const options = z.object({
  report: z
    .enum(['error', 'performance'])
    .default('error')
    .describe('`error`: levels and groups of messages; `performance`: requests and statements with their durations'),
  since: since.optional().describe('Leave out what is older: 24h, 7d, yesterday, 2024-03-01T12:00+01:00'),
  file: z
    .array(z.string().min(1))
    .optional()
    .describe(
      'File, folder or glob to read instead of the configured ones, packed (gzip, zstd, xz, bzip2, lz4) or not, also an archive of logs (tar); `-` is standard input',
    ),
  top: z.int().min(1).max(1000).default(20).describe('Length of each list'),
  format: z.enum(['markdown', 'json']).default('markdown').describe('Format of the report file'),
  output: z.string().min(1).optional().describe('Report file; by default one with the date in the memory of the agent'),
});
export type AnalyzeLogsOptions = z.infer<typeof options>;

export const analyzeLogs = defineProcedure({
  name: 'analyze-logs',
  area: 'logs',
  title: 'Analyze Logs',
  summary: 'Find out what logs say about errors, or about the speed of requests and statements',
  changes: false,
  settings: ['logs.analyze', 'logs.analyze.files[]', 'logs.rotate[]'],
  options,
  work: () => import('./analyzeLogsWork.ts'),
});
