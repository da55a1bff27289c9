/** Work in the background: services of the host come first. */
import { readdirSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

const background = 10;

/**
 * Runs `work` with the process, its threads for compression included, at a low priority. A priority is a thread's own (setpriority(2),
 * C library/kernel differences), so each gets it; afterwards it is what it was, where the system allows that.
 */
export async function inBackground<Result>(work: () => Promise<Result>): Promise<Result> {
  const before = getPriority();
  set(Math.max(before, background));
  try {
    return await work();
  } finally {
    set(before);
  }
}

function set(priority: number): void {
  for (const thread of threads()) {
    try {
      setPriority(thread, priority);
    } catch {
      // A thread that has ended, or a higher priority that only root may take back.
    }
  }
}

function threads(): readonly number[] {
  try {
    return readdirSync('/proc/self/task').map(Number);
  } catch {
    return [0];
  }
}
