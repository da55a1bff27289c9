/** `clean-system-logs`: the journal within its limits, and leftovers that the configuration names. */
import * as z from 'zod';
import { formatBytes, formatDuration, parseBytes, parseDuration } from '../../config/units.ts';
import { defineProcedure } from '../define.ts';

/** `500M` as journalctl(1) writes it, and `500MB`, `512MiB`. */
export function sizeOf(text: string): number | null {
  const short = /^(\d+)([KMGT])$/.exec(text.trim());
  return parseBytes(short === null ? text : `${short[1] ?? ''}${short[2] ?? ''}iB`);
}

const options = z.object({
  keep: z
    .string()
    .refine((text) => (parseDuration(text) ?? 0) > 0, 'a duration with its unit: 12h, 7d')
    .optional()
    .describe('Remove archived journal files that begin with older entries: 7d; by default `logs.journal.keep`'),
  maxSize: z
    .string()
    .refine((text) => (sizeOf(text) ?? 0) > 0, 'a size with its unit: 500M, 2G')
    .optional()
    .describe('Remove the oldest archived journal files beyond this size: 500M; by default `logs.journal.max_size`'),
});
export type CleanSystemLogsOptions = z.infer<typeof options>;

export const cleanSystemLogs = defineProcedure({
  name: 'clean-system-logs',
  area: 'logs',
  title: 'Clean System Logs',
  summary: 'Bring the system journal within its limits by journalctl, and remove configured leftovers',
  changes: true,
  settings: ['logs.journal', 'logs.cleanup', 'logs.cleanup.files[]'],
  options,
  impact: ({ keep, maxSize }, { logs: { journal, cleanup } }) => {
    const age = keep ?? formatDuration(journal.keep);
    const size = maxSize ?? formatBytes(journal.max_size);
    const parts = [
      `Archived files of the system journal that begin with entries older than ${age}, and the oldest beyond ${size}, are deleted for good.`,
    ];
    if (cleanup.apt) parts.push('Downloaded packages of apt are deleted.');
    const patterns = cleanup.files.flatMap(({ paths }) => paths);
    if (patterns.length > 0)
      parts.push(`Old files that match ${patterns.join(', ')} are deleted; a dry run lists them.`);
    return parts.join(' ');
  },
  work: () => import('./cleanSystemLogsWork.ts'),
});
