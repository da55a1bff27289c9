import assert from 'node:assert/strict';
import { backlogOf, mostCounted, newestOf } from '../../agent/schedule/backlog.ts';
import type { Trigger } from '../../agent/schedule/trigger.ts';

/** Comes at 0, 10, 20 …, and no more after `last`. */
function steps(last = Number.POSITIVE_INFINITY): Trigger {
  return {
    next: (after) => {
      const found = (Math.floor(after / 10) + 1) * 10;
      return found <= last ? found : null;
    },
    only: null,
  };
}

describe('instants that have come due', () => {
  it('are all there while they can be counted, with the newest and what follows it', () => {
    assert.deepEqual(backlogOf(steps(), 10, 10), { instants: [10], newest: 10, more: false, following: 20 });
    assert.deepEqual(backlogOf(steps(), 10, 39), { instants: [10, 20, 30], newest: 30, more: false, following: 40 });
    assert.deepEqual(backlogOf(steps(20), 10, 39), { instants: [10, 20], newest: 20, more: false, following: null });
  });

  it('are the first thousand and the newest two of a million', () => {
    const { instants, newest, more, following } = backlogOf(steps(), 10, 10_000_005);
    assert.deepEqual([instants.length, more, newest, following], [mostCounted + 2, true, 10_000_000, 10_000_010]);
    assert.deepEqual(instants.slice(-3), [10 * mostCounted, 9_999_990, 10_000_000]);
  });

  it('are complete when there is one more than are counted', () => {
    const last = 10 * (mostCounted + 1);
    const { instants, newest, more, following } = backlogOf(steps(), 10, last + 5);
    assert.deepEqual([instants.length, more, newest, following], [mostCounted + 1, false, last, last + 10]);
  });

  it('are found from the newest back, as many as are asked for or there are', () => {
    assert.deepEqual(newestOf(steps(), 10, 10_000_000, 3), [9_999_980, 9_999_990, 10_000_000]);
    assert.deepEqual(newestOf(steps(), 10, 30, 5), [10, 20, 30]);
    assert.deepEqual(newestOf(steps(), 10, 10, 5), [10]);
  });
});
