/** The backups that there are, for the person who is about to restore one. */
import { basename } from 'node:path';
import { formatBytes } from '../../config/units.ts';
import { archivesIn } from './restoreList.ts';

/** Newest first: the date as `restore-certificates` takes it, then when that was (UTC), the archive and its size. Throws when the folder can not be read. */
export async function backupDates(destination: string): Promise<{ value: string; description: string }[]> {
  const backups = (await archivesIn(destination)).filter(({ kind }) => kind === 'backup');
  return backups
    .map(({ archive, date, bytes }) => ({
      value: date,
      description: `${shown(date)}, ${basename(archive)}, ${formatBytes(bytes)}`,
    }))
    .reverse();
}

/** `2024-01-15 02:00:00 UTC`, `2024-01-15` */
function shown(label: string): string {
  const [, day = '', time = ''] = /^(\d{8})(?:-(\d{6}))?$/.exec(label) ?? [];
  const date = day.replace(/(\d{4})(\d{2})(\d{2})/, '$1-$2-$3');
  return time === '' ? date : `${date} ${time.replace(/(\d{2})(\d{2})(\d{2})/, '$1:$2:$3')} UTC`;
}
