import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { bytesText } from '../../../agent/procedures/database/bytesText.ts';
import { counted, printable } from '../../../agent/procedures/database/names.ts';
import { backOff } from '../../../agent/procedures/database/statement.ts';

describe('names for people', () => {
  it('stay on their line, whatever they contain', () => {
    assert.equal(printable('a\nb\u001b[31m'), 'a\\u{a}b\\u{1b}[31m');
    assert.equal(printable('abc\u202etxt\u2028'), 'abc\\u{202e}txt\\u{2028}');
    assert.equal(printable('"Müller" 表 🐘'), '"Müller" 表 🐘');
  });
});

describe('numbers of things', () => {
  it('are one thing, or several', () => {
    assert.deepEqual(
      [counted(0, 'table'), counted(1, 'table'), counted(2, 'index', 'indexes')],
      ['0 tables', '1 table', '2 indexes'],
    );
  });
});

describe('sizes for people', () => {
  it('are given in binary units', () => {
    assert.deepEqual([0, 1023, 1536, 8 * 1024 ** 2, 3 * 1024 ** 5].map(bytesText), [
      '0 B',
      '1023 B',
      '1.5 kB',
      '8.0 MB',
      '3072.0 TB',
    ]);
  });
});

describe('the pause before the next try for a lock', () => {
  it('doubles from a fifth of the lock time-out up to half a minute', () => {
    assert.deepEqual(
      [1, 2, 3, 10].map((tries) => backOff(5_000, tries)),
      [1_000, 2_000, 4_000, 30_000],
    );
  });
});
