/** The instants of a trigger that have come due, without a look at each of a million. Pure. */
import type { Trigger } from './trigger.ts';

/** Beyond this the exact number of due instants is of no use to anyone. */
export const mostCounted = 1000;

export interface Backlog {
  /** In order. When `more`, those between the first `mostCounted` and the newest two are left out. */
  readonly instants: readonly number[];
  readonly more: boolean;
  /** What comes after the newest. */
  readonly following: number | null;
}

/** `first` is an instant of the trigger, at or before `now` (milliseconds since the epoch). */
export function backlogOf(trigger: Trigger, first: number, now: number): Backlog {
  const instants = [first];
  let following = trigger.next(first);
  while (following !== null && following <= now && instants.length < mostCounted) {
    instants.push(following);
    following = trigger.next(following);
  }
  if (following === null || following > now) return { instants, more: false, following };
  const newest = newestUpTo(trigger, following, now);
  if (newest === following) return { instants: [...instants, newest], more: false, following: trigger.next(newest) };
  const before = newestUpTo(trigger, following, newest - 1);
  return { instants: [...instants, before, newest], more: true, following: trigger.next(newest) };
}

/** The `count` newest instants in [first, newest], in order. */
export function newestOf(trigger: Trigger, first: number, newest: number, count: number): readonly number[] {
  const found = [newest];
  while (found.length < count) {
    const earliest = found[0] ?? newest;
    if (earliest <= first) break;
    found.unshift(newestUpTo(trigger, first, earliest - 1));
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
