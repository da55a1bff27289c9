/** What there is to restore, as people and programs read it. */
import { stat } from 'node:fs/promises';
import * as z from 'zod';
import { formatBytes } from '../../config/units.ts';
import { listArchives } from './backupStore.ts';

export const listedArchive = z.object({
  archive: z.string(),
  /** As --date takes it. */
  date: z.string(),
  /** `undo`: what a restore replaced. */
  kind: z.enum(['backup', 'undo']),
  bytes: z.number(),
  encrypted: z.boolean(),
});
export type ListedArchive = z.infer<typeof listedArchive>;

export async function archivesIn(destination: string): Promise<ListedArchive[]> {
  const found: ListedArchive[] = [];
  for (const [kind, stored] of [
    ['backup', 'certificates'],
    ['undo', 'undo'],
  ] as const) {
    for (const { file, label } of await listArchives(destination, stored)) {
      const stats = await stat(file).catch(() => null);
      // Pruned in this very moment.
      if (stats === null) continue;
      found.push({ archive: file, date: label, kind, bytes: stats.size, encrypted: file.endsWith('.enc') });
    }
  }
  return found;
}

/** A line each, with the option that restores it. */
export function archiveLines(destination: string, archives: readonly ListedArchive[]): string[] {
  if (archives.length === 0) return [`There is no archive in ${destination}; make one with backup-certificates.`];
  return archives.map(({ archive, date, kind, bytes, encrypted }) => {
    const how = kind === 'undo' ? `--undo --date ${date}` : `--date ${date}`;
    return `${how.padEnd(29)} ${formatBytes(bytes).padStart(10)}  ${archive}${encrypted ? ' (encrypted)' : ''}`;
  });
}
