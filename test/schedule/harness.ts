/** A scheduler over a store in memory, with a clock that the test moves; what it asks for is recorded as the agent would. */
import type { BlackoutConfig } from '../../agent/config/blackouts.ts';
import type { LoadedTask } from '../../agent/config/schema.ts';
import { EventBus } from '../../agent/events.ts';
import { Calendar } from '../../agent/schedule/calendar.ts';
import { Holds } from '../../agent/schedule/holds.ts';
import { Scheduler, type DueRun, type NotRun } from '../../agent/schedule/scheduler.ts';
import { Database } from '../../agent/store/database.ts';
import { pino } from 'pino';
import { FakeClock } from './fakeClock.ts';

export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const day = 24 * hour;

export interface World {
  readonly clock: FakeClock;
  readonly database: Database;
  readonly events: EventBus;
  readonly holds: Holds;
  /** Everything that was to be started, in order. */
  readonly due: DueRun[];
  /** Everything that was recorded as missed or skipped. */
  readonly notRun: NotRun[];
  moved: number;
  /** Thrown by the next start, as a full disk would. */
  failure: Error | null;
  /** Called with each start. */
  onStart: () => void;
  readonly host: string;
  /** A scheduler that has its tasks and is started; the one before is stopped, as if the agent were restarted. */
  agent(tasks: readonly LoadedTask[], blackouts?: readonly BlackoutConfig[], unread?: readonly string[]): Scheduler;
  readonly stop: () => void;
  /** Instants of the runs that were started. */
  readonly starts: () => string[];
  /** Outcome, instant and reason of what was not. */
  readonly records: () => string[];
  readonly dispose: () => void;
}

export function worldAt(start: string, host = 'host-1'): World {
  const clock = new FakeClock(start);
  const database = new Database(':memory:');
  const events = new EventBus(database, () => clock.now());
  let current: Scheduler | null = null;
  const world: World = {
    clock,
    database,
    events,
    holds: new Holds({ database, events, clock }),
    due: [],
    notRun: [],
    moved: 0,
    failure: null,
    onStart: () => undefined,
    host,
    agent: (tasks, blackouts = [], unread = []) => {
      current?.stop();
      current = schedulerOf(world);
      current.setTasks(tasks, new Calendar(blackouts, 'UTC', unread));
      current.start();
      return current;
    },
    stop: () => {
      current?.stop();
    },
    starts: () => world.due.map(({ scheduledFor }) => iso(scheduledFor)),
    records: () => world.notRun.map(({ outcome, scheduledFor, reason }) => `${outcome} ${iso(scheduledFor)} ${reason}`),
    dispose: () => {
      current?.stop();
      database.close();
    },
  };
  return world;
}

function schedulerOf(world: World): Scheduler {
  const { database, clock, holds } = world;
  return new Scheduler({
    database,
    clock,
    log: pino({ level: 'silent' }),
    host: world.host,
    holds,
    onDue: (due) => {
      if (world.failure !== null) throw world.failure;
      record(database, due.task.name, due.scheduledFor);
      world.due.push(due);
      world.onStart();
    },
    onNotRun: (item) => {
      record(database, item.task.name, item.scheduledFor);
      world.notRun.push(item);
    },
    onMoved: () => {
      world.moved += 1;
    },
  });
}

/** As much of a run as the scheduler looks for. The store refuses a second one for the same instant. */
function record(database: Database, task: string, scheduledFor: number): void {
  database.change(
    `INSERT INTO runs (id, task, kind, trigger, attempt, scheduled_for, actor, dry_run, state, queued_at, adopted, findings)
     VALUES (?, ?, 'task', 'schedule', 1, ?, 'schedule', 0, 'ended', ?, 0, '{}')`,
    `${task}-${scheduledFor}`,
    task,
    scheduledFor,
    scheduledFor,
  );
}

export function taskWith(timing: Partial<LoadedTask>): LoadedTask {
  return {
    name: 'job',
    zone: 'UTC',
    line: 1,
    alert_on_failure: false,
    action: { kind: 'script', path: '/bin/true', args: [] },
    ...timing,
  };
}

export function iso(instant: number): string {
  return new Date(instant).toISOString().replace('.000Z', 'Z');
}
