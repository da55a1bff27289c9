/**
 * Files of the systemd journal, and which of them `journalctl --vacuum-*` removes. Sources: systemd, "Journal File Format", and the rules
 * of systemd's own vacuum (libsystemd, journal-vacuum.c): each folder by itself, archived files only, by the time of their first entry.
 */
import { lstat, open, readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { totalBytes } from '../totalBytes.ts';

export interface JournalFile {
  readonly path: string;
  /** Space on the disk, as journalctl counts it. */
  readonly bytes: number;
  /** False for a file that journald may still write. */
  readonly archived: boolean;
  /** Of its first entry, or older where the times of the file say so. */
  readonly since: Date;
  /** Such an archived file goes whatever the limits are. */
  readonly empty: boolean;
  /** Files of one writer follow each other by number; null = the name does not say it. */
  readonly place: { readonly writer: string; readonly number: bigint } | null;
}

const places = ['/var/log/journal', '/run/log/journal'];
const machineFile = '/etc/machine-id';

/** What journalctl looks at: the folder and those in it that belong to a machine, or the system's own; oldest first. */
export async function journalFiles(directory: string | undefined): Promise<readonly JournalFile[]> {
  const found: JournalFile[] = [];
  for (const folder of await foldersOf(directory)) found.push(...(await filesIn(folder)));
  return found.sort((one, other) => one.since.getTime() - other.since.getTime());
}

/** Those that a vacuum removes: archived ones that begin before `before`, and the oldest of a folder that has more than `most` bytes. */
export function beyondLimits(files: readonly JournalFile[], before: Date, most: number): readonly JournalFile[] {
  const due = new Set<JournalFile>();
  for (const inFolder of Map.groupBy(files, ({ path: file }) => path.dirname(file)).values()) {
    for (const file of inFolder) if (file.empty) due.add(file);
    const full = inFolder.filter((file) => !file.empty);
    // What journald writes now counts, though it stays (seen with systemd 252).
    let bytes = totalBytes(full);
    for (const file of full.filter(({ archived }) => archived).sort(inOrder)) {
      // The first one that may stay ends it: what comes behind is not looked at.
      if (file.since >= before && (most === 0 || bytes <= most)) break;
      due.add(file);
      bytes -= file.bytes;
    }
  }
  return files.filter((file) => due.has(file));
}

function inOrder(one: JournalFile, other: JournalFile): number {
  if (one.place !== null && other.place !== null && one.place.writer === other.place.writer) {
    return one.place.number < other.place.number ? -1 : 1;
  }
  return one.since.getTime() - other.since.getTime() || (one.path < other.path ? -1 : 1);
}

async function foldersOf(directory: string | undefined): Promise<readonly string[]> {
  const own = directory === undefined ? (await readFile(machineFile, 'utf8').catch(() => '')).trim() : null;
  const found: string[] = [];
  for (const root of directory === undefined ? places : [directory]) {
    found.push(root);
    for (const name of await readdir(root).catch(() => [])) {
      const folder = path.join(root, name);
      if (!/^[0-9a-f]{32}$/.test(name) || (own !== null && name !== own)) continue;
      if ((await stat(folder).catch(() => null))?.isDirectory() === true) found.push(folder);
    }
  }
  return found;
}

const archivedName = /@([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{16})\.journal$/;
/** Set aside by journald because it was not closed, or is damaged. */
const damagedName = /@([0-9a-f]{16})-[0-9a-f]{16}\.journal~$/;

async function filesIn(folder: string): Promise<readonly JournalFile[]> {
  const found: JournalFile[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    const file = path.join(folder, entry.name);
    const [, writer, number, first] = archivedName.exec(entry.name) ?? [];
    const named = first ?? damagedName.exec(entry.name)?.[1];
    if (!entry.isFile() || (named === undefined && !entry.name.endsWith('.journal'))) continue;
    const stats = await lstat(file).catch(() => null);
    if (stats === null) continue;
    const { mtimeMs, ctimeMs, atimeMs, birthtimeMs } = stats;
    const times = [mtimeMs, ctimeMs, atimeMs, birthtimeMs].filter((time) => time > 0);
    if (named !== undefined) times.push(Number(BigInt(`0x${named}`) / 1000n));
    found.push({
      path: file,
      bytes: stats.blocks * 512,
      archived: named !== undefined,
      since: new Date(Math.min(...times)),
      empty: named !== undefined && (await isEmpty(file)),
      place: writer === undefined || number === undefined ? null : { writer, number: BigInt(`0x${number}`) },
    });
  }
  return found;
}

const entriesAt = 152;

/** By `n_entries` of its header; a file that ends before it has none. */
async function isEmpty(file: string): Promise<boolean> {
  try {
    await using handle = await open(file, 'r');
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(8), 0, 8, entriesAt);
    return bytesRead < 8 || buffer.readBigUInt64LE() === 0n;
  } catch {
    return false;
  }
}
