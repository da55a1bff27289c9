import assert from 'node:assert/strict';
import { mostMadeUp } from '../../agent/schedule/missed.ts';
import type { LoadedTask } from '../../agent/config/schema.ts';
import { day, hour, iso, minute, taskWith, worldAt, type World } from './harness.ts';

describe('missed runs', () => {
  let world: World;
  beforeEach(() => {
    world = worldAt('2024-03-01T00:30:00.000Z');
  });
  afterEach(() => {
    world.dispose();
  });
  const hourly = (more: Partial<LoadedTask> = {}): LoadedTask[] => [taskWith({ schedule: '0 * * * *', ...more })];
  /** The agent is away for some time. */
  const away = (tasks: readonly LoadedTask[], ms: number): void => {
    world.agent(tasks);
    world.stop();
    world.clock.step(ms);
    world.agent(tasks);
    world.clock.advance(minute);
  };

  it('are made up for by one run, and those before it recorded in one record with their number', () => {
    away(hourly(), 5 * hour);
    assert.deepEqual(world.starts(), ['2024-03-01T05:00:00Z']);
    assert.deepEqual([world.due[0]?.late, world.due[0]?.missed], [true, 4]);
    assert.deepEqual(world.records(), [
      'missed 2024-03-01T04:00:00Z 4 runs that were due from 2024-03-01T01:00:00Z to 2024-03-01T04:00:00Z were missed; one run makes up for all',
    ]);
  });

  it('are no more than a late start when there was only one', () => {
    away(hourly(), hour);
    assert.deepEqual([world.starts(), world.due[0]?.late, world.records()], [['2024-03-01T01:00:00Z'], true, []]);
  });

  it('are made up for by the run that comes due just now', () => {
    away(hourly(), 5 * hour - 29 * minute - 30_000);
    assert.deepEqual([world.starts(), world.due[0]?.late], [['2024-03-01T05:00:00Z'], false]);
    assert.deepEqual(
      world.notRun.map(({ outcome }) => outcome),
      ['missed'],
    );
  });

  it('are recorded only, with `skip`', () => {
    away(hourly({ missed: 'skip' }), 2 * hour);
    assert.deepEqual(world.starts(), []);
    assert.deepEqual(world.records(), [
      'missed 2024-03-01T02:00:00Z 2 runs that were due from 2024-03-01T01:00:00Z to 2024-03-01T02:00:00Z were missed; not made up for (missed: skip)',
    ]);
  });

  it('are each made up for in turn, oldest first, with `all`', () => {
    away(hourly({ missed: 'all' }), 3 * hour);
    assert.deepEqual(world.starts(), ['2024-03-01T01:00:00Z', '2024-03-01T02:00:00Z', '2024-03-01T03:00:00Z']);
    assert.ok(world.due.every(({ late, inTurn }) => late && inTurn));
    assert.deepEqual(world.records(), []);
  });

  for (const [title, timing] of [
    ['cron', { schedule: '* * * * *' }],
    ['every', { every: minute }],
  ] as const) {
    it(`are made up for by the newest ${mostMadeUp} at most with \`all\` (${title}), after a year as after a day`, () => {
      for (const ms of [day, 366 * day]) {
        world.dispose();
        world = worldAt('2024-03-01T00:30:00.000Z');
        away([taskWith({ ...timing, missed: 'all' })], ms);
        const late = world.due.filter((due) => due.late);
        assert.deepEqual(
          late.map(({ scheduledFor }) => world.clock.now() - minute - scheduledFor),
          Array.from({ length: mostMadeUp }, (_, index) => (mostMadeUp - index) * minute),
        );
        assert.equal(world.notRun.length, 1);
        assert.match(
          world.records()[0] ?? '',
          /runs that were due from .* were missed; only the newest \d+ are made up for$/,
        );
      }
    });
  }

  it('are not made up for when they are older than max_age', () => {
    away(hourly({ max_age: 20 * minute }), 5 * hour);
    assert.deepEqual(world.starts(), []);
    assert.match(
      world.records()[0] ?? '',
      /^missed 2024-03-01T05:00:00Z 5 runs .*; not made up for: later than max_age 20m$/,
    );
  });

  it('are made up for as far as max_age reaches, with `all`', () => {
    away(hourly({ missed: 'all', max_age: 2 * hour }), 5 * hour);
    assert.deepEqual(world.starts(), ['2024-03-01T04:00:00Z', '2024-03-01T05:00:00Z']);
    assert.match(world.records()[0] ?? '', /^missed 2024-03-01T03:00:00Z 3 runs/);
  });

  it('are counted to a thousand, and the newest is found without a look at each of thirty years', () => {
    away([taskWith({ schedule: '* * * * *', missed: 'skip' })], 30 * 365 * day);
    assert.match(world.records()[0] ?? '', /more than \d+ runs/);
    assert.ok(
      world.clock.now() - (world.notRun[0]?.scheduledFor ?? 0) < 3 * minute,
      iso(world.notRun[0]?.scheduledFor ?? 0),
    );
  });

  it('start nothing while the schedules are paused or a blackout holds, whatever the policy', () => {
    const blackouts = [{ name: 'freeze', from: '2024-03-01T03:30', to: '2024-03-01T12:00' }];
    world.agent(hourly(), blackouts);
    world.stop();
    world.clock.step(5 * hour);
    world.agent(hourly(), blackouts);
    assert.deepEqual(world.starts(), []);
    assert.deepEqual(world.records(), [
      'skipped 2024-03-01T05:00:00Z in the blackout "freeze" until 2024-03-01T12:00:00Z (with 1 before it)',
      'missed 2024-03-01T03:00:00Z 3 runs that were due from 2024-03-01T01:00:00Z to 2024-03-01T03:00:00Z were missed; not made up for: in the blackout "freeze" until 2024-03-01T12:00:00Z',
    ]);
  });

  it('do not count what a blackout or snooze would have held back anyway', () => {
    const blackouts = [{ name: 'night', from: '2024-03-01T00:50', to: '2024-03-01T04:10' }];
    world.agent(hourly(), blackouts);
    world.stop();
    world.clock.step(5 * hour);
    world.agent(hourly(), blackouts);
    assert.deepEqual(world.starts(), ['2024-03-01T05:00:00Z']);
    assert.deepEqual(world.records(), [
      'skipped 2024-03-01T04:00:00Z in the blackout "night" until 2024-03-01T04:10:00Z (with 3 before it)',
    ]);
  });
});
