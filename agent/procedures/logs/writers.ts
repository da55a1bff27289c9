/** Which processes hold a file open for writing: proc(5), /proc/PID/fd and /proc/PID/fdinfo. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf } from '../../thrown.ts';

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

/**
 * Looks through all processes, or only through `pids`. Files already unlinked are found too. Synchronous in pieces: tens of thousands
 * of questions to /proc would take ten times as long from threads. `readers`: descriptors of this very process that only read.
 */
export async function findWriters(
  inodes: ReadonlySet<string>,
  pids?: readonly number[],
  readers?: ReadonlySet<number>,
): Promise<WriterScan> {
  const writers = new Map<string, Writer[]>();
  if (inodes.size === 0) return { writers, complete: true };
  let complete = true;
  let seen = 0;
  for (const pid of pids ?? processes()) {
    const held = heldBy(pid, inodes, pid === process.pid ? readers : undefined);
    if (held === null) complete = false;
    else if (held.size > 0) {
      const writer = { pid, command: commandOf(pid) };
      for (const key of held) writers.set(key, [...(writers.get(key) ?? []), writer]);
    }
    seen += 1;
    if (seen % 64 === 0) await nextTurn();
  }
  return { writers, complete: complete && process.platform === 'linux' };
}

/** Waits until nobody writes to the files any more, or the time is up; says who still does. */
export async function awaitRelease(
  inodes: ReadonlySet<string>,
  milliseconds: number,
  signal: AbortSignal,
  readers?: ReadonlySet<number>,
): Promise<WriterScan> {
  const deadline = performance.now() + milliseconds;
  let scan = await findWriters(inodes, undefined, readers);
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

function processes(): number[] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Keys among `inodes` that the process can write to; null when it may not be looked into. A process that ended holds nothing. */
function heldBy(
  pid: number,
  inodes: ReadonlySet<string>,
  readers: ReadonlySet<number> | undefined,
): ReadonlySet<string> | null {
  const held = new Set<string>();
  try {
    for (const fd of readdirSync(`/proc/${pid}/fd`)) {
      if (readers?.has(Number(fd)) === true) continue;
      const key = keyOf(pid, fd);
      if (key !== null && inodes.has(key) && isWritable(pid, fd)) held.add(key);
    }
  } catch (error) {
    if (['EACCES', 'EPERM'].includes(codeOf(error))) return null;
  }
  return held;
}

function keyOf(pid: number, fd: string): string | null {
  try {
    const link = readlinkSync(`/proc/${pid}/fd/${fd}`);
    if (!link.startsWith('/') || link.startsWith('/dev/') || link.startsWith('/proc/')) return null;
    return inodeKey(statSync(`/proc/${pid}/fd/${fd}`, { bigint: true }));
  } catch {
    return null; // closed meanwhile
  }
}

function isWritable(pid: number, fd: string): boolean {
  try {
    const flags = /^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))?.[1] ?? '0';
    return (Number.parseInt(flags, 8) & 3) !== 0;
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'ended';
  }
}
