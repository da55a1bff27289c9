/** The pause of all schedules and snoozes of single tasks: kept in the store, recorded in the audit log, told as events. */
import type { EventBus } from '../events.ts';
import type { SchedulePause } from '../protocol/nouns.ts';
import { RequestError } from '../server/requestError.ts';
import { appendAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import {
  deletePause,
  deleteSnooze,
  readPause,
  readSnoozes,
  savePause,
  saveSnooze,
  type PauseRecord,
  type SnoozeRecord,
} from '../store/holds.ts';
import type { Clock } from './clock.ts';
import { isoSeconds, type Hold } from './missed.ts';

export interface HoldsParts {
  readonly database: Database;
  readonly events: EventBus;
  readonly clock: Clock;
}

/** Who asks, and why. */
export interface HoldRequest {
  readonly actor: string;
  readonly reason: string | null;
}

const longestSnoozeMs = 366 * 86_400_000;

export class Holds {
  readonly #parts: HoldsParts;
  readonly #listeners = new Set<() => void>();
  readonly #snoozes: Map<string, SnoozeRecord>;
  #pause: PauseRecord | null;

  constructor(parts: HoldsParts) {
    this.#parts = parts;
    this.#pause = readPause(parts.database);
    this.#snoozes = new Map(readSnoozes(parts.database).map((snooze) => [snooze.task, snooze]));
  }

  /** Calls after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** As the wire has it; null = schedules run. */
  paused(): SchedulePause | null {
    if (this.#pause === null) return null;
    const { since, actor, reason } = this.#pause;
    return { by: actor, since: new Date(since).toISOString(), reason };
  }

  /** Milliseconds since the epoch; null when the task is not snoozed now. */
  snoozedUntil(task: string): number | null {
    const now = this.#parts.clock.now();
    const until = this.#snoozes.get(task)?.until ?? now;
    return until > now ? until : null;
  }

  /** What holds a scheduled run of a task back at an instant. */
  at(task: string, instant: number): Hold | null {
    if (this.#pause !== null) {
      const { since, actor, reason } = this.#pause;
      const text = `all schedules were paused by ${actor} at ${isoSeconds(since)}${because(reason)}`;
      return { key: `pause:${since}`, text };
    }
    const snooze = this.#snoozes.get(task);
    if (snooze === undefined || instant >= snooze.until) return null;
    const text = `snoozed until ${isoSeconds(snooze.until)} by ${snooze.actor}${because(snooze.reason)}`;
    return { key: `snooze:${snooze.since}`, text };
  }

  pause({ actor, reason }: HoldRequest): SchedulePause {
    const already = this.paused();
    if (already !== null) {
      throw new RequestError('conflict', `The schedules are paused already, by ${already.by} since ${already.since}.`);
    }
    const pause = { since: this.#parts.clock.now(), actor, reason };
    this.#change({ actor, reason }, 'schedule.pause', 'all', {}, () => {
      savePause(this.#parts.database, pause);
      this.#pause = pause;
    });
    return { by: actor, since: new Date(pause.since).toISOString(), reason };
  }

  resume(request: HoldRequest): void {
    if (this.#pause === null) throw new RequestError('conflict', 'The schedules are not paused.');
    this.#change(request, 'schedule.resume', 'all', {}, () => {
      deletePause(this.#parts.database);
      this.#pause = null;
    });
  }

  /** `until` in milliseconds since the epoch; null ends a snooze. */
  snooze(task: string, until: number | null, request: HoldRequest): void {
    const { database, clock } = this.#parts;
    const now = clock.now();
    if (until === null) {
      if (this.snoozedUntil(task) === null) throw new RequestError('conflict', `"${task}" is not snoozed.`);
      this.#change(request, 'task.unsnooze', task, {}, () => {
        deleteSnooze(database, task);
        this.#snoozes.delete(task);
      });
      return;
    }
    if (until <= now || until > now + longestSnoozeMs) {
      throw new RequestError('invalidParams', `"until" must be a time in the next 366 days of this host.`);
    }
    const snooze: SnoozeRecord = { task, since: now, until, ...request };
    this.#change(request, 'task.snooze', task, { until: new Date(until).toISOString() }, () => {
      saveSnooze(database, snooze);
      this.#snoozes.set(task, snooze);
    });
  }

  #change(
    { actor, reason }: HoldRequest,
    action: string,
    target: string,
    detail: Record<string, unknown>,
    write: () => void,
  ): void {
    const { database, events, clock } = this.#parts;
    const before = { pause: this.#pause, snooze: this.#snoozes.get(target) };
    try {
      database.transaction(() => {
        write();
        appendAudit(database, { at: clock.now(), actor, action, target, reason, detail });
        if (action.startsWith('schedule.')) events.emit('schedule.changed', { paused: this.paused() });
      });
    } catch (error) {
      this.#pause = before.pause;
      if (before.snooze === undefined) this.#snoozes.delete(target);
      else this.#snoozes.set(target, before.snooze);
      throw error;
    }
    for (const listener of this.#listeners) listener();
  }
}

function because(reason: string | null): string {
  return reason === null || reason === '' ? '' : ` (${reason})`;
}
