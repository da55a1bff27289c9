/** What a test reads about a process, and how it says a figure. Sources: proc(5). */
import { readFileSync, readdirSync } from 'node:fs';

/** True for `npm run test:faults -- --full` and `test:attacks -- --full`: long tests at their full length. */
export const full = process.env['UPKEEP_FULL'] === '1';

/** Bytes of the process in memory at most so far (VmHWM). */
export function peakOf(pid: number): number {
  return statusOf(pid, 'VmHWM') * 1024;
}

export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** A line among the results of the tests, for the figures of the record. */
export function tell(text: string): void {
  console.log(`      ${text}`);
}

export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MB`;
}

function statusOf(pid: number, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
