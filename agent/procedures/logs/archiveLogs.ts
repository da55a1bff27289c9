/** `archive-logs`: rotated logs that are old go into compressed archives with checksums, and nothing is lost on the way. */
import * as z from 'zod';
import { formatDuration } from '../../config/units.ts';
import { defineProcedure } from '../define.ts';

const options = z.object({
  days: z
    .int()
    .min(0)
    .max(36_500)
    .optional()
    .describe(
      'Archive what was written last more than so many days ago, and, where its name has a date, is as old by that too; by default `logs.archive.days`',
    ),
  destination: z.string().min(1).optional().describe('Folder of the archives, instead of `logs.archive.destination`'),
  byName: z
    .boolean()
    .default(false)
    .describe(
      'Of generations with a date in their names only that counts: after a restore, which makes files look new',
    ),
  list: z.boolean().default(false).describe('Only list the archives'),
  verify: z.boolean().default(false).describe('Only read all archives and compare them with their manifests'),
  restore: z
    .string()
    .min(1)
    .optional()
    .describe('Only unpack this archive (its name in the destination), verified, into `to`'),
  to: z.string().min(1).optional().describe('With `restore`: a folder that is empty or does not exist yet'),
});
export type ArchiveLogsOptions = z.infer<typeof options>;

export const archiveLogs = defineProcedure({
  name: 'archive-logs',
  area: 'logs',
  title: 'Archive Logs',
  summary: 'Move old rotated logs into dated, compressed archives, verified before the originals are removed',
  changes: true,
  looksOnly: ({ list, verify }) => list || verify,
  settings: ['logs.archive', 'logs.archive.paths[]', 'logs.rotate[]'],
  options,
  impact: ({ list, verify, restore, days, destination }, { logs: { archive } }) => {
    if (list || verify) return 'Archives are read; nothing is changed.';
    if (restore !== undefined) return 'One archive is unpacked into a new folder; nothing else is changed.';
    const place = destination ?? archive.destination ?? 'the configured folder';
    const age = `Rotated logs that were written last more than ${days ?? archive.days} days ago are packed into an archive in ${place} and, once that is verified, removed.`;
    if (archive.keep === undefined) return age;
    return `${age} Archives older than ${formatDuration(archive.keep)} are deleted for good.`;
  },
  work: () => import('./archiveLogsWork.ts'),
});
