import assert from 'node:assert/strict';
import { firstPlace, nextPlace } from '../../webview/timelineKeys.ts';

const rows = [[{ from: 10 }, { from: 20 }, { from: 30 }], [], [{ from: 1 }, { from: 24 }]];

describe('keys of the timeline', () => {
  it('go along a row and stop at its ends', () => {
    assert.deepEqual(nextPlace(rows, { row: 0, bar: 0 }, 'ArrowRight'), { row: 0, bar: 1 });
    assert.deepEqual(nextPlace(rows, { row: 0, bar: 0 }, 'ArrowLeft'), { row: 0, bar: 0 });
    assert.deepEqual(nextPlace(rows, { row: 0, bar: 2 }, 'ArrowRight'), { row: 0, bar: 2 });
    assert.deepEqual(nextPlace(rows, { row: 0, bar: 1 }, 'Home'), { row: 0, bar: 0 });
    assert.deepEqual(nextPlace(rows, { row: 0, bar: 0 }, 'End'), { row: 0, bar: 2 });
  });

  it('go to the nearest run of the next row that has any, or stay', () => {
    assert.deepEqual(nextPlace(rows, { row: 0, bar: 2 }, 'ArrowDown'), { row: 2, bar: 1 });
    assert.deepEqual(nextPlace(rows, { row: 2, bar: 0 }, 'ArrowUp'), { row: 0, bar: 0 });
    assert.deepEqual(nextPlace(rows, { row: 2, bar: 0 }, 'ArrowDown'), { row: 2, bar: 0 });
  });

  it('leave other keys alone', () => {
    assert.equal(nextPlace(rows, { row: 0, bar: 0 }, 'Tab'), null);
  });

  it('begin at the newest run of the first row that has one', () => {
    assert.deepEqual(firstPlace(rows), { row: 0, bar: 2 });
    assert.deepEqual(firstPlace([[], [{ from: 1 }]]), { row: 1, bar: 0 });
    assert.equal(firstPlace([[], []]), null);
  });
});
