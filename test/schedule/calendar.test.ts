import assert from 'node:assert/strict';
import type { BlackoutConfig } from '../../agent/config/blackouts.ts';
import { BlackoutError, Calendar, describeBlackout } from '../../agent/schedule/calendar.ts';
import { day, hour, iso, minute } from './harness.ts';

const task = { name: 'vacuum', group: 'database' };

function at(rules: readonly BlackoutConfig[], instant: string, of = task, zone = 'UTC'): string {
  const found = new Calendar(rules, zone).at(of, Date.parse(instant));
  if (found === null) return 'free';
  return `${found.names.join('+')} until ${found.until === null ? 'ever' : iso(found.until)}`;
}

describe('blackouts', () => {
  const nightly: BlackoutConfig = { name: 'night', schedule: '0 22 * * *', duration: 8 * hour };
  const freeze: BlackoutConfig = { name: 'freeze', from: '2024-12-20T00:00', to: '2025-01-02' };

  it('hold from their beginning up to, not including, their end', () => {
    assert.equal(at([nightly], '2024-03-01T21:59:59.999Z'), 'free');
    assert.equal(at([nightly], '2024-03-01T22:00:00Z'), 'night until 2024-03-02T06:00:00Z');
    assert.equal(at([nightly], '2024-03-02T05:59:59.999Z'), 'night until 2024-03-02T06:00:00Z');
    assert.equal(at([nightly], '2024-03-02T06:00:00Z'), 'free');
    assert.equal(at([freeze], '2024-12-19T23:59:59Z'), 'free');
    assert.equal(at([freeze], '2024-12-20T00:00:00Z'), 'freeze until 2025-01-02T00:00:00Z');
    assert.equal(at([freeze], '2025-01-02T00:00:00Z'), 'free');
  });

  it('name all that hold, and end where the union of overlapping and adjoining ones ends', () => {
    const morning: BlackoutConfig = { name: 'morning', schedule: '0 6 * * *', duration: hour };
    const backup: BlackoutConfig = { name: 'backup', schedule: '0 23 * * *', duration: 2 * hour };
    const rules = [nightly, morning, backup];
    assert.equal(at(rules, '2024-03-01T23:30:00Z'), 'night+backup until 2024-03-02T07:00:00Z');
    assert.equal(at(rules, '2024-03-02T06:30:00Z'), 'morning until 2024-03-02T07:00:00Z');
    assert.equal(at(rules, '2024-03-02T07:00:00Z'), 'free');
  });

  it('overlap with themselves when they last longer than until their next beginning', () => {
    const always: BlackoutConfig = { name: 'always', schedule: '0 * * * *', duration: 2 * hour };
    assert.equal(at([always], '2024-03-01T12:34:56Z'), 'always until ever');
    assert.equal(describeBlackout({ names: ['a', 'b'], until: null }), 'in the blackout "a" and "b"');
  });

  it('hold every task back at any time where a mistake hides what was meant to be closed', () => {
    const calendar = new Calendar([nightly], 'UTC', ['blackouts[1]']);
    const found = calendar.at({ name: 'any' }, Date.parse('2024-03-01T12:00:00Z'));
    assert.ok(found);
    assert.deepEqual([found.until, found.names, calendar.isEmpty], [null, ['blackouts[1] (a mistake)'], false]);
    const text = 'held back by a mistake in blackouts[1] of maintenance.yaml, which may be a blackout that holds now';
    assert.equal(describeBlackout(found), text);
  });

  it('by schedule hold nothing where no date is left for them', () => {
    assert.equal(new Calendar([nightly], 'UTC').at(task, 8.639e15), null);
  });

  it('concern the named tasks and groups, or all', () => {
    const instant = '2024-12-24T00:00:00Z';
    const free = (more: Partial<BlackoutConfig>, of: { name: string; group: string } = task): boolean =>
      at([{ ...freeze, ...more }], instant, of) === 'free';
    assert.deepEqual(
      [{}, { tasks: ['vacuum'] }, { groups: ['database'] }, { tasks: ['x'], groups: ['database'] }].map((more) =>
        free(more),
      ),
      [false, false, false, false],
    );
    assert.deepEqual(
      [{ tasks: ['x'] }, { groups: ['logs'] }, { tasks: [], groups: [] }].map((more) => free(more)),
      [true, true, true],
    );
  });

  it('are read in their own zone, else in that of the file', () => {
    assert.equal(at([nightly], '2024-01-10T21:00:00Z', task, 'Europe/Berlin'), 'night until 2024-01-11T05:00:00Z');
    const own = { ...nightly, timezone: 'America/New_York' };
    assert.equal(at([own], '2024-01-11T03:00:00Z', task, 'Europe/Berlin'), 'night until 2024-01-11T11:00:00Z');
  });

  for (const [zone, changes] of [
    ['Europe/Berlin', ['2024-03-30', '2024-10-26']],
    ['Australia/Lord_Howe', ['2024-04-06', '2024-10-05']],
  ] as const) {
    it(`last their duration by elapsed time over a change of the clock in ${zone} (F07)`, () => {
      for (const date of changes) {
        const calendar = new Calendar([{ name: 'night', schedule: '0 22 * * *', duration: 8 * hour }], zone);
        const noon = Date.parse(`${date}T02:00:00Z`);
        let held = 0;
        for (let instant = noon; instant < noon + day; instant += minute) {
          if (calendar.at(task, instant) !== null) held += 1;
        }
        assert.equal(held, 8 * 60, date);
      }
    });
  }

  it('from a time of a day to the next are as long as that day', () => {
    for (const [date, next, hours] of [
      ['2024-03-31', '2024-04-01', 23],
      ['2024-10-27', '2024-10-28', 25],
    ] as const) {
      const calendar = new Calendar([{ name: 'day', from: date, to: next }], 'Europe/Berlin');
      const start = Date.parse(`${date}T00:00:00${hours === 23 ? '+01:00' : '+02:00'}`);
      assert.equal((calendar.at(task, start)?.until ?? 0) - start, hours * hour);
      assert.equal(calendar.at(task, start - 1), null);
    }
  });

  it('agree with a walk over every beginning, in whatever order they are asked', () => {
    const rule: BlackoutConfig = { name: 'x', schedule: '17 */5 * * MON-FRI', duration: 100 * minute };
    const calendar = new Calendar([rule], 'America/Havana');
    const start = Date.parse('2024-03-08T00:00:00Z');
    let seed = 7;
    for (let count = 0; count < 2000; count += 1) {
      seed = (seed * 48_271) % 2_147_483_647;
      const instant = start + (seed % (7 * day));
      const fresh = new Calendar([rule], 'America/Havana').at(task, instant);
      assert.deepEqual(calendar.at(task, instant), fresh);
    }
  });

  for (const [title, rule, key, says] of [
    ['no rule at all', {}, 'from', /`from` is missing/],
    ['a schedule without duration', { schedule: '0 1 * * *' }, 'schedule', /needs `duration`/],
    [
      'a duration without schedule',
      { duration: hour, from: '2024-01-01', to: '2024-01-02' },
      'duration',
      /needs `schedule`/,
    ],
    ['both kinds', { schedule: '0 1 * * *', duration: hour, from: '2024-01-01' }, 'schedule', /not both/],
    ['a wrong expression', { schedule: '0 25 * * *', duration: hour }, 'schedule', /Hour "25"/],
    ['an unknown zone', { schedule: '0 1 * * *', duration: hour, timezone: 'Mars/Base' }, 'timezone', /Mars\/Base/],
    ['an end before its beginning', { from: '2024-01-02', to: '2024-01-01' }, 'to', /not after/],
    ['a date that there is not', { from: '2024-02-30', to: '2024-03-01' }, 'from', /such as 2026-12-24T02:00/],
  ] as const) {
    it(`refuse ${title}`, () => {
      assert.throws(
        () => new Calendar([{ name: 'x', ...rule }], 'UTC'),
        (error) => error instanceof BlackoutError && error.key === key && says.test(error.message),
      );
    });
  }
});
