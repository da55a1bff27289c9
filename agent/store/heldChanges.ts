/** Changes that are in memory alone, in one open transaction, while the disk has no space. */
import type { SQLInputValue } from 'node:sqlite';

export interface Change {
  readonly text: string;
  readonly values: readonly SQLInputValue[];
}

/** They are kept for a second try at a commit up to this much text. */
const mostBytes = 16 * 1024 * 1024;

export class HeldChanges {
  count = 0;
  /** Since the last time that they were too many. */
  bytes = 0;
  #changes: Change[] = [];
  #whole = true;

  /** What a second try would do again; nothing once there were too many. */
  get changes(): readonly Change[] {
    return this.#changes;
  }

  /** `too many`: they are no longer kept, and the events are to be let go. */
  add(changes: readonly Change[]): 'kept' | 'too many' {
    this.count += changes.length;
    for (const change of changes) this.bytes += sizeOf(change);
    if (this.#whole) this.#changes.push(...changes);
    if (this.bytes < mostBytes) return 'kept';
    this.#changes = [];
    this.#whole = false;
    this.bytes = 0;
    return 'too many';
  }
}

function sizeOf({ text, values }: Change): number {
  return values.reduce<number>((sum, value) => sum + (typeof value === 'string' ? value.length : 8), text.length);
}
