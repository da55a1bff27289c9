import assert from 'node:assert/strict';
import { Holds } from '../../agent/schedule/holds.ts';
import { mostSkipsRecorded } from '../../agent/schedule/skipRecords.ts';
import { day, hour, minute, taskWith, worldAt, type World } from './harness.ts';

const alice = { actor: 'alice', reason: 'upgrade' };

describe('holding schedules back', () => {
  let world: World;
  beforeEach(() => {
    world = worldAt('2024-03-01T00:30:00.000Z');
  });
  afterEach(() => {
    world.dispose();
  });
  const hourly = [taskWith({ schedule: '0 * * * *' })];
  const audit = (): string[] =>
    world.database
      .all('SELECT actor, action, target, reason FROM audit ORDER BY seq')
      .map((row) => [row['actor'], row['action'], row['target'], row['reason'] ?? '-'].join(' '));

  it('a snoozed task does not run until then; each skipped run is recorded with who and why', () => {
    const scheduler = world.agent(hourly);
    world.holds.snooze('job', Date.parse('2024-03-01T03:00:00Z'), alice);
    assert.equal(scheduler.nextRunOf('job'), Date.parse('2024-03-01T03:00:00Z'));
    world.clock.advance(3 * hour);
    assert.deepEqual(world.starts(), ['2024-03-01T03:00:00Z']);
    assert.deepEqual(world.records(), [
      'skipped 2024-03-01T01:00:00Z snoozed until 2024-03-01T03:00:00Z by alice (upgrade)',
      'skipped 2024-03-01T02:00:00Z snoozed until 2024-03-01T03:00:00Z by alice (upgrade)',
    ]);
    assert.deepEqual(audit(), ['alice task.snooze job upgrade']);
    assert.equal(world.holds.snoozedUntil('job'), null);
  });

  it('a snooze is over when somebody ends it, and its end is no catch-up', () => {
    world.agent(hourly);
    world.holds.snooze('job', Date.parse('2024-03-02T00:00:00Z'), alice);
    world.clock.advance(hour);
    world.holds.snooze('job', null, { actor: 'bob', reason: null });
    world.clock.advance(hour);
    assert.deepEqual(world.starts(), ['2024-03-01T02:00:00Z']);
    assert.deepEqual(audit(), ['alice task.snooze job upgrade', 'bob task.unsnooze job -']);
  });

  it('snooze and pause outlive the agent', () => {
    world.holds.snooze('job', Date.parse('2024-03-02T00:00:00Z'), alice);
    world.holds.pause(alice);
    const next = new Holds(world);
    assert.equal(next.snoozedUntil('job'), Date.parse('2024-03-02T00:00:00Z'));
    assert.deepEqual(next.paused(), { by: 'alice', since: '2024-03-01T00:30:00.000Z', reason: 'upgrade' });
  });

  it('a snooze holds although the clock was set back since', () => {
    world.holds.snooze('job', Date.parse('2024-03-01T03:00:00Z'), alice);
    world.clock.step(-5 * hour);
    world.agent(hourly);
    world.clock.advance(2 * hour);
    assert.deepEqual(world.starts(), []);
  });

  for (const [title, until] of [
    ['in the past', -minute],
    ['now', 0],
    ['more than a year away', 367 * day],
  ] as const) {
    it(`a snooze until a time ${title} is refused`, () => {
      assert.throws(() => {
        world.holds.snooze('job', world.clock.now() + until, alice);
      }, /must be a time in the next 366 days/);
      assert.deepEqual([world.holds.snoozedUntil('job'), audit()], [null, []]);
    });
  }

  it('a pause holds everything back until somebody resumes; what was due meanwhile stays skipped', () => {
    const scheduler = world.agent(hourly);
    world.holds.onChange(() => {
      scheduler.refresh();
    });
    world.holds.pause(alice);
    world.clock.advance(2 * hour);
    world.holds.resume({ actor: 'bob', reason: null });
    world.clock.advance(hour);
    assert.deepEqual(world.starts(), ['2024-03-01T03:00:00Z']);
    assert.deepEqual(world.records(), [
      'skipped 2024-03-01T01:00:00Z all schedules were paused by alice at 2024-03-01T00:30:00Z (upgrade)',
      'skipped 2024-03-01T02:00:00Z all schedules were paused by alice at 2024-03-01T00:30:00Z (upgrade)',
    ]);
    assert.deepEqual(audit(), ['alice schedule.pause all upgrade', 'bob schedule.resume all -']);
    const told = world.events
      .read(0, 10)
      .map((event) => (event.type === 'schedule.changed' ? event.data.paused?.by : 'other'));
    assert.deepEqual(told, ['alice', undefined]);
  });

  it('a pause while the agent is away covers the time away', () => {
    world.agent(hourly);
    world.holds.pause(alice);
    world.stop();
    world.clock.step(5 * hour);
    world.agent(hourly);
    world.clock.advance(minute);
    assert.deepEqual(world.starts(), []);
    assert.match(world.records().join(), /^skipped 2024-03-01T05:00:00Z .*paused by alice.* \(with 4 before it\)$/);
  });

  it('a second pause, a resume without pause and the end of no snooze are refused', () => {
    assert.throws(() => {
      world.holds.resume(alice);
    }, /not paused/);
    assert.throws(() => {
      world.holds.snooze('job', null, alice);
    }, /"job" is not snoozed/);
    world.holds.pause(alice);
    assert.throws(() => world.holds.pause(alice), /paused already, by alice since 2024-03-01/);
  });

  it('a change that could not be stored did not happen', () => {
    world.database.change('DROP TABLE audit');
    assert.throws(() => world.holds.pause(alice));
    assert.throws(() => {
      world.holds.snooze('job', world.clock.now() + hour, alice);
    });
    assert.deepEqual([world.holds.paused(), world.holds.snoozedUntil('job')], [null, null]);
    assert.equal(new Holds(world).paused(), null);
  });

  it('a snooze that could not be changed stays as it was', () => {
    const until = world.clock.now() + hour;
    world.holds.snooze('job', until, alice);
    world.database.change('DROP TABLE audit');
    assert.throws(() => {
      world.holds.snooze('job', world.clock.now() + 2 * hour, alice);
    });
    assert.throws(() => {
      world.holds.snooze('job', null, alice);
    });
    assert.deepEqual([world.holds.snoozedUntil('job'), new Holds(world).snoozedUntil('job')], [until, until]);
  });

  it('a pause without a reason is told without one', () => {
    world.agent(hourly);
    world.holds.pause({ actor: 'alice', reason: null });
    world.clock.advance(hour);
    assert.match(world.records().join(), /paused by alice at 2024-03-01T00:30:00Z$/);
  });

  it('a blackout without end skips each run, and says so without an end', () => {
    world.agent(hourly, [{ name: 'always', schedule: '0 * * * *', duration: 2 * hour }]);
    world.clock.advance(hour);
    assert.deepEqual(world.records(), ['skipped 2024-03-01T01:00:00Z in the blackout "always"']);
  });

  it('runs in a blackout are skipped and recorded, and the next run shown is the first outside of it', () => {
    const blackouts = [{ name: 'night', schedule: '0 1 * * *', duration: 2 * hour }];
    const scheduler = world.agent(hourly, blackouts);
    assert.equal(scheduler.nextRunOf('job'), Date.parse('2024-03-01T03:00:00Z'));
    world.clock.advance(3 * hour);
    assert.deepEqual(world.starts(), ['2024-03-01T03:00:00Z']);
    assert.deepEqual(world.records(), [
      'skipped 2024-03-01T01:00:00Z in the blackout "night" until 2024-03-01T03:00:00Z',
      'skipped 2024-03-01T02:00:00Z in the blackout "night" until 2024-03-01T03:00:00Z',
    ]);
    assert.equal(scheduler.nextRunOf('job'), Date.parse('2024-03-01T04:00:00Z'));
  });

  it('while a blackout can not be read nothing starts or is made up for, and each run is recorded with the place', () => {
    const held = world.agent(hourly, [], ['blackouts[0]']);
    assert.equal(held.nextRunOf('job'), null);
    world.clock.advance(2 * hour);
    world.stop();
    world.clock.advance(5 * hour);
    world.agent(hourly, [], ['blackouts[0]']);
    assert.deepEqual(world.starts(), []);
    assert.equal(world.records().length, 3);
    for (const record of world.records())
      assert.match(record, /^skipped \S+ held back by a mistake in blackouts\[0\] of/);
    world.agent(hourly);
    world.clock.advance(hour);
    assert.deepEqual(world.starts(), ['2024-03-01T08:00:00Z']);
  });

  it('a task that no blackout ever lets run has no next run', () => {
    const blackouts = [{ name: 'always', schedule: '0 * * * *', duration: 2 * hour }];
    assert.equal(world.agent(hourly, blackouts).nextRunOf('job'), null);
  });

  it('a task that would run every minute leaves a bounded number of records for each hold', () => {
    const blackouts = [{ name: 'night', schedule: '0 1 * * *', duration: 5 * hour }];
    world.agent([taskWith({ schedule: '* * * * *' })], blackouts);
    world.clock.advance(2 * day);
    assert.equal(world.notRun.length, 2 * mostSkipsRecorded);
    assert.match(world.records()[mostSkipsRecorded - 1] ?? '', /further skipped runs are not recorded one by one$/);
  });
});
