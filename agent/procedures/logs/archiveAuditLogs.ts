/** `archive-audit-logs`: Upkeep's own audit log, its chain verified, and configured audit logs go into archives. */
import * as z from 'zod';
import { formatDuration } from '../../config/units.ts';
import { defineProcedure } from '../define.ts';

const options = z.object({
  days: z
    .int()
    .min(0)
    .max(36_500)
    .optional()
    .describe('Archive entries older than so many days; by default `logs.audit.days`'),
  destination: z.string().min(1).optional().describe('Folder of the archives, instead of `logs.audit.destination`'),
});
export type ArchiveAuditLogsOptions = z.infer<typeof options>;

export const archiveAuditLogs = defineProcedure({
  name: 'archive-audit-logs',
  area: 'logs',
  title: 'Archive Audit Logs',
  summary:
    "Copy old entries of Upkeep's audit log, its chain verified first, and move configured audit logs into archives",
  changes: true,
  settings: ['logs.audit', 'logs.audit.paths[]', 'logs.archive', 'logs.rotate[]'],
  options,
  impact: ({ days }, { logs: { audit } }) => {
    const after =
      audit.trim === undefined
        ? 'none is deleted'
        : `those older than ${formatDuration(audit.trim)} then leave the store, once the agent has verified the archive itself`;
    const own = `Entries of Upkeep's audit log older than ${days ?? audit.days} days are copied into an archive; ${after}.`;
    if (audit.paths.length === 0) return own;
    return `${own} Rotated generations of ${audit.paths.join(', ')} that are as old are moved there: removed once the archive is verified.`;
  },
  work: () => import('./archiveAuditLogsWork.ts'),
});
