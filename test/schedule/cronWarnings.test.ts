import assert from 'node:assert/strict';
import { describeWarnings, parseCron } from '../../agent/schedule/cron.ts';

const summer = new Date('2026-06-01T00:00Z');

function warningsOf(expression: string, options: Parameters<typeof parseCron>[1] = {}): string[] {
  return describeWarnings(parseCron(expression, options), summer).map(({ code, message }) => `${code}: ${message}`);
}

describe('describeWarnings', () => {
  it('offers # for the first Sunday meant by two day fields', () => {
    const [warning, ...others] = warningsOf('0 2 1-7 * SUN');
    assert.match(warning ?? '', /^either-day: .*either is enough.* write 0 2 \* \* SUN#1, or set day_match: all\.$/);
    assert.deepEqual(others, []);
    assert.match(warningsOf('5 0 2 15-21 3 2')[0] ?? '', /third such day of the month write 5 0 2 \* 3 2#3/);
    assert.match(warningsOf('0 2 25-31 * 5')[0] ?? '', /write 0 2 \* \* 5L/);
  });

  it('offers day_match where # does not fit', () => {
    assert.match(warningsOf('0 2 13 * 5')[0] ?? '', /^either-day: .*set day_match: all when both must match\.$/);
    for (const dates of ['10-20', '1-8', '29-31', '21-31', '2-8'])
      assert.match(warningsOf(`0 2 ${dates} * SUN`)[0] ?? '', /in cron; set day_match: all when both/, dates);
    assert.deepEqual(warningsOf('0 2 13 * 5', { dayMatch: 'all' }), []);
    assert.deepEqual(warningsOf('0 2 */2 * 5'), []);
  });

  it('tells a step that never steps', () => {
    assert.match(warningsOf('*/90 * * * *')[0] ?? '', /^step-too-long: The step of minute "\*\/90"/);
    assert.deepEqual(warningsOf('*/59 * * * *'), []);
  });

  it('tells the next date on which the clock skips a fixed time', () => {
    const warnings = warningsOf('30 2 * * *', { zone: 'Europe/Berlin' });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? '', /^skipped-time: .*2027-03-28 02:00 to 03:00 and the run of 02:30 comes at 03:00/);
  });

  it('tells that work within such an hour is left out once a year and doubled once', () => {
    const warnings = warningsOf('*/10 2 * * *', { zone: 'Europe/Berlin' });
    assert.equal(warnings.length, 2);
    assert.match(warnings[0] ?? '', /^skipped-time: .*2027-03-28 02:00 to 03:00.* left out/);
    assert.match(warnings[1] ?? '', /^repeated-time: .*2026-10-25 03:00 to 02:00.* twice/);
  });

  it('is silent where no change of the clock is met', () => {
    assert.deepEqual(warningsOf('30 2 * * *'), []);
    assert.deepEqual(warningsOf('30 2 * * MON', { zone: 'Europe/Berlin' }), []);
    assert.deepEqual(warningsOf('30 4 * * *', { zone: 'Europe/Berlin' }), []);
    assert.deepEqual(warningsOf('*/5 * * * *', { zone: 'Europe/Berlin' }), []);
  });
});
