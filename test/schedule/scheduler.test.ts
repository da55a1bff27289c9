import assert from 'node:assert/strict';
import { noBlackouts } from '../../agent/schedule/calendar.ts';
import { longestSleep } from '../../agent/schedule/clock.ts';
import { day, hour, minute, taskWith, worldAt, type World } from './harness.ts';

describe('Scheduler', () => {
  let world: World;
  beforeEach(() => {
    world = worldAt('2024-03-01T00:00:30.000Z');
  });
  afterEach(() => {
    world.dispose();
  });

  it('fires at each instant, once, and never sleeps longer than half a minute', () => {
    const scheduler = world.agent([taskWith({ schedule: '*/10 * * * *' })]);
    world.clock.advance(31 * minute);
    assert.deepEqual(world.starts(), ['2024-03-01T00:10:00Z', '2024-03-01T00:20:00Z', '2024-03-01T00:30:00Z']);
    assert.ok(world.due.every((item) => !item.late));
    assert.ok(world.clock.longest <= longestSleep);
    scheduler.stop();
    assert.equal(world.clock.waiting, 0);
  });

  it('says when a task comes next, and nothing for one without a schedule', () => {
    const scheduler = world.agent([taskWith({ schedule: '0 2 * * *' }), taskWith({ name: 'by hand' })]);
    assert.equal(scheduler.nextRunOf('job'), Date.parse('2024-03-01T02:00:00Z'));
    assert.equal(scheduler.nextRunOf('by hand'), null);
    assert.equal(scheduler.nextRunOf('other'), null);
  });

  it('tells once after each look that next runs have moved', () => {
    world.agent([taskWith({ schedule: '0 * * * *' }), taskWith({ name: 'second', schedule: '0 * * * *' })]);
    world.clock.advance(hour);
    assert.deepEqual([world.due.length, world.moved], [2, 1]);
  });

  it('tells within half a minute that a blackout has begun or ended, for tasks by hand too', () => {
    const byHand = taskWith({ name: 'by hand' });
    const scheduler = world.agent([byHand], [{ name: 'freeze', from: '2024-03-01T01:00', to: '2024-03-01T02:00' }]);
    world.clock.advance(hour);
    assert.equal(world.moved, 1);
    assert.deepEqual(scheduler.blackoutOf(byHand), { names: ['freeze'], until: Date.parse('2024-03-01T02:00:00Z') });
    world.clock.advance(hour);
    assert.equal(world.moved, 2);
    assert.equal(scheduler.blackoutOf(byHand), null);
  });

  it('looks at once when its tasks are replaced while it runs', () => {
    const scheduler = world.agent([]);
    world.clock.step(hour);
    scheduler.setTasks([taskWith({ at: '2024-03-01T01:00' })], noBlackouts);
    assert.deepEqual(world.starts(), ['2024-03-01T01:00:00Z']);
  });

  it('starts nothing more and leaves no timer when it is stopped by what it starts', () => {
    const scheduler = world.agent([
      taskWith({ schedule: '0 * * * *' }),
      taskWith({ name: 'second', schedule: '0 * * * *' }),
    ]);
    world.onStart = () => {
      scheduler.stop();
    };
    world.clock.advance(hour);
    assert.deepEqual(
      world.due.map(({ task }) => task.name),
      ['job'],
    );
    assert.equal(world.clock.waiting, 0);
    scheduler.refresh();
    assert.deepEqual([world.due.length, world.clock.waiting], [1, 0]);
  });

  it('does not fire an instant again after a restart', () => {
    const hourly = [taskWith({ schedule: '0 * * * *' })];
    world.agent(hourly);
    world.clock.advance(hour);
    world.agent(hourly);
    world.clock.advance(minute);
    assert.equal(world.due.length, 1);
  });

  it('runs nothing for the time in which the configuration had no such task, or another schedule', () => {
    world.agent([taskWith({ schedule: '0 1 * * *' })]);
    world.clock.advance(12 * hour);
    world.agent([taskWith({ schedule: '0 3 * * *' })]);
    world.clock.advance(minute);
    world.agent([]);
    world.clock.advance(10 * day);
    world.agent([taskWith({ schedule: '0 3 * * *' })]);
    world.clock.advance(minute);
    assert.deepEqual([world.starts(), world.records()], [['2024-03-01T01:00:00Z'], []]);
  });

  it('tries again when a run could not be recorded, and starts it once', () => {
    world.agent([taskWith({ schedule: '0 1 * * *' }), taskWith({ name: 'other', schedule: '5 1 * * *' })]);
    world.failure = new Error('database or disk is full');
    world.clock.advance(hour);
    assert.deepEqual(world.starts(), []);
    assert.equal(world.clock.waiting, 1);
    world.failure = null;
    world.clock.advance(10 * minute);
    assert.deepEqual(world.starts(), ['2024-03-01T01:00:00Z', '2024-03-01T01:05:00Z']);
  });

  it('does not repeat a run whose record was written, but not that it was looked at', () => {
    const hourly = [taskWith({ schedule: '0 * * * *' })];
    world.agent(hourly);
    world.clock.advance(hour);
    world.database.change('UPDATE schedule SET considered_until = ?', Date.parse('2024-03-01T00:30:00Z'));
    world.agent(hourly);
    world.clock.advance(hour);
    assert.deepEqual(world.starts(), ['2024-03-01T01:00:00Z', '2024-03-01T02:00:00Z']);
  });
});

describe('Scheduler with `every`', () => {
  let world: World;
  beforeEach(() => {
    world = worldAt('2024-03-01T00:00:07.000Z');
  });
  afterEach(() => {
    world.dispose();
  });
  const quarterly = [taskWith({ every: 15 * minute })];

  it('runs one interval after the task was first seen, and then in step', () => {
    world.agent(quarterly);
    world.clock.advance(31 * minute);
    assert.deepEqual(world.starts(), ['2024-03-01T00:15:07Z', '2024-03-01T00:30:07Z']);
  });

  it('keeps its step across restarts, reloads, and a time without the task', () => {
    world.agent(quarterly);
    world.clock.advance(4 * minute);
    const scheduler = world.agent(quarterly);
    assert.equal(scheduler.nextRunOf('job'), Date.parse('2024-03-01T00:15:07Z'));
    world.clock.advance(4 * minute);
    world.agent([]);
    world.clock.advance(40 * minute);
    assert.equal(world.agent(quarterly).nextRunOf('job'), Date.parse('2024-03-01T01:00:07Z'));
  });

  it('counts elapsed time over a change of the clock', () => {
    world.dispose();
    world = worldAt('2024-03-31T00:30:00.000Z');
    world.agent([taskWith({ every: hour, zone: 'Europe/Berlin' })]);
    world.clock.advance(3 * hour);
    assert.deepEqual(world.starts(), ['2024-03-31T01:30:00Z', '2024-03-31T02:30:00Z', '2024-03-31T03:30:00Z']);
  });
});

describe('Scheduler with `at`', () => {
  let world: World;
  beforeEach(() => {
    world = worldAt('2024-12-23T12:00:00.000Z');
  });
  afterEach(() => {
    world.dispose();
  });
  const christmas = (more = {}): Parameters<World['agent']>[0] => [
    taskWith({ at: '2024-12-24T02:00', zone: 'Europe/Berlin', ...more }),
  ];

  it('runs once, at the time of its zone, and has no next run afterwards', () => {
    const scheduler = world.agent(christmas());
    assert.equal(scheduler.nextRunOf('job'), Date.parse('2024-12-24T01:00:00Z'));
    world.clock.advance(3 * day);
    assert.deepEqual(world.starts(), ['2024-12-24T01:00:00Z']);
    assert.equal(scheduler.nextRunOf('job'), null);
    assert.equal(world.agent(christmas()).nextRunOf('job'), null);
    world.clock.advance(day);
    assert.equal(world.due.length, 1);
  });

  it('is delayed by its jitter as well, and comes no second time', () => {
    const scheduler = world.agent(christmas({ jitter: hour }));
    const next = scheduler.nextRunOf('job') ?? assert.fail('no next run');
    assert.ok(next > Date.parse('2024-12-24T01:00:00Z') && next < Date.parse('2024-12-24T02:00:00Z'));
    world.clock.advance(2 * day);
    assert.deepEqual(
      [world.due.map(({ scheduledFor, late }) => [scheduledFor, late]), scheduler.nextRunOf('job')],
      [[[next, false]], null],
    );
  });

  it('is made up for within an hour', () => {
    world.agent(christmas()).stop();
    world.clock.step(13 * hour + 50 * minute);
    world.agent(christmas());
    assert.deepEqual([world.starts(), world.due[0]?.late], [['2024-12-24T01:00:00Z'], true]);
  });

  it('is recorded as missed later than that', () => {
    world.agent(christmas()).stop();
    world.clock.step(14 * hour + minute);
    world.agent(christmas());
    assert.deepEqual(world.starts(), []);
    assert.match(world.records().join(), /^missed 2024-12-24T01:00:00Z .*later than max_age 1h$/);
  });

  it('never starts later than its max_age, and says so once', () => {
    const task = christmas({ max_age: 5 * minute });
    world.agent(task).stop();
    world.clock.step(13 * hour + 6 * minute);
    world.agent(task);
    world.agent(task);
    assert.deepEqual(world.starts(), []);
    assert.deepEqual(world.records(), [
      'missed 2024-12-24T01:00:00Z the run that was due at 2024-12-24T01:00:00Z was missed; not made up for: later than max_age 5m',
    ]);
  });

  it('is recorded as missed when it was past before the task was seen', () => {
    world.clock.step(10 * day);
    world.agent(christmas());
    world.clock.advance(day);
    assert.deepEqual(
      world.notRun.map(({ outcome }) => outcome),
      ['missed'],
    );
    assert.deepEqual(world.starts(), []);
  });
});

describe('Scheduler with `jitter`', () => {
  const nextOn = (host: string, name = 'job'): number => {
    const world = worldAt('2024-03-01T00:30:00.000Z', host);
    const scheduler = world.agent([taskWith({ name, schedule: '0 * * * *', jitter: 5 * minute })]);
    const next = scheduler.nextRunOf(name) ?? assert.fail('no next run');
    world.clock.advance(2 * hour);
    assert.deepEqual(
      world.due.map(({ scheduledFor, late }) => [scheduledFor, late]),
      [
        [next, false],
        [next + hour, false],
      ],
    );
    world.dispose();
    return next - Date.parse('2024-03-01T01:00:00Z');
  };

  it('delays a task on a host always by the same, shown in its next run, and hosts and tasks by different times', () => {
    const delays = Array.from({ length: 20 }, (_, index) => nextOn(`host-${index}`));
    assert.deepEqual(delays.slice(0, 2), [nextOn('host-0'), nextOn('host-1')]);
    assert.ok(delays.every((delay) => delay >= 0 && delay < 5 * minute));
    assert.ok(new Set(delays).size > 15, `${new Set(delays).size} of 20 differ`);
    assert.notEqual(nextOn('host-0', 'other'), delays[0]);
  });
});
