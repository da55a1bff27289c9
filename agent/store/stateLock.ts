/** One agent per state folder. The lock names its holder by pid and start time, so that a reused pid is not taken for it. */
import { closeSync, linkSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const holder = z.object({ pid: z.int(), started: z.string() });

export class StateLockedError extends Error {
  override readonly name = 'StateLockedError';
}

/** Takes the lock, or throws StateLockedError naming the holder. Returns what gives it back. */
export function lockState(directory: string): () => void {
  const file = join(directory, 'agent.lock');
  const mine = JSON.stringify({ pid: process.pid, started: startOf(process.pid) });
  const own = `${file}.${process.pid}`;
  writeFileSync(own, mine, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      try {
        // link(2) fails when the name is there: unlike a rename, two agents can not both succeed.
        linkSync(own, file);
        return () => {
          if (read(file) === mine) rmSync(file, { force: true });
        };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
      refuseLiveHolder(file, directory);
      rmSync(file, { force: true });
    }
    throw new StateLockedError(`The state folder ${directory} is being taken by another agent.`);
  } finally {
    rmSync(own, { force: true });
  }
}

function refuseLiveHolder(file: string, directory: string): void {
  const parsed = holder.safeParse(parse(read(file) ?? ''));
  if (!parsed.success || startOf(parsed.data.pid) !== parsed.data.started) return;
  throw new StateLockedError(
    `Another agent (pid ${parsed.data.pid}) uses the state folder ${directory}: stop it, or give this one its own with --state.`,
  );
}

/** When a process started, as text that only serves for comparison: ticks since boot on Linux (proc(5), field 22); empty = no such process. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    if (process.platform === 'linux') return '';
  }
  try {
    process.kill(pid, 0);
    return 'alive';
  } catch {
    return '';
  }
}

function read(file: string): string | null {
  try {
    const descriptor = openSync(file, 'r');
    try {
      return readFileSync(descriptor, 'utf8');
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return null;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
