/** The backups that there are, for the person who is about to restore one. */
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { formatBytes } from '../../config/units.ts';
import { listArchives } from './backupStore.ts';

/** Newest first: the date as `restore-certificates` takes it, then when that was (UTC), the archive and its size. Throws when the folder can not be read. */
export async function backupDates(destination: string): Promise<{ value: string; description: string }[]> {
  const archives = await listArchives(destination, 'certificates');
  const dates = await Promise.all(
    archives.map(async ({ file, label }) => {
      const found = await stat(file).catch(() => null);
      // Pruned in this very moment.
      if (found === null) return null;
      return { value: label, description: `${shown(label)}, ${basename(file)}, ${formatBytes(found.size)}` };
    }),
  );
  return dates.filter((one) => one !== null).reverse();
}

/** `2024-01-15 02:00:00 UTC`, `2024-01-15` */
function shown(label: string): string {
  const [, day = '', time = ''] = /^(\d{8})(?:-(\d{6}))?$/.exec(label) ?? [];
  const date = day.replace(/(\d{4})(\d{2})(\d{2})/, '$1-$2-$3');
  return time === '' ? date : `${date} ${time.replace(/(\d{2})(\d{2})(\d{2})/, '$1:$2:$3')} UTC`;
}
