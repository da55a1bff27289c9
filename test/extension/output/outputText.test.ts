import assert from 'node:assert/strict';
import { OutputText } from '../../../extension/output/outputText.ts';

function read(...pieces: readonly (string | Buffer)[]): string {
  const output = new OutputText();
  const parts = pieces.map((piece) =>
    typeof piece === 'string'
      ? output.add({ encoding: 'utf8', text: piece })
      : output.add({ encoding: 'base64', text: piece.toString('base64') }),
  );
  return [...parts, output.end()].join('');
}

describe('OutputText', () => {
  for (const [title, pieces, text] of [
    ['plain text as it is', ['a\n', 'b\tc\n'], 'a\nb\tc\n'],
    ['no colours', ['\u001B[1;31mred\u001B[0m\n'], 'red\n'],
    ['no sequence that is cut in two', ['x\u001B[3', '1mred'], 'xred'],
    ['no title, link or clipboard sequence', ['\u001B]0;evil\u0007a\u001B]52;c;ZQ==\u001B', '\\b'], 'ab'],
    ['no shell integration sequence', ['\u001B]633;E;rm -rf /\u0007ok'], 'ok'],
    ['line breaks of all kinds as one', ['a\r', '\nb\rc\r\n'], 'a\nb\nc\n'],
    ['controls as symbols', ['a\u0007b\u0000'], 'a␇b␀'],
    ['bidirectional controls by code', ['a\u202Eb'], 'a⟨U+202E⟩b'],
    ['a lone escape at the end', ['a\u001B'], 'a␛'],
  ] as const)
    it(`shows ${title}`, () => {
      assert.equal(read(...pieces), text);
    });

  it('puts characters together whose bytes come apart', () => {
    const bytes = Buffer.from('größe', 'utf8');
    assert.equal(read(bytes.subarray(0, 3), bytes.subarray(3)), 'größe');
  });

  it('does not hold back text for a sequence that never ends', () => {
    const output = new OutputText();
    const shown = output.add({ encoding: 'utf8', text: `\u001B]0;${'x'.repeat(10_000)}` });
    assert.ok(shown.length > 9000);
  });
});
