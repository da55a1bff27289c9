import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, rmdirSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../../agent/thrown.ts';

/** A file system of its own, in memory. */
export interface SmallDisk {
  readonly folder: string;
  readonly free: () => number;
  /** Takes all the space that is left. */
  readonly fill: () => void;
  /** Gives so many pages of that back. */
  readonly release: (pages: number) => void;
  /** Gives it back. */
  readonly clear: () => void;
  readonly dispose: () => void;
}

/** Mounting takes root and a kernel that lets it; elsewhere the tests that need it do not exist. */
export const canMount =
  process.getuid?.() === 0 &&
  attempt(() => {
    smallDisk(1).dispose();
  });

const page = 4096;

export function smallDisk(megabytes: number): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'upkeep-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', folder], { stdio: 'ignore' });
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  const filler = join(folder, 'filler');
  const free = (): number => {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  };
  return {
    folder,
    free,
    fill: () => {
      for (let part = 0; free() > 0 && part < 100; part += 1) {
        try {
          writeFileSync(`${filler}.${part}`, Buffer.alloc(Math.min(free(), 1024 * 1024), 1));
        } catch (error) {
          // The agent was faster with what was free.
          if (codeOf(error) !== 'ENOSPC') throw error;
        }
      }
    },
    release: (pages) => {
      const first = `${filler}.0`;
      truncateSync(first, Math.max(0, statSync(first).size - pages * page));
    },
    clear: () => {
      for (let part = 0; part < 100; part += 1) rmSync(`${filler}.${part}`, { force: true });
    },
    dispose: () => {
      execFileSync('umount', ['--lazy', folder]);
      rmdirSync(folder);
    },
  };
}

function attempt(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
