/**
 * Decides when tasks are due. One sleep for all tasks, at most 30 s, and the wall clock is read again after each: clock
 * steps and suspends are noticed. What was already looked at is kept in the store, so that a restart neither repeats nor forgets.
 *
 * A clock set back by less than three hours repeats nothing: the schedule waits until it has caught up. More than that is a
 * correction (cron(8)): the schedule goes on from the new time, without the instants that have a run already.
 */
import type { Logger } from 'pino';
import type { LoadedTask } from '../config/schema.ts';
import type { Database } from '../store/database.ts';
import { keepConfigured, recordedAfter, saveSchedule, scheduleOf, setConsideredUntil } from '../store/schedule.ts';
import { backlogOf } from './backlog.ts';
import { describeBlackout, noBlackouts, type Calendar, type InBlackout } from './calendar.ts';
import { longestSleep, type Clock } from './clock.ts';
import type { Holds } from './holds.ts';
import { planDue, type DuePlan, type Hold, type MissedPolicy } from './missed.ts';
import { SkipRecords } from './skipRecords.ts';
import { fingerprintOf, triggerOf, type Trigger } from './trigger.ts';

/** A step back of the clock beyond this is a correction, not to be waited out (cron(8)). */
const correctionMs = 3 * 3_600_000;
/** After a look that failed (a full disk), the next one comes no sooner. */
const retryMs = 5000;
/** A task with `at` means that moment: this much later it is not made up for. */
const maxAgeOfOnce = 3_600_000;
/** Runs that are looked at for the next one that no blackout holds back. */
const mostLookedAhead = 200;

export interface DueRun {
  readonly task: LoadedTask;
  /** Milliseconds since the epoch. */
  readonly scheduledFor: number;
  readonly late: boolean;
  /** Instants before it that were missed as well and are not made up for. */
  readonly missed: number;
  /** True for `missed: all`: it waits for the run before it to end, whatever the task's overlap policy. */
  readonly inTurn: boolean;
}

/** A scheduled run that is not to be started but recorded. */
export interface NotRun {
  readonly task: LoadedTask;
  readonly scheduledFor: number;
  readonly outcome: 'missed' | 'skipped';
  /** One sentence without full stop. */
  readonly reason: string;
}

interface Entry {
  readonly task: LoadedTask;
  readonly trigger: Trigger;
  /** Instants to come that have a run already, from before the clock was set back. */
  done: ReadonlySet<number>;
  next: number | null;
}

export interface SchedulerParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Logger;
  /** Decides the jitter of each task, with its name. */
  readonly host: string;
  readonly holds: Holds;
  readonly onDue: (due: DueRun) => void;
  readonly onNotRun: (item: NotRun) => void;
  /** Next runs have moved on, or a blackout has begun or ended; called once after each look that found so. */
  readonly onMoved: () => void;
}

export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #skips = new SkipRecords();
  #calendar = noBlackouts;
  #entries: Entry[] = [];
  /** Those that run by hand too: a blackout concerns them. */
  #tasks: readonly LoadedTask[] = [];
  /** The blackouts that the tasks were in when they were told last. */
  #toldBlackouts = '';
  #disarm: () => void = () => undefined;
  #running = false;
  /** Latest time that the wall clock has shown since its last correction. */
  #latest: number;

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
    this.#latest = parts.clock.now();
  }

  start(): void {
    this.#running = true;
    this.#look();
  }

  stop(): void {
    this.#running = false;
    this.#disarm();
  }

  /** Replaces tasks and blackouts; tasks that run by hand alone are left out. */
  setTasks(tasks: readonly LoadedTask[], calendar: Calendar): void {
    this.#calendar = calendar;
    this.#tasks = tasks;
    this.#toldBlackouts = this.#blackoutsNow();
    this.#parts.database.transaction(() => {
      this.#entries = tasks.flatMap((task) => this.#entryOf(task) ?? []);
      keepConfigured(this.#parts.database, new Set(this.#entries.map(({ task }) => task.name)));
    });
    if (this.#running) this.#look();
  }

  /** Looks at once, as after a resume. */
  refresh(): void {
    if (this.#running) this.#look();
  }

  /** The next instant at which the task may start by its schedule; null when none is in sight. */
  nextRunOf(name: string): number | null {
    const entry = this.#entries.find(({ task }) => task.name === name);
    if (entry === undefined) return null;
    const snoozedUntil = this.#parts.holds.snoozedUntil(name) ?? Number.NEGATIVE_INFINITY;
    let candidate = entry.next;
    for (let looked = 0; candidate !== null && looked < mostLookedAhead; looked += 1) {
      const blackout = this.#calendar.at(entry.task, candidate);
      if (candidate >= snoozedUntil && blackout === null) return candidate;
      if (blackout?.until === null) return null;
      candidate = pending(entry).next(Math.max(blackout?.until ?? candidate, snoozedUntil) - 1);
    }
    return null;
  }

  /** The blackout in which a task is now; null = none. */
  blackoutOf(task: LoadedTask): InBlackout | null {
    return this.#calendar.at(task, this.#parts.clock.now());
  }

  #entryOf(task: LoadedTask): Entry | null {
    const { database, clock, host } = this.#parts;
    const now = clock.now();
    const known = scheduleOf(database, task.name);
    const fingerprint = fingerprintOf(task, host);
    const seen = known?.consideredUntil ?? null;
    const anchor = known?.anchor ?? seen ?? Math.floor(now / 1000) * 1000;
    const trigger = triggerOf(task, { host, anchor });
    if (trigger === null) return null;
    const same = (known?.fingerprint ?? fingerprint) === fingerprint && known?.configured !== false;
    const from = same && seen !== null && seen <= now + correctionMs ? seen : firstLook(trigger, now);
    const unchanged =
      same && known?.configured === true && known.fingerprint !== null && from === known.consideredUntil;
    if (!unchanged) saveSchedule(database, task.name, { consideredUntil: from, fingerprint, anchor, configured: true });
    const entry: Entry = { task, trigger, done: recordedAfter(database, task.name, from), next: null };
    entry.next = pending(entry).next(from);
    return entry;
  }

  #look(): void {
    this.#disarm();
    const now = this.#parts.clock.now();
    const before = this.#entries.map(({ next }) => next);
    const steps: [what: string, work: () => void][] = [
      [
        'the schedules could not follow the clock, which was set back',
        () => {
          this.#followClock(now);
        },
      ],
      ...this.#entries.map((entry): [string, () => void] => [
        `the scheduled run of ${entry.task.name} could not be started`,
        () => {
          this.#fire(entry, now);
        },
      ]),
      [
        'the next runs could not be told',
        () => {
          this.#tellMoved(before);
        },
      ],
    ];
    const failed = steps.filter(([what, work]) => this.#running && !this.#attempt(what, work)).length > 0;
    // What was started may have stopped it: then nothing more starts, and no timer stays.
    if (!this.#running) return;
    const soonest = Math.min(...this.#entries.map((entry) => entry.next ?? Number.POSITIVE_INFINITY));
    const sleep = Math.max(failed ? retryMs : 0, Math.min(soonest - this.#parts.clock.now(), longestSleep));
    this.#disarm = this.#parts.clock.after(sleep, () => {
      this.#look();
    });
  }

  /** False when it threw: one task that can not be started holds no other back, and is tried again at the next look. */
  #attempt(what: string, work: () => void): boolean {
    try {
      work();
      return true;
    } catch (error) {
      this.#parts.log.error({ error }, `${what}; trying again`);
      return false;
    }
  }

  #tellMoved(before: readonly (number | null)[]): void {
    const blackouts = this.#blackoutsNow();
    const changed = blackouts !== this.#toldBlackouts;
    this.#toldBlackouts = blackouts;
    if (changed || this.#entries.some(({ next }, index) => next !== before[index])) this.#parts.onMoved();
  }

  #blackoutsNow(): string {
    if (this.#calendar.isEmpty) return '';
    return JSON.stringify(this.#tasks.map((task) => this.blackoutOf(task)));
  }

  #followClock(now: number): void {
    if (now >= this.#latest - correctionMs) {
      this.#latest = Math.max(this.#latest, now);
      return;
    }
    const { database, log } = this.#parts;
    log.warn({ from: new Date(this.#latest), to: new Date(now) }, 'the clock was set back: schedules go on from there');
    for (const entry of this.#entries) {
      setConsideredUntil(database, entry.task.name, now);
      entry.done = recordedAfter(database, entry.task.name, now);
      entry.next = pending(entry).next(now);
    }
    this.#latest = now;
  }

  /** Recorded first, considered afterwards: a death in between repeats the question, and the record answers it. */
  #fire(entry: Entry, now: number): void {
    const { next: first } = entry;
    if (first === null || first > now) return;
    const { database, onDue, onNotRun } = this.#parts;
    const { task } = entry;
    const trigger = pending(entry);
    const backlog = backlogOf(trigger, first, now);
    const policy = policyOf(task, trigger);
    const plan = planDue({ trigger, backlog, now, policy, heldAt: (instant) => this.#heldAt(task, instant) });
    this.#recordHeld(task, plan);
    if (plan.missed !== null) {
      this.#parts.log.warn({ task: task.name, missed: plan.missedCount }, 'scheduled runs were missed');
      onNotRun({ task, scheduledFor: plan.missed.at, outcome: 'missed', reason: plan.missed.reason });
    }
    for (const { at, late } of plan.runs) {
      const inTurn = policy.missed === 'all' && plan.runs.length > 1;
      onDue({ task, scheduledFor: at, late, missed: inTurn ? 0 : plan.missedCount, inTurn });
    }
    setConsideredUntil(database, task.name, backlog.newest);
    entry.next = pending(entry).next(backlog.newest);
  }

  #recordHeld(task: LoadedTask, { held }: DuePlan): void {
    if (held === null) return;
    const reason = this.#skips.reasonFor(task.name, held.hold, held.reason);
    if (reason !== null) this.#parts.onNotRun({ task, scheduledFor: held.at, outcome: 'skipped', reason });
  }

  #heldAt(task: LoadedTask, instant: number): Hold | null {
    const hold = this.#parts.holds.at(task.name, instant);
    if (hold !== null) return hold;
    const blackout = this.#calendar.at(task, instant);
    if (blackout === null) return null;
    return { key: `blackout:${blackout.names.join(',')}:${blackout.until ?? ''}`, text: describeBlackout(blackout) };
  }
}

function policyOf(task: LoadedTask, trigger: Trigger): MissedPolicy {
  const maxAge = task.max_age ?? (trigger.only === null ? null : maxAgeOfOnce);
  return { missed: task.missed ?? 'once', maxAge };
}

/** A schedule that is seen for the first time begins now; a single instant in the past is looked at once, so that it is recorded. */
function firstLook(trigger: Trigger, now: number): number {
  return trigger.only === null ? now : Math.min(now, trigger.only - 1);
}

/** The trigger without the instants that have a run already. */
function pending({ trigger, done }: Pick<Entry, 'trigger' | 'done'>): Trigger {
  if (done.size === 0) return trigger;
  const next = (after: number): number | null => {
    let found = trigger.next(after);
    while (found !== null && done.has(found)) found = trigger.next(found);
    return found;
  };
  return { next, only: trigger.only };
}
