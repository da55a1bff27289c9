/** When a task comes due: its cron expression, interval or single instant as one function of time. Pure. */
import { createHash } from 'node:crypto';
import type { TaskConfig } from '../config/schema.ts';
import { formatDuration } from '../config/units.ts';
import { nextRun, parseCron } from './cron.ts';
import { instantIn } from './localTime.ts';
import { zoneNamed } from './zone.ts';

/** Instants are milliseconds since the epoch. */
export interface Trigger {
  /** First instant strictly after another; null when none comes. */
  readonly next: (after: number) => number | null;
  /** The only instant of a task with `at`; null for those that repeat. */
  readonly only: number | null;
}

export type Timing = Pick<TaskConfig, 'name' | 'schedule' | 'every' | 'at' | 'day_match' | 'jitter'> & {
  /** IANA name. */
  readonly zone: string;
};

/** The schedule as people read it: the cron expression, `every 15m`, `at 2026-12-24T02:00`; null = by hand. */
export function scheduleText(timing: Pick<Timing, 'schedule' | 'every' | 'at'>): string | null {
  if (timing.schedule !== undefined) return timing.schedule;
  if (timing.every !== undefined) return `every ${formatDuration(timing.every)}`;
  return timing.at === undefined ? null : `at ${timing.at}`;
}

/** Null for a task that runs by hand. `anchor` is where the steps of `every` are counted from. Throws CronError for what loading refuses. */
export function triggerOf(timing: Timing, place: { readonly host: string; readonly anchor: number }): Trigger | null {
  const base = baseOf(timing, place.anchor);
  if (base === null) return null;
  const delay = jitterOf(timing, place.host);
  if (delay === 0) return base;
  return {
    next: (after) => {
      const found = base.next(after - delay);
      return found === null ? null : found + delay;
    },
    only: base.only === null ? null : base.only + delay,
  };
}

/** Another text means another schedule: what the former one missed is then of no concern. */
export function fingerprintOf(timing: Timing, host: string): string {
  const { schedule, every, at, day_match: dayMatch, zone } = timing;
  const parts = [schedule ?? null, every ?? null, at ?? null, dayMatch ?? 'any', zone, jitterOf(timing, host)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

/** Milliseconds, whole seconds: hosts with the same file begin apart, each always at the same time. */
function jitterOf({ name, jitter }: Pick<Timing, 'name' | 'jitter'>, host: string): number {
  if (jitter === undefined) return 0;
  const share = createHash('sha256').update(`${host}\0${name}`).digest().readUInt32BE(0) / 2 ** 32;
  return Math.floor((share * jitter) / 1000) * 1000;
}

function baseOf(timing: Timing, anchor: number): Trigger | null {
  const { schedule, every, at, zone } = timing;
  if (schedule !== undefined) {
    const cron = parseCron(schedule, { zone, dayMatch: timing.day_match ?? 'any' });
    return { next: (after) => nextRun(cron, new Date(after))?.getTime() ?? null, only: null };
  }
  if (every !== undefined) {
    return { next: (after) => anchor + (Math.floor((after - anchor) / every) + 1) * every, only: null };
  }
  if (at === undefined) return null;
  const found = zoneNamed(zone);
  const instant = found === null ? null : instantIn(found, at);
  return { next: (after) => (instant !== null && instant > after ? instant : null), only: instant };
}
