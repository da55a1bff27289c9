/**
 * Decides when tasks are due. One sleep for all tasks, at most 30 s, and the wall clock is read again after each: clock
 * steps and suspends are noticed. What was already looked at is kept in the store, so that a restart neither repeats nor forgets.
 */
import type { Logger } from 'pino';
import type { LoadedTask } from '../config/schema.ts';
import type { Database } from '../store/database.ts';
import { consideredUntil, setConsideredUntil } from '../store/schedule.ts';
import { longestSleep, type Clock } from './clock.ts';
import { nextRun, parseCron, type CronSchedule } from './cron.ts';

/** A step of the clock beyond this is a correction, not time gone by (cron(8)). */
const correctionMs = 3 * 3_600_000;
/** A run that starts later than this after its instant is a catch-up. */
const lateMs = 60_000;
/** After a jump of months the exact count of missed instants is of no use to anyone. */
const mostMissedCounted = 10_000;

export interface DueRun {
  readonly task: LoadedTask;
  /** Milliseconds since the epoch. */
  readonly scheduledFor: number;
  readonly late: boolean;
  /** Instants before it that were missed as well and are not made up for. */
  readonly missed: number;
}

interface Entry {
  readonly task: LoadedTask;
  readonly schedule: CronSchedule;
  next: number | null;
}

export interface SchedulerParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onDue: (due: DueRun) => void;
}

export class Scheduler {
  readonly #parts: SchedulerParts;
  #entries: Entry[] = [];
  #disarm: () => void = () => undefined;
  #running = false;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#running = true;
    this.#look();
  }

  stop(): void {
    this.#running = false;
    this.#disarm();
  }

  /** Replaces the tasks; those without a schedule are left out. */
  setTasks(tasks: readonly LoadedTask[]): void {
    this.#entries = tasks.flatMap((task) => {
      if (task.schedule === undefined) return [];
      const schedule = parseCron(task.schedule, { zone: task.zone, dayMatch: task.day_match ?? 'any' });
      return [{ task, schedule, next: this.#firstAfterStart(task.name, schedule) }];
    });
    if (this.#running) this.#look();
  }

  /** Milliseconds since the epoch, null for a task that has no schedule. */
  nextRunOf(task: string): number | null {
    const entry = this.#entries.find((candidate) => candidate.task.name === task);
    if (entry?.next === undefined || entry.next === null) return null;
    return entry.next;
  }

  #firstAfterStart(task: string, schedule: CronSchedule): number | null {
    const now = this.#parts.clock.now();
    const seen = consideredUntil(this.#parts.database, task);
    // Never looked at, or the clock was set back by more than cron(8) makes up for: begin now.
    const from = seen === null || seen > now + correctionMs ? now : seen;
    if (from !== seen) setConsideredUntil(this.#parts.database, task, from);
    return timeOf(nextRun(schedule, new Date(from)));
  }

  #look(): void {
    this.#disarm();
    if (!this.#running) return;
    const now = this.#parts.clock.now();
    for (const entry of this.#entries) if (entry.next !== null && entry.next <= now) this.#fire(entry, now);
    const soonest = Math.min(...this.#entries.map((entry) => entry.next ?? Number.POSITIVE_INFINITY));
    const sleep = Math.max(0, Math.min(soonest - this.#parts.clock.now(), longestSleep));
    this.#disarm = this.#parts.clock.after(sleep, () => {
      this.#look();
    });
  }

  /** Starts the newest instant that is due; older ones were missed and are made up for by this one run. */
  #fire(entry: Entry, now: number): void {
    let scheduledFor = entry.next ?? now;
    let missed = 0;
    let following = timeOf(nextRun(entry.schedule, new Date(scheduledFor)));
    while (following !== null && following <= now) {
      scheduledFor = following;
      following = timeOf(nextRun(entry.schedule, new Date(scheduledFor)));
      missed += 1;
      if (missed >= mostMissedCounted) {
        following = timeOf(nextRun(entry.schedule, new Date(now)));
        break;
      }
    }
    entry.next = following;
    setConsideredUntil(this.#parts.database, entry.task.name, scheduledFor);
    const late = now - scheduledFor > lateMs;
    if (missed > 0) this.#parts.log.warn({ task: entry.task.name, missed }, 'scheduled runs were missed');
    this.#parts.onDue({ task: entry.task, scheduledFor, late, missed });
  }
}

function timeOf(date: Date | null): number | null {
  return date === null ? null : date.getTime();
}
