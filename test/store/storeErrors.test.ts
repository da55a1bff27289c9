import assert from 'node:assert/strict';
import { isDamage, isOutOfSpace, resultCodeOf, storeError, StoreError } from '../../agent/store/storeErrors.ts';

const sqlite = (errcode: number): Error => Object.assign(new Error('as SQLite says it'), { errcode });

describe('errors of the store', () => {
  for (const [errcode, text] of [
    [5, /held by another process: try again/],
    [8, /can not be written: give its file and folder to the user of the agent/],
    [10, /can not be read or written: look at the disk/],
    [13, /The disk of the store \/nowhere\/upkeep\.db is full: free space/],
    [14, /can not be opened: look at the owner and mode/],
    [11, /is damaged: stop the agent and run "upkeep store rebuild"/],
    [26, /is damaged/],
    [778, /can not be read or written/],
  ] as const) {
    it(`say what to do about SQLite's result code ${errcode}`, () => {
      const error = storeError('/nowhere/upkeep.db', sqlite(errcode));
      assert.ok(error instanceof StoreError);
      assert.match(error.message, text);
      assert.equal(error.code, errcode & 0xff);
      assert.equal(resultCodeOf(error), errcode & 0xff);
      assert.equal(storeError('/other', error), error);
    });
  }

  it('are left as they are when they are of another kind', () => {
    for (const error of [sqlite(19), new Error('odd'), 'text', null])
      assert.equal(storeError('/nowhere', error), error);
    assert.equal(resultCodeOf(new Error('odd')), null);
    assert.equal(resultCodeOf('text'), null);
  });

  it('tell want of space from damage', () => {
    assert.deepEqual(
      [5, 8, 10, 11, 13, 26].map((code) => [isOutOfSpace(sqlite(code)), isDamage(sqlite(code))]),
      [
        [false, false],
        [true, false],
        [true, false],
        [false, true],
        [true, false],
        [false, true],
      ],
    );
  });
});
