import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { causeOf, codeOf, errorOf, messageOf } from '../agent/thrown.ts';

describe('what was thrown', () => {
  it('is told by the message of an error, and by the text of anything else', () => {
    assert.deepEqual([new TypeError('odd'), 'text', 7, null].map(messageOf), ['odd', 'text', '7', 'null']);
  });

  it('has the code that the system or Node gave it, and none without', () => {
    assert.throws(
      () => readFileSync('/nowhere'),
      (error) => codeOf(error) === 'ENOENT',
    );
    assert.equal(codeOf(Object.assign(new Error('odd'), { code: 'ERR_ODD' })), 'ERR_ODD');
    for (const without of [new Error('odd'), Object.assign(new Error('odd'), { code: 5 }), { code: 'ENOENT' }, null])
      assert.equal(codeOf(without), '');
  });

  it('is told in short by its code, and by its words where there is none', () => {
    const coded = Object.assign(new Error('odd'), { code: 'ERR_ODD' });
    assert.deepEqual([coded, new Error('odd'), 'text'].map(causeOf), ['ERR_ODD', 'odd', 'text']);
  });

  it('is an error as it is, and becomes one otherwise', () => {
    const error = new Error('odd');
    assert.equal(errorOf(error), error);
    assert.deepEqual([errorOf('text').message, errorOf(7).message], ['text', '7']);
  });
});
