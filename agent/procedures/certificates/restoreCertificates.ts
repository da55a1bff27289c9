/** `restore-certificates`: puts the certificate folders back as an archive has them. */
import * as z from 'zod';
import { domainName } from '../../config/certificates.ts';
import { defineProcedure } from '../define.ts';
import { archiveDate, destination } from './options.ts';

const options = z.object({
  date: archiveDate
    .optional()
    .describe(
      'Date of the backup, 20240115 (the one of that name, else the newest of that day) or 20240115-020000; by default the newest of all',
    ),
  archive: z.string().min(1).optional().describe('This archive file instead'),
  domain: domainName
    .optional()
    .describe(
      'Only the files and folders of this domain (live, archive and renewal of certbot); the others stay as they are',
    ),
  undo: z
    .boolean()
    .optional()
    .describe('What the last restore replaced (with --date: what the one of that date replaced)'),
  outsideLinks: z
    .boolean()
    .optional()
    .describe('Also symbolic links that lead out of the certificate folders and are not there now'),
  list: z.boolean().default(false).describe('Only list the archives: backups, and what restores replaced'),
  destination,
});
export type RestoreCertificatesOptions = z.infer<typeof options>;

export const restoreCertificates = defineProcedure({
  name: 'restore-certificates',
  area: 'certificates',
  title: 'Restore Certificates',
  summary: 'Put the certificate folders back as a backup has them, and keep what is there now as an undo archive',
  changes: true,
  settings: [
    'certificates.backup',
    { setting: 'certificates.deploy[]', tells: true },
    { setting: 'certificates.certbot.config_dir', tells: true },
  ],
  options,
  impact: ({ date, archive, domain, list, undo = false }, { certificates: { backup } }) => {
    if (list) return 'Archives are listed; nothing is changed.';
    const what =
      domain === undefined
        ? `${backup.paths.join(', ')} as a whole`
        : `what is of ${domain} in ${backup.paths.join(', ')}`;
    return (
      `Replaces ${what} by ${archive ?? `the ${undo ? 'undo archive' : 'backup'} of ${date ?? 'the newest date'}`}: ` +
      'certificates and keys that came later are gone from there, and lie in an undo archive. ' +
      'Services go on with the certificates that they have loaded; reload them afterwards.'
    );
  },
  choices: async ({ certificates: { backup } }) => ({
    date: await (await import('./backupDates.ts')).backupDates(backup.destination),
  }),
  work: () => import('./restoreCertificatesWork.ts'),
});
