/** RELIABILITY.md F06 to F09 by an injected clock; test/integration/scheduleClock.test.ts has them by a real agent. */
import assert from 'node:assert/strict';
import { callAt, longestSleep, systemClock } from '../../agent/schedule/clock.ts';
import type { LoadedTask } from '../../agent/config/schema.ts';
import { FakeClock } from './fakeClock.ts';
import { day, hour, minute, taskWith, worldAt, type World } from './harness.ts';

const year = 365 * day;

describe('the schedule under a moving clock', () => {
  let world: World;
  beforeEach(() => {
    world = worldAt('2024-03-10T12:30:00.000Z');
  });
  afterEach(() => {
    world.dispose();
  });
  const both: readonly LoadedTask[] = [
    taskWith({ name: 'hourly', schedule: '0 * * * *' }),
    taskWith({ name: 'every', every: 10 * minute }),
  ];
  const startsOf = (name: string): string[] =>
    world.due.filter(({ task }) => task.name === name).map(({ scheduledFor }) => new Date(scheduledFor).toISOString());
  const distinct = (): void => {
    const all = [...world.due, ...world.notRun].map(({ task, scheduledFor }) => `${task.name} ${scheduledFor}`);
    assert.equal(new Set(all).size, all.length, 'an instant came twice');
  };

  for (const [title, step] of [
    ['1 hour', hour],
    ['2 h 59 min', 3 * hour - minute],
    ['1 day', day],
    ['to 2040', Date.parse('2040-06-01T00:05:00Z') - Date.parse('2024-03-10T13:30:00Z')],
  ] as const) {
    it(`F06: forward ${title}, each task catches up once within half a minute, and the rest is recorded`, () => {
      world.agent(both);
      world.clock.advance(hour);
      const before = world.due.length;
      world.clock.step(step);
      world.clock.advance(longestSleep);
      assert.deepEqual(
        world.due.slice(before).map(({ task }) => task.name),
        ['hourly', 'every'],
      );
      assert.ok(world.notRun.length <= 2);
      assert.ok(world.notRun.every(({ outcome }) => outcome === 'missed'));
      const caughtUp = world.due.length;
      world.clock.advance(hour);
      assert.equal(world.due.length - caughtUp, 1 + 6);
      distinct();
    });
  }

  it('F06: back by less than three hours, nothing is repeated, and the schedule goes on when the clock has caught up', () => {
    world.agent(both);
    world.clock.advance(hour);
    const before = world.due.length;
    world.clock.step(-hour);
    world.clock.advance(hour);
    assert.equal(world.due.length, before);
    world.clock.advance(hour);
    assert.equal(world.due.length - before, 1 + 6);
    distinct();
  });

  it('F06: two steps back that come to more than three hours are a correction', () => {
    const scheduler = world.agent(both);
    world.clock.advance(hour);
    for (let count = 0; count < 2; count += 1) {
      world.clock.step(-2 * hour);
      world.clock.advance(longestSleep);
    }
    assert.ok((scheduler.nextRunOf('hourly') ?? Infinity) - world.clock.now() <= hour);
    distinct();
  });

  for (const [title, back] of [
    ['1 day', day],
    ['to 1970', Date.parse('2024-03-10T13:30:00Z') - Date.parse('1970-01-01T00:07:00Z')],
  ] as const) {
    it(`F06: back ${title}, the schedule goes on from there at once, and back again nothing is repeated`, () => {
      const scheduler = world.agent(both);
      world.clock.advance(hour);
      const before = startsOf('hourly').length;
      world.clock.step(-back);
      world.clock.advance(longestSleep);
      assert.equal(world.due.length, before + 6);
      assert.ok((scheduler.nextRunOf('hourly') ?? Infinity) - world.clock.now() <= hour);
      world.clock.advance(hour);
      assert.equal(startsOf('hourly').length, before + 1);
      world.clock.step(back);
      world.clock.advance(longestSleep);
      assert.ok(startsOf('hourly').length <= before + 2);
      distinct();
    });
  }

  it('F06: back by a day, an instant that has a run already is not run again', () => {
    world.agent(both);
    world.clock.step(day);
    world.clock.advance(2 * hour);
    const ran = new Set(startsOf('hourly'));
    world.clock.step(-day);
    world.clock.advance(day + 2 * hour);
    assert.equal(startsOf('hourly').filter((instant) => ran.has(instant)).length, ran.size);
    distinct();
  });

  it('F06: the same holds when the agent was not running while the clock moved', () => {
    for (const step of [hour, -hour, day, -day, 16 * year, -16 * year]) {
      world.agent(both);
      world.clock.advance(10 * minute);
      world.stop();
      const before = world.due.length;
      world.clock.step(step);
      world.agent(both);
      world.clock.advance(longestSleep);
      assert.ok(world.due.length - before <= 2, `${world.due.length - before} starts after a step of ${step} ms`);
    }
    distinct();
  });

  for (const [zone, forward, skipped, back, repeated] of [
    ['Europe/Berlin', '2024-03-31T01:00:00Z', '30 2 * * *', '2024-10-27T01:00:00Z', '30 2 * * *'],
    ['Australia/Lord_Howe', '2024-10-05T15:30:00Z', '15 2 * * *', '2024-04-06T15:00:00Z', '45 1 * * *'],
  ] as const) {
    const night = (fixed: string): readonly LoadedTask[] => [
      taskWith({ name: 'fixed', schedule: fixed, zone }),
      taskWith({ name: 'often', schedule: '*/10 * * * *', zone }),
    ];

    it(`F07: ${zone}, summer time begins while running: a fixed time in the gap runs once, at the jump`, () => {
      world.dispose();
      world = worldAt(new Date(Date.parse(forward) - hour).toISOString());
      world.agent(night(skipped));
      world.clock.advance(2 * hour);
      assert.deepEqual(startsOf('fixed'), [new Date(forward).toISOString()]);
      assert.equal(startsOf('often').length, 12);
    });

    it(`F07: ${zone}, summer time ends while running: a fixed time in the repeated time runs once, the clock's every match runs`, () => {
      world.dispose();
      world = worldAt(new Date(Date.parse(back) - 2 * hour).toISOString());
      world.agent(night(repeated));
      world.clock.advance(4 * hour);
      assert.equal(startsOf('fixed').length, 1);
      assert.ok((startsOf('fixed')[0] ?? '') < new Date(back).toISOString());
      assert.equal(startsOf('often').length, 24);
    });
  }

  it('F08: after ten minutes in which the machine slept, each task catches up once', () => {
    world.agent([taskWith({ schedule: '* * * * *' }), taskWith({ name: 'slow', schedule: '35 12 * * *' })]);
    world.clock.advance(minute);
    world.clock.step(10 * minute);
    world.clock.advance(longestSleep);
    assert.deepEqual(world.starts(), ['2024-03-10T12:31:00Z', '2024-03-10T12:41:00Z', '2024-03-10T12:35:00Z']);
    assert.match(world.records().join(), /^missed 2024-03-10T12:40:00Z 9 runs/);
  });

  it('F09: a yearly schedule and a time-out of 30 days do not fire at once: no sleep exceeds half a minute', () => {
    world.agent([taskWith({ schedule: '0 0 1 1 *' })]);
    const clock = new FakeClock('2024-03-10T12:30:00.000Z');
    let fired = 0;
    callAt(clock, clock.now() + 30 * day, () => (fired += 1));
    clock.advance(30 * day - minute);
    world.clock.advance(30 * day);
    assert.deepEqual([fired, world.due.length], [0, 0]);
    clock.advance(minute);
    assert.equal(fired, 1);
    assert.equal(clock.waiting, 0);
    assert.ok(Math.max(clock.longest, world.clock.longest) <= longestSleep);
  });

  it('is that of the system outside of tests: it calls once, and not at all when that was taken back', async () => {
    const before = Date.now();
    assert.ok(systemClock.now() >= before && systemClock.now() <= Date.now());
    let called = 0;
    const takeBack = systemClock.after(0, () => (called += 10));
    takeBack();
    await new Promise<void>((resolve) => {
      systemClock.after(1, () => {
        called += 1;
        resolve();
      });
    });
    assert.equal(called, 1);
  });

  it('F09: a time-out that was slept through fires once, at the next look', () => {
    const clock = new FakeClock('2024-03-10T12:30:00.000Z');
    let fired = 0;
    callAt(clock, clock.now() + 30 * day, () => (fired += 1));
    clock.step(40 * day);
    clock.advance(longestSleep);
    assert.equal(fired, 1);
  });
});
