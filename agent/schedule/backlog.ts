/** The instants of a trigger that have come due, without a look at each of a million. Pure. */
import type { Trigger } from './trigger.ts';

/** Beyond this the exact number of due instants is of no use to anyone. */
export const mostCounted = 1000;

export interface Backlog {
  /** In order. When `more`, those between the first `mostCounted` and the newest two are left out. */
  readonly instants: readonly number[];
  readonly newest: number;
  readonly more: boolean;
  /** What comes after the newest. */
  readonly following: number | null;
}

/** `first` is an instant of the trigger, at or before `now` (milliseconds since the epoch). */
export function backlogOf(trigger: Trigger, first: number, now: number): Backlog {
  const instants = [first];
  let last = first;
  let following = trigger.next(first);
  while (following !== null && following <= now && instants.length < mostCounted) {
    instants.push(following);
    last = following;
    following = trigger.next(following);
  }
  if (following === null || following > now) return { instants, newest: last, more: false, following };
  const newest = newestUpTo(trigger, following, now);
  const after = trigger.next(newest);
  if (newest === following) return { instants: [...instants, newest], newest, more: false, following: after };
  const before = newestUpTo(trigger, following, newest - 1);
  return { instants: [...instants, before, newest], newest, more: true, following: after };
}

/** The `count` newest instants in [first, newest], in order. */
export function newestOf(trigger: Trigger, first: number, newest: number, count: number): readonly number[] {
  const found = [newest];
  for (let earliest = newest; earliest > first && found.length < count;) {
    earliest = newestUpTo(trigger, first, earliest - 1);
    found.unshift(earliest);
  }
  return found;
}

/** By bisection: some forty steps however far apart `known` (an instant of the trigger) and `until` are. */
function newestUpTo(trigger: Trigger, known: number, until: number): number {
  let low = known;
  let high = until;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const next = trigger.next(middle);
    if (next !== null && next <= until) low = next;
    else high = middle;
  }
  return low;
}
