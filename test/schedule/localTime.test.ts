import assert from 'node:assert/strict';
import { instantIn } from '../../agent/schedule/localTime.ts';
import { zoneNamed } from '../../agent/schedule/zone.ts';
import { iso } from './harness.ts';

function read(text: string, name = 'Europe/Berlin'): string | null {
  const instant = instantIn(zoneNamed(name) ?? assert.fail(`no zone ${name}`), text);
  return instant === null ? null : iso(instant);
}

describe('a date and time of the configuration', () => {
  for (const [text, instant] of [
    ['2026-12-24T02:00', '2026-12-24T01:00:00Z'],
    ['2026-12-24 02:00:30', '2026-12-24T01:00:30Z'],
    [' 2026-12-24 ', '2026-12-23T23:00:00Z'],
    ['2026-07-01', '2026-06-30T22:00:00Z'],
    ['2026-12-24T02:00Z', '2026-12-24T02:00:00Z'],
    ['2026-12-24t02:00z', '2026-12-24T02:00:00Z'],
    ['2026-12-24T02:00+05:30', '2026-12-23T20:30:00Z'],
    ['2026-12-24T02:00-0800', '2026-12-24T10:00:00Z'],
    ['2024-02-29T12:00', '2024-02-29T11:00:00Z'],
  ] as const) {
    it(`"${text}" is ${instant} in Berlin`, () => {
      assert.equal(read(text), instant);
    });
  }

  it('F07: that the clock skips is the instant of the jump, one that it shows twice its first pass', () => {
    assert.equal(read('2026-03-29T02:30'), '2026-03-29T01:00:00Z');
    assert.equal(read('2026-10-25T02:30'), '2026-10-25T00:30:00Z');
  });

  for (const text of [
    '',
    'tomorrow',
    '24.12.2026',
    '2026-12-24T2:00',
    '2026-12-24T02:00 PST',
    '2026-02-30',
    '2026-02-30T02:00Z',
    '2026-13-01',
    '2026-12-24T24:00',
    '2026-12-24T02:60',
    '2026-12-24T02:00+25:00',
    '2026-12-24T02:00+05:75',
    '2026-12-24T02:00+2500',
  ]) {
    it(`"${text}" is not understood`, () => {
      assert.equal(read(text), null);
    });
  }
});
