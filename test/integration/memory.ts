/** Resident memory of another process, from /proc (proc(5)). */
import { readFileSync, writeFileSync } from 'node:fs';

function megabytes(pid: number, key: 'VmRSS' | 'VmHWM'): number {
  const kilobytes = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

/** How far the memory of a process rose above where it was: megabytes between its start and the highest point since. */
export class MemoryWatch {
  readonly before: number;
  readonly #pid: number;

  /** Begins now: the kernel's high-water mark is set back. */
  constructor(pid: number) {
    this.#pid = pid;
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    this.before = megabytes(pid, 'VmRSS');
  }

  growth(): number {
    return megabytes(this.#pid, 'VmHWM') - this.before;
  }
}

/** The highest resident memory of a process so far, in megabytes. */
export function peakMegabytes(pid: number): number {
  return megabytes(pid, 'VmHWM');
}
