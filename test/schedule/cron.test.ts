import assert from 'node:assert/strict';
import { nextRun, nextRuns, parseCron } from '../../agent/schedule/cron.ts';
import { nextLocal } from '../../agent/schedule/cronFields.ts';

/** First three runs, as `yyyy-mm-ddThh:mm` in UTC. */
function firstRuns(expression: string, zone: string, from: string, count = 3): string[] {
  return nextRuns(parseCron(expression, { zone }), new Date(from), count).map((run) => run.toISOString().slice(0, 16));
}

const march = '2024-03-01T00:00:00Z';

/** Expression, runs in UTC, and in Berlin where the local time makes a difference worth showing. */
const table: readonly [string, string, string?][] = [
  ['*/5 * * * *', '03-01T00:05 03-01T00:10 03-01T00:15', '03-01T00:05 03-01T00:10 03-01T00:15'],
  ['0 2 * * *', '03-01T02:00 03-02T02:00 03-03T02:00', '03-01T01:00 03-02T01:00 03-03T01:00'],
  ['30 2 * * *', '03-01T02:30 03-02T02:30 03-03T02:30', '03-01T01:30 03-02T01:30 03-03T01:30'],
  ['15 2 31 * *', '03-31T02:15 05-31T02:15 07-31T02:15', '03-31T01:00 05-31T00:15 07-31T00:15'],
  ['0 2 * * 0#1', '03-03T02:00 04-07T02:00 05-05T02:00', '03-03T01:00 04-07T00:00 05-05T00:00'],
  ['0 2 * * SUN#1', '03-03T02:00 04-07T02:00 05-05T02:00', '03-03T01:00 04-07T00:00 05-05T00:00'],
  ['0 2 * * 7#1', '03-03T02:00 04-07T02:00 05-05T02:00'],
  ['0 12 * * MON#2', '03-11T12:00 04-08T12:00 05-13T12:00', '03-11T11:00 04-08T10:00 05-13T10:00'],
  ['0 2 * * 5L', '03-29T02:00 04-26T02:00 05-31T02:00', '03-29T01:00 04-26T00:00 05-31T00:00'],
  ['0 2 * * friL', '03-29T02:00 04-26T02:00 05-31T02:00'],
  ['0 0 L * *', '03-31T00:00 04-30T00:00 05-31T00:00', '03-30T23:00 04-29T22:00 05-30T22:00'],
  ['0 0 L-3 * *', '03-28T00:00 04-27T00:00 05-28T00:00'],
  ['0 0 15W * *', '03-15T00:00 04-15T00:00 05-15T00:00'],
  ['0 0 15w 6,9 *', '06-14T00:00 09-16T00:00 2025-06-16T00:00'],
  ['0 0 1W 6 *', '06-03T00:00 2025-06-02T00:00 2026-06-01T00:00'],
  ['0 0 LW * *', '03-29T00:00 04-30T00:00 05-31T00:00'],
  ['0 2 * * 1-5', '03-01T02:00 03-04T02:00 03-05T02:00', '03-01T01:00 03-04T01:00 03-05T01:00'],
  ['0 2 * * Monday-FRI', '03-01T02:00 03-04T02:00 03-05T02:00'],
  ['0 2 * * fri-sun', '03-01T02:00 03-02T02:00 03-03T02:00'],
  ['0 0 1 * 1', '03-04T00:00 03-11T00:00 03-18T00:00', '03-03T23:00 03-10T23:00 03-17T23:00'],
  ['30 4 1,15 * 5', '03-01T04:30 03-08T04:30 03-15T04:30', '03-01T03:30 03-08T03:30 03-15T03:30'],
  ['0 2 30 2 MON', '2025-02-03T02:00 2025-02-10T02:00 2025-02-17T02:00'],
  ['0 2 29 2 *', '2028-02-29T02:00 2032-02-29T02:00 2036-02-29T02:00'],
  ['0 0 * * 7', '03-03T00:00 03-10T00:00 03-17T00:00'],
  ['0 0 ? * 7', '03-03T00:00 03-10T00:00 03-17T00:00'],
  ['0 0 */10 * 5', '05-31T00:00 06-21T00:00 10-11T00:00'],
  ['@daily', '03-02T00:00 03-03T00:00 03-04T00:00', '03-01T23:00 03-02T23:00 03-03T23:00'],
  ['@Hourly', '03-01T01:00 03-01T02:00 03-01T03:00'],
  ['@weekly', '03-03T00:00 03-10T00:00 03-17T00:00'],
  ['@monthly', '04-01T00:00 05-01T00:00 06-01T00:00'],
  ['@yearly', '2025-01-01T00:00 2026-01-01T00:00 2027-01-01T00:00'],
  ['0 30 2 * * *', '03-01T02:30 03-02T02:30 03-03T02:30', '03-01T01:30 03-02T01:30 03-03T01:30'],
  ['  0\t2  *  JAN,jul * ', '07-01T02:00 07-02T02:00 07-03T02:00'],
  ['0 22-1 * * *', '03-01T01:00 03-01T22:00 03-01T23:00'],
];

describe('nextRuns', () => {
  for (const [expression, utc, berlin] of table) {
    const expected = (runs: string): string[] => runs.split(' ').map((run) => (run.length < 16 ? `2024-${run}` : run));
    it(`gives the right runs of "${expression}"`, () => {
      assert.deepEqual(firstRuns(expression, 'UTC', march), expected(utc));
      if (berlin !== undefined) assert.deepEqual(firstRuns(expression, 'Europe/Berlin', march), expected(berlin));
    });
  }

  it('ends where dates end, rather than looking beyond them', () => {
    const schedule = parseCron('0 2 * * *');
    assert.equal(nextRun(schedule, new Date(8.639e15)), null);
    assert.deepEqual(nextRuns(schedule, new Date(8.639e15), 3), []);
    assert.equal(nextLocal(schedule.fields, 9e15), null);
  });

  it('wants both day fields with dayMatch all', () => {
    const schedule = parseCron('0 2 13 * 5', { dayMatch: 'all' });
    const runs = nextRuns(schedule, new Date(march), 2).map((run) => run.toISOString().slice(0, 10));
    assert.deepEqual(runs, ['2024-09-13', '2024-12-13']);
  });

  it('goes second by second where the sixth field says so', () => {
    const runs = nextRuns(parseCron('*/20 59 23 31 12 *'), new Date(march), 4).map((run) => run.toISOString());
    const expected = ['2024-12-31T23:59:00.000Z', '2024-12-31T23:59:20.000Z', '2024-12-31T23:59:40.000Z'];
    assert.deepEqual(runs, [...expected, '2025-12-31T23:59:00.000Z']);
  });

  it('finds the Monday 29 February that is 40 years away', () => {
    const schedule = parseCron('0 0 29 2 1', { dayMatch: 'all' });
    const runs = nextRuns(schedule, new Date('2073-01-01T00:00Z'), 1).map((run) => run.toISOString().slice(0, 10));
    assert.deepEqual(runs, ['2112-02-29']);
  });
});

describe('clock changes', () => {
  const berlin = (expression: string, from: string, count: number): string[] =>
    firstRuns(expression, 'Europe/Berlin', from, count);

  it('runs a skipped fixed time once, right after the jump', () => {
    assert.deepEqual(berlin('30 2 * * *', '2024-03-30T12:00Z', 2), ['2024-03-31T01:00', '2024-04-01T00:30']);
    assert.deepEqual(berlin('0,30 2 * * *', '2024-03-30T12:00Z', 2), ['2024-03-31T01:00', '2024-04-01T00:00']);
    assert.deepEqual(berlin('30 2,3 * * *', '2024-03-30T12:00Z', 2), ['2024-03-31T01:00', '2024-03-31T01:30']);
  });

  it('runs a repeated fixed time at the first pass only', () => {
    assert.deepEqual(berlin('30 2 * * *', '2024-10-26T12:00Z', 2), ['2024-10-27T00:30', '2024-10-28T01:30']);
    assert.deepEqual(berlin('0,30 2 * * *', '2024-10-26T12:00Z', 3), [
      '2024-10-27T00:00',
      '2024-10-27T00:30',
      '2024-10-28T01:00',
    ]);
    assert.deepEqual(berlin('30 2 * * *', '2024-10-27T01:10Z', 1), ['2024-10-28T01:30']);
  });

  it('follows the clock with * in minute or hour', () => {
    const half = ['2024-10-27T00:30', '2024-10-27T01:00', '2024-10-27T01:30', '2024-10-27T02:00'];
    assert.deepEqual(berlin('*/30 * * * *', '2024-10-27T00:00Z', 4), half);
    const hourly = ['2024-10-27T00:00', '2024-10-27T01:00', '2024-10-27T02:00'];
    assert.deepEqual(berlin('0 * * * *', '2024-10-26T23:30Z', 3), hourly);
    assert.deepEqual(berlin('*/30 2 * * *', '2024-03-30T12:00Z', 1), ['2024-04-01T00:00']);
  });

  it('takes a change of half an hour for what it is', () => {
    const runs = firstRuns('15 2 * * *', 'Australia/Lord_Howe', '2024-10-04T20:00Z', 2);
    assert.deepEqual(runs, ['2024-10-05T15:30', '2024-10-06T15:15']);
  });

  it('makes up for nothing when a whole day is left out', () => {
    const runs = firstRuns('0 12 * * *', 'Pacific/Apia', '2011-12-29T00:00Z', 2);
    assert.deepEqual(runs, ['2011-12-29T22:00', '2011-12-30T22:00']);
  });
});

describe('nextRun', () => {
  it('is strictly after the instant, to the millisecond', () => {
    const schedule = parseCron('0 2 * * *');
    assert.equal(nextRun(schedule, new Date('2024-03-01T01:59:59.999Z'))?.toISOString(), '2024-03-01T02:00:00.000Z');
    assert.equal(nextRun(schedule, new Date('2024-03-01T02:00:00.000Z'))?.toISOString(), '2024-03-02T02:00:00.000Z');
    assert.equal(nextRun(schedule, new Date('2024-03-01T02:00:00.001Z'))?.toISOString(), '2024-03-02T02:00:00.000Z');
  });

  it('answers after clocks that are far off', () => {
    const schedule = parseCron('0 2 * * *', { zone: 'Europe/Berlin' });
    assert.equal(nextRun(schedule, new Date(0))?.toISOString(), '1970-01-01T01:00:00.000Z');
    assert.equal(nextRun(schedule, new Date('2040-07-01T00:00Z'))?.toISOString(), '2040-07-02T00:00:00.000Z');
    assert.equal(nextRun(schedule, new Date('0050-01-01T00:00Z'))?.toISOString(), '0050-01-01T01:06:32.000Z');
    assert.equal(nextRun(schedule, new Date(8.64e15)), null);
    assert.throws(() => nextRun(schedule, new Date(NaN)), RangeError);
  });
});
