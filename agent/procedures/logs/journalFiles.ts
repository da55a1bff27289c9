/** Files of the systemd journal: which there are, and which are archived. Names: systemd, "Journal File Format" and journald. */
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

export interface JournalFile {
  readonly path: string;
  /** Space on the disk, as journalctl counts it. */
  readonly bytes: number;
  /** False for a file that journald may still write. */
  readonly archived: boolean;
  /** Of its first entry, or its last change where the name does not say it. */
  readonly since: Date;
}

const places = ['/var/log/journal', '/run/log/journal'];

/** All journal files of the folder, or of the system; oldest first. A folder that is not there has none. */
export async function journalFiles(directory: string | undefined): Promise<readonly JournalFile[]> {
  const found: JournalFile[] = [];
  for (const place of directory === undefined ? places : [directory]) found.push(...(await filesIn(place, 1)));
  return found.sort((one, other) => one.since.getTime() - other.since.getTime());
}

/** The oldest that make `files` exceed the limits: an estimate of what `journalctl --vacuum-*` removes. */
export function beyondLimits(files: readonly JournalFile[], before: Date, most: number): readonly JournalFile[] {
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return files.filter((file) => {
    if (!file.archived || !(bytes > most || file.since < before)) return false;
    bytes -= file.bytes;
    return true;
  });
}

async function filesIn(folder: string, deeper: number): Promise<readonly JournalFile[]> {
  const found: JournalFile[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const place = path.join(folder, entry.name);
    if (entry.isDirectory() && deeper > 0) found.push(...(await filesIn(place, deeper - 1)));
    const archived = /@[0-9a-f]{32}-[0-9a-f]{16}-([0-9a-f]{16})\.journal$|@([0-9a-f]{16})-[0-9a-f]{16}\.journal~$/.exec(
      entry.name,
    );
    if (!entry.isFile() || (archived === null && !entry.name.endsWith('.journal'))) continue;
    const stats = await lstat(place).catch(() => null);
    if (stats === null) continue;
    const microseconds = archived?.[1] ?? archived?.[2];
    const named = microseconds === undefined ? stats.mtimeMs : Number(BigInt(`0x${microseconds}`) / 1000n);
    found.push({ path: place, bytes: stats.blocks * 512, archived: archived !== null, since: new Date(named) });
  }
  return found;
}
