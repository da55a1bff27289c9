/** The machine of a server that runs here: its memory, and whether its disk has moving parts. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { measureMemory } from '../health/memory.ts';
import { isLocal } from './diskRoom.ts';
import type { ServerState } from './serverState.ts';
import type { DatabaseTarget } from './target.ts';

/** Null = not known. */
export interface Machine {
  readonly memoryBytes: number | null;
  /** Of the disk of the data directory. */
  readonly rotates: boolean | null;
}

/** Nothing is known of a server elsewhere. */
export async function readMachine(
  target: Pick<DatabaseTarget, 'host'>,
  { loopback, dataDirectory }: Pick<ServerState, 'loopback' | 'dataDirectory'>,
): Promise<Machine> {
  if (!isLocal(target) || !loopback) return { memoryBytes: null, rotates: null };
  const memory = await measureMemory().catch(() => null);
  return {
    memoryBytes: memory?.totalBytes ?? null,
    rotates: dataDirectory === null ? null : await diskRotates(dataDirectory),
  };
}

/** As the kernel says of the block device (Documentation/ABI/stable/sysfs-block); a partition asks its disk. */
async function diskRotates(path: string): Promise<boolean | null> {
  try {
    const { dev } = await stat(path, { bigint: true });
    const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
    const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
    const device = await realpath(`/sys/dev/block/${major}:${minor}`);
    for (const folder of [device, `${device}/..`]) {
      const text = await readFile(`${folder}/queue/rotational`, 'utf8').catch(() => null);
      if (text !== null) return text.trim() === '1';
    }
    return null;
  } catch {
    return null;
  }
}
