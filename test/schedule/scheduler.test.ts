import assert from 'node:assert/strict';
import type { LoadedTask } from '../../agent/config/schema.ts';
import { longestSleep } from '../../agent/schedule/clock.ts';
import { Scheduler, type DueRun } from '../../agent/schedule/scheduler.ts';
import { Database } from '../../agent/store/database.ts';
import { silent } from '../run/harness.ts';
import { FakeClock } from './fakeClock.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

describe('Scheduler', () => {
  let clock: FakeClock;
  let database: Database;
  let due: DueRun[];
  const make = (schedule: string): Scheduler => {
    const scheduler = new Scheduler({ database, clock, log: silent, onDue: (item) => due.push(item) });
    scheduler.setTasks([taskOf('job', schedule)]);
    return scheduler;
  };
  const instants = (): string[] => due.map((item) => new Date(item.scheduledFor).toISOString());

  beforeEach(() => {
    clock = new FakeClock('2024-03-01T00:00:30.000Z');
    database = new Database(':memory:');
    due = [];
  });
  afterEach(() => {
    database.close();
  });

  it('fires at each instant, once, and never sleeps longer than half a minute', () => {
    const scheduler = make('*/10 * * * *');
    scheduler.start();
    clock.advance(31 * minute);
    assert.deepEqual(instants(), ['2024-03-01T00:10:00.000Z', '2024-03-01T00:20:00.000Z', '2024-03-01T00:30:00.000Z']);
    assert.ok(due.every((item) => !item.late));
    assert.ok(clock.longest <= longestSleep);
    scheduler.stop();
    assert.equal(clock.waiting, 0);
  });

  it('says when a task comes next, and nothing for one without a schedule', () => {
    const scheduler = make('0 2 * * *');
    assert.equal(scheduler.nextRunOf('job'), Date.parse('2024-03-01T02:00:00Z'));
    assert.equal(scheduler.nextRunOf('other'), null);
  });

  it('makes up once for what was missed while no agent ran', () => {
    make('0 * * * *').stop();
    clock.step(5 * hour + 20 * minute);
    const scheduler = make('0 * * * *');
    scheduler.start();
    clock.advance(minute);
    assert.deepEqual(instants(), ['2024-03-01T05:00:00.000Z']);
    assert.deepEqual([due[0]?.late, due[0]?.missed], [true, 4]);
    scheduler.stop();
  });

  it('does not fire an instant again after a restart', () => {
    const first = make('0 * * * *');
    first.start();
    clock.advance(hour);
    first.stop();
    const second = make('0 * * * *');
    second.start();
    clock.advance(minute);
    assert.equal(due.length, 1);
    second.stop();
  });

  it('notices a step of the clock within half a minute and runs once', () => {
    const scheduler = make('0 3 * * *');
    scheduler.start();
    clock.step(day);
    clock.advance(longestSleep);
    assert.deepEqual(instants(), ['2024-03-01T03:00:00.000Z']);
    scheduler.stop();
  });

  it('does not repeat runs when the clock goes back a little', () => {
    const scheduler = make('*/10 * * * *');
    scheduler.start();
    clock.advance(21 * minute);
    clock.step(-15 * minute);
    clock.advance(20 * minute);
    assert.deepEqual(new Set(instants()).size, instants().length);
    scheduler.stop();
  });

  it('counts years of missed minutes without thinking about each', () => {
    make('* * * * *').stop();
    clock.step(30 * 365 * day);
    const scheduler = make('* * * * *');
    scheduler.start();
    clock.advance(minute);
    assert.ok(due.length <= 2);
    assert.ok((scheduler.nextRunOf('job') ?? 0) > clock.now());
    scheduler.stop();
  });
});

export function taskOf(name: string, schedule: string): LoadedTask {
  return {
    name,
    schedule,
    zone: 'UTC',
    line: 1,
    alert_on_failure: false,
    action: { kind: 'script', path: '/bin/true', args: [] },
  };
}
