import assert from 'node:assert/strict';
import { newRunId } from '../../agent/run/directory.ts';
import { runIdOf, runKey } from '../../agent/store/runKeys.ts';

describe('keys of runs', () => {
  it('are eight bytes for every id that an agent makes, and give it back', () => {
    for (let second = 0; second < 0xffffffff; second += 54_321_987) {
      const id = newRunId(new Date(second * 1000));
      const key = runKey(id);
      assert.ok(key instanceof Uint8Array && key.length === 8, id);
      assert.equal(runIdOf(new Uint8Array(key)), id);
    }
  });

  it('sort as their ids do', () => {
    const ids = [
      '19700101T000000-00000000',
      '20240131T030000-1a2b3c4d',
      '20240131T030000-ff000000',
      '20240131T030001-00000000',
      '20380119T031408-00000001',
      '21060207T062815-ffffffff',
    ];
    const keys = ids.map((id) => Buffer.from(runKey(id) as Uint8Array));
    assert.deepEqual(
      [...keys].sort((a, b) => Buffer.compare(a, b)).map((key) => runIdOf(key)),
      ids,
    );
  });

  for (const id of [
    '',
    'run-1',
    '20240131T030000-1A2B3C4D',
    '20240131T030000-1a2b3c4',
    '20240131T030000-1a2b3c4d0',
    '20240231T030000-1a2b3c4d',
    '20241331T030000-1a2b3c4d',
    '20240131T250000-1a2b3c4d',
    '20240131T036000-1a2b3c4d',
    '00240131T030000-1a2b3c4d',
    '19691231T235959-1a2b3c4d',
    '21060207T062816-00000000',
    '99991231T235959-1a2b3c4d',
  ])
    it(`are the text itself where it would not come back the same: ${JSON.stringify(id)}`, () => {
      assert.equal(runKey(id), id);
      assert.equal(runIdOf(runKey(id)), id);
    });

  it('are refused where a damaged row has none', () => {
    for (const broken of [null, undefined, 5, new Uint8Array(7), new Uint8Array(9)])
      assert.throws(() => runIdOf(broken), /no run id/);
  });
});
