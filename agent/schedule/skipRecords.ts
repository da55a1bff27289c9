/** Bounds what a pause, snooze or blackout writes into the history of a task that would run every minute. */
import type { Hold } from './missed.ts';

/** Skipped runs of one task that are recorded for one hold. */
export const mostSkipsRecorded = 10;

export class SkipRecords {
  readonly #counts = new Map<string, { readonly key: string; count: number }>();

  /** The reason to record, or null when enough of this hold have been. */
  reasonFor(task: string, hold: Hold, reason: string): string | null {
    const known = this.#counts.get(task);
    const entry = known?.key === hold.key ? known : { key: hold.key, count: 0 };
    entry.count += 1;
    this.#counts.set(task, entry);
    if (entry.count > mostSkipsRecorded) return null;
    return entry.count < mostSkipsRecorded ? reason : `${reason}; further skipped runs are not recorded one by one`;
  }
}
