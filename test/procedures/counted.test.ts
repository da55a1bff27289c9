import assert from 'node:assert/strict';
import { counted } from '../../agent/procedures/counted.ts';

describe('counted', () => {
  it('has one of a thing, and several or none of things', () => {
    assert.deepEqual(
      [0, 1, -1, 2].map((count) => counted(count, 'day')),
      ['0 days', '1 day', '-1 day', '2 days'],
    );
  });

  it('writes numbers as the caller does', () => {
    assert.equal(
      counted(1500, 'error', (count) => count.toLocaleString('en')),
      '1,500 errors',
    );
  });
});
