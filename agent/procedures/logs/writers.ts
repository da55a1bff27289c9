/** Which processes hold a file open for writing: proc(5), /proc/PID/fd and /proc/PID/fdinfo. */
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Writer {
  readonly pid: number;
  readonly command: string;
}

export interface WriterScan {
  /** By inode key (`dev:ino`). */
  readonly writers: ReadonlyMap<string, readonly Writer[]>;
  /** False when processes of others could not be looked into, or the platform has no /proc. */
  readonly complete: boolean;
}

/** Identity of a file whatever its name: device and inode. */
export function inodeKey(stats: { readonly dev: bigint; readonly ino: bigint }): string {
  return `${stats.dev}:${stats.ino}`;
}

/** Looks through all processes, or only through `pids`. Files already unlinked are found too. */
export async function findWriters(inodes: ReadonlySet<string>, pids?: readonly number[]): Promise<WriterScan> {
  const writers = new Map<string, Writer[]>();
  if (inodes.size === 0) return { writers, complete: true };
  let complete = true;
  for (const pid of pids ?? (await processes())) {
    const held = await heldBy(pid, inodes);
    if (held === null) complete = false;
    else if (held.size > 0) {
      const command = await commandOf(pid);
      for (const key of held) writers.set(key, [...(writers.get(key) ?? []), { pid, command }]);
    }
  }
  return { writers, complete: complete && process.platform === 'linux' };
}

/** Waits until nobody writes to the files any more, or the time is up; says who still does. */
export async function awaitRelease(
  inodes: ReadonlySet<string>,
  milliseconds: number,
  signal: AbortSignal,
): Promise<WriterScan> {
  const deadline = performance.now() + milliseconds;
  let scan = await findWriters(inodes);
  while (scan.writers.size > 0 && performance.now() < deadline) {
    await sleep(100, undefined, { signal });
    const pids = [...scan.writers.values()].flat().map((writer) => writer.pid);
    scan = { ...(await findWriters(new Set(scan.writers.keys()), [...new Set(pids)])), complete: scan.complete };
  }
  return scan;
}

export function describeWriters(writers: readonly Writer[]): string {
  return writers.map((writer) => `process ${writer.pid} (${writer.command})`).join(', ');
}

async function processes(): Promise<number[]> {
  try {
    return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  } catch {
    return [];
  }
}

/** Keys among `inodes` that the process can write to; null when it may not be looked into. A process that ended holds nothing. */
async function heldBy(pid: number, inodes: ReadonlySet<string>): Promise<ReadonlySet<string> | null> {
  const held = new Set<string>();
  try {
    for (const fd of await readdir(`/proc/${pid}/fd`)) {
      const key = await keyOf(pid, fd);
      if (key !== null && inodes.has(key) && (await isWritable(pid, fd))) held.add(key);
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'EACCES' || error.code === 'EPERM')) return null;
  }
  return held;
}

async function keyOf(pid: number, fd: string): Promise<string | null> {
  try {
    const link = await readlink(`/proc/${pid}/fd/${fd}`);
    if (!link.startsWith('/') || link.startsWith('/dev/') || link.startsWith('/proc/')) return null;
    return inodeKey(await stat(`/proc/${pid}/fd/${fd}`, { bigint: true }));
  } catch {
    return null; // closed meanwhile
  }
}

async function isWritable(pid: number, fd: string): Promise<boolean> {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & 3) !== 0;
  } catch {
    return false;
  }
}

async function commandOf(pid: number): Promise<string> {
  try {
    return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
  } catch {
    return 'ended';
  }
}
