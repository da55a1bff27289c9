/**
 * What becomes of the instants that have come due: which run now, which are recorded as missed, which are held back. Pure.
 * An instant is late when nobody looked within a minute of it: no agent ran, the machine slept, or its clock was set forward.
 */
import { formatDuration } from '../config/units.ts';
import { newestOf, type Backlog } from './backlog.ts';
import type { Trigger } from './trigger.ts';

/** Most runs that `missed: all` makes up for at a time. */
export const mostMadeUp = 100;
const lateMs = 60_000;

/** Why no scheduled run may start. */
export interface Hold {
  /** The same for all instants of one pause, snooze or blackout. */
  readonly key: string;
  /** As the end of a sentence: `in the blackout "month end" until …`. */
  readonly text: string;
}

export interface MissedPolicy {
  readonly missed: 'once' | 'skip' | 'all';
  /** Milliseconds; null = however late. */
  readonly maxAge: number | null;
}

export interface NotRunInstants {
  /** The newest of them. */
  readonly at: number;
  readonly reason: string;
}

export interface DuePlan {
  /** Oldest first. */
  readonly runs: readonly { readonly at: number; readonly late: boolean }[];
  /** Number of instants that no run was or will be started for by themselves; 0 when `missed` is null. */
  readonly missedCount: number;
  readonly missed: NotRunInstants | null;
  readonly held: (NotRunInstants & { readonly hold: Hold }) | null;
}

export interface DueQuestion {
  readonly trigger: Trigger;
  readonly backlog: Backlog;
  readonly now: number;
  readonly policy: MissedPolicy;
  /** Whether a run may start at an instant; asked for `now` too before anything is made up for. */
  readonly heldAt: (instant: number) => Hold | null;
}

export function planDue(question: DueQuestion): DuePlan {
  const { backlog, now, heldAt } = question;
  const open: number[] = [];
  const heldInstants: number[] = [];
  for (const instant of backlog.instants) (heldAt(instant) === null ? open : heldInstants).push(instant);
  const { newest } = backlog;
  const onTime = now - newest <= lateMs && open.at(-1) === newest;
  const overdue = onTime ? open.slice(0, -1) : open;
  const madeUp = madeUpFor(question, overdue, onTime);
  const missed = overdue.filter((instant) => !madeUp.includes(instant));
  return {
    runs: [...madeUp.map((at) => ({ at, late: true })), ...(onTime ? [{ at: newest, late: false }] : [])],
    missedCount: missed.length,
    missed: describeMissed(question, missed, madeUp.length + (onTime ? 1 : 0)),
    held: describeHeld(heldInstants, heldAt),
  };
}

function madeUpFor(question: DueQuestion, overdue: readonly number[], onTime: boolean): readonly number[] {
  const { policy, now, heldAt, backlog, trigger } = question;
  const oldest = overdue[0];
  const newest = overdue.at(-1);
  if (oldest === undefined || newest === undefined || policy.missed === 'skip' || heldAt(now) !== null) return [];
  const young = (instant: number): boolean => policy.maxAge === null || now - instant <= policy.maxAge;
  if (policy.missed === 'once') return !onTime && young(newest) ? [newest] : [];
  const candidates = backlog.more ? newestOf(trigger, oldest, newest, mostMadeUp) : overdue;
  return candidates.slice(-mostMadeUp).filter((instant) => young(instant) && heldAt(instant) === null);
}

function describeMissed(question: DueQuestion, missed: readonly number[], runs: number): NotRunInstants | null {
  const first = missed[0];
  const at = missed.at(-1);
  if (first === undefined || at === undefined) return null;
  const { policy, now, backlog, heldAt } = question;
  const many = backlog.more ? `more than ${missed.length}` : String(missed.length);
  const what =
    missed.length === 1
      ? `the run that was due at ${isoSeconds(at)} was missed`
      : `${many} runs that were due from ${isoSeconds(first)} to ${isoSeconds(at)} were missed`;
  const hold = heldAt(now);
  const tooOld = policy.maxAge !== null && now - at > policy.maxAge ? formatDuration(policy.maxAge) : null;
  const effect =
    policy.missed === 'skip'
      ? 'not made up for (missed: skip)'
      : hold !== null
        ? `not made up for: ${hold.text}`
        : tooOld !== null
          ? `not made up for: later than max_age ${tooOld}`
          : policy.missed === 'once'
            ? 'one run makes up for all'
            : `only the newest ${runs} are made up for`;
  return { at, reason: `${what}; ${effect}` };
}

function describeHeld(instants: readonly number[], heldAt: DueQuestion['heldAt']): DuePlan['held'] {
  const at = instants.at(-1);
  const hold = at === undefined ? null : heldAt(at);
  if (at === undefined || hold === null) return null;
  const others = instants.length - 1;
  return { at, hold, reason: others === 0 ? hold.text : `${hold.text} (with ${others} before it)` };
}

/** `2024-03-01T02:00:00Z` */
export function isoSeconds(instant: number): string {
  return new Date(instant).toISOString().replace('.000Z', 'Z');
}
