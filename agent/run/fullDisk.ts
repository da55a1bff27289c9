/** A run whose output found no space: the kernel tells the job alone, so that the disk is looked at when the run has ended. */
import { appendFileSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Verdict } from './outcome.ts';

/** Less than this is no space: a job's next line might still fit, its next block does not. */
const noSpaceBytes = 64 * 1024;
const told = 'the disk of its output was full: output may be missing';

/** The verdict, with a word about the disk when that is full; the output then ends with a mark, if even that fits. */
export function noteFullDisk(verdict: Verdict, output: string, storeIsShort: boolean): Verdict {
  if (!storeIsShort && !isFull(dirname(output))) return verdict;
  try {
    appendFileSync(output, `\n[upkeep: ${told} above]\n`);
  } catch {
    // No space for it either: the reason says it.
  }
  return { ...verdict, reason: verdict.reason === null ? told : `${verdict.reason}; ${told}` };
}

function isFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < noSpaceBytes;
  } catch {
    return false;
  }
}
