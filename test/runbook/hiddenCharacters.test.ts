import assert from 'node:assert/strict';
import { hiddenCharacters } from '../../agent/runbook/hiddenCharacters.ts';

describe('hidden characters (V17)', () => {
  it('are listed with line, column, name and whether they deceive', () => {
    assert.deepEqual(hiddenCharacters('a\u202Eb\n\u00a0c\n\n😀\u200B'), [
      { line: 1, column: 2, codePoint: 0x202e, name: 'U+202E right-to-left override', deceptive: true },
      { line: 2, column: 1, codePoint: 0xa0, name: 'U+00A0 no-break space', deceptive: false },
      { line: 4, column: 3, codePoint: 0x200b, name: 'U+200B zero-width character', deceptive: true },
    ]);
  });

  for (const codePoint of [
    0, 8, 0xb, 0xd, 0x1b, 0x7f, 0x9b, 0xad, 0x61c, 0x200b, 0x200e, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0xfeff,
    0x3164, 0xe0041,
  ]) {
    it(`U+${codePoint.toString(16)} is one of them, and deceives`, () => {
      assert.deepEqual(
        hiddenCharacters(`a${String.fromCodePoint(codePoint)}`).map(({ deceptive }) => deceptive),
        [true],
      );
    });
  }

  it('are not tabs, line feeds, letters of any script, or what joins emoji', () => {
    assert.deepEqual(hiddenCharacters('\ta\nÄ שלום مرحبا 日本 👩\u200D💻 👩🏽\u200D🚀 🏳\u{1F308}'), []);
  });

  it('are joiners between letters', () => {
    assert.equal(hiddenCharacters('r\u200Dm').length, 1);
  });
});
