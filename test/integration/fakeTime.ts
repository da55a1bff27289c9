/** The clock of one process and its threads, set from outside by libfaketime. Timers go on as they are: only the wall clock moves. */
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFakeTime } from '../systemPackages.ts';

export class FakeTime {
  readonly #file: string;
  #offset = 0;

  constructor(folder: string, start: string) {
    this.#file = join(folder, 'faketime');
    this.set(start);
  }

  /** For the environment of the process; the agent's own children do not get it. */
  get environment(): NodeJS.ProcessEnv {
    const library = findFakeTime();
    if (library === null) throw new Error('libfaketime is not installed (Debian package faketime)');
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_NO_CACHE: '1',
      TZ: 'UTC',
    };
  }

  /** Milliseconds since the epoch, as the process sees it now. */
  now(): number {
    return Date.now() + this.#offset;
  }

  set(instant: string): void {
    this.#write(Date.parse(instant) - Date.now());
  }

  step(ms: number): void {
    this.#write(this.#offset + ms);
  }

  #write(offset: number): void {
    this.#offset = offset;
    const seconds = (offset / 1000).toFixed(3);
    // Whole or not at all: the process reads it at every look at its clock.
    writeFileSync(`${this.#file}.new`, `${offset < 0 ? '' : '+'}${seconds}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}

/**
 * Removes what processes left in shared memory that were killed under libfaketime: one that gets such a process id again makes other
 * system calls than it would.
 */
export function clearFakeTime(folder = '/dev/shm'): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const pid = /^(?:sem\.)?faketime_(?:sem|shm)_(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) rmSync(join(folder, name), { force: true });
  }
}
