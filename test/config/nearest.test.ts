import assert from 'node:assert/strict';
import { editDistance, nearest } from '../../agent/config/nearest.ts';
import { formatDuration, parseDuration } from '../../agent/config/units.ts';

describe('the nearest word', () => {
  it('counts inserted, deleted, replaced and swapped letters', () => {
    assert.equal(editDistance('name', 'name'), 0);
    assert.equal(editDistance('nme', 'name'), 1);
    assert.equal(editDistance('naem', 'name'), 1);
    assert.equal(editDistance('', 'name'), 4);
    assert.equal(editDistance('kitten', 'sitting'), 3);
  });

  it('is found in another spelling, and not at all when nothing is near', () => {
    assert.equal(nearest('alertOnFailure', ['name', 'alert_on_failure']), 'alert_on_failure');
    assert.equal(nearest('scedule', ['script', 'schedule']), 'schedule');
    assert.equal(nearest('colour', ['name', 'schedule']), null);
    assert.equal(nearest('x'.repeat(100_000), ['name']), null);
  });
});

describe('durations', () => {
  for (const text of ['250ms', '5s', '90s', '1h', '36h', '7d', '2w']) {
    it(`${text} survives both ways`, () => {
      assert.equal(parseDuration(formatDuration(parseDuration(text) ?? -1)), parseDuration(text));
    });
  }

  it('have a unit', () => {
    assert.equal(parseDuration('5'), null);
    assert.equal(formatDuration(5400_000), '90m');
  });
});
