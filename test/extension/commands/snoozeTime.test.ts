import assert from 'node:assert/strict';
import { parseUntil, tomorrowAt, untilProblem } from '../../../extension/commands/snoozeTime.ts';

/** In the zone of the machine, as a person's clock is. */
const now = new Date(2026, 2, 5, 14, 0);
const minute = 60_000;

describe('until when a task is snoozed', () => {
  for (const [text, until] of [
    ['45m', new Date(now.getTime() + 45 * minute)],
    ['1h30m', new Date(now.getTime() + 90 * minute)],
    ['3 h', new Date(now.getTime() + 180 * minute)],
    ['2d', new Date(now.getTime() + 2 * 1440 * minute)],
    ['14:30', new Date(2026, 2, 5, 14, 30)],
    ['14:00', new Date(2026, 2, 6, 14, 0)],
    ['2026-03-09', new Date(2026, 2, 9)],
    ['2026-03-09 08:15', new Date(2026, 2, 9, 8, 15)],
    ['2026-03-09T08:15', new Date(2026, 2, 9, 8, 15)],
  ] as const)
    it(`reads ${text}`, () => {
      assert.deepEqual(parseUntil(text, now), until);
      assert.equal(untilProblem(text, now), null);
    });

  for (const text of ['', 'soon', '24:00', '14:60', '3', '1h x', '2026-02-31', '2026-13-01', 'm'])
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.match(untilProblem(text, now) ?? '', /^Write a length/);
    });

  it('refuses what is past, and what is too far', () => {
    assert.equal(untilProblem('2026-03-04', now), 'This moment is past');
    assert.equal(untilProblem('0m', now), 'This moment is past');
    assert.equal(untilProblem('367d', now), 'At most 366 days');
  });

  it('knows tomorrow morning, over the end of a month too', () => {
    assert.deepEqual(tomorrowAt(8, new Date(2026, 1, 28, 23)), new Date(2026, 2, 1, 8));
  });
});
