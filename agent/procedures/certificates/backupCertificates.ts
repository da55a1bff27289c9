/** `backup-certificates`: a dated archive of the certificate folders. */
import { resolve } from 'node:path';
import * as z from 'zod';
import { formatDuration } from '../../config/units.ts';
import { defineProcedure } from '../define.ts';
import { archiveDate, destination } from './options.ts';

const options = z.object({
  date: archiveDate
    .optional()
    .describe('Date under which it is kept, 20240115 or 20240115-020000; by default now (UTC)'),
  verify: z.boolean().default(false).describe('Only read all archives and compare them with their manifests'),
  destination,
});
export type BackupCertificatesOptions = z.infer<typeof options>;

export const backupCertificates = defineProcedure({
  name: 'backup-certificates',
  area: 'certificates',
  title: 'Back Up Certificates',
  summary: 'Write a dated archive of the certificate folders, with links, rights and owners, and read it back',
  changes: true,
  settings: ['certificates.backup'],
  options,
  impact: ({ destination: given, verify }, { certificates: { backup } }) => {
    if (verify) return 'Archives are read; nothing is changed.';
    const where = given === undefined ? backup.destination : resolve(given);
    return (
      `Writes an archive of ${backup.paths.join(', ')} to ${where}, readable by its owner alone and ` +
      `${backup.encrypt === undefined ? 'not encrypted: it holds the private keys in clear' : 'encrypted'}; ` +
      `of more than ${backup.keep} archives the oldest are deleted${backup.keep_for === undefined ? '' : `, and those older than ${formatDuration(backup.keep_for)}`}. The certificates themselves are only read.`
    );
  },
  work: () => import('./backupCertificatesWork.ts'),
});
