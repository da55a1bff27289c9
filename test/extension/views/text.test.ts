import assert from 'node:assert/strict';
import MarkdownIt from 'markdown-it';
import { asMarkdownText, duration, plain, relative, timeLeft, withoutIcons } from '../../../extension/views/text.ts';
import { hostileTexts } from '../hostileTexts.ts';
import { ago, ahead, now } from '../nouns.ts';

describe('texts of views', () => {
  for (const [milliseconds, text] of [
    [0, '0 ms'],
    [850, '850 ms'],
    [4200, '4.2 s'],
    [31_900, '31 s'],
    [179_999, '2 min'],
    [7_500_000, '2 h 5 min'],
    [7_200_000, '2 h'],
    [9 * 86_400_000, '9 d'],
  ] as const)
    it(`says ${milliseconds} ms as "${text}"`, () => {
      assert.equal(duration(milliseconds), text);
    });

  it('rounds time left up, so that a window never seems to be over before it is', () => {
    assert.deepEqual([59_999, 60_000, 60_001, 41.2 * 60_000, 3_600_000].map(timeLeft), [
      'less than 1 min',
      '1 min',
      '2 min',
      '42 min',
      '1 h',
    ]);
  });

  it('says instants by their distance', () => {
    assert.deepEqual(
      [
        ago(1000),
        ahead(1000),
        ago(30_000),
        ago(180_000),
        ahead(7_200_000),
        ahead(20 * 3_600_000),
        ago(3 * 86_400_000),
      ].map((instant) => relative(instant, now)),
      ['just now', 'in a moment', '30 s ago', '3 min ago', 'in 2 h', 'in 20 h', '3 d ago'],
    );
  });

  it('makes text of hosts one visible line of bounded length', () => {
    assert.equal(plain('a\r\n b\tc'), 'a b c');
    assert.equal(plain('x\u0000\u200By\u{E0041}'), 'x⟨U+0000⟩⟨U+200B⟩y⟨U+E0041⟩');
    assert.equal(plain('y'.repeat(1000)).length, 300);
    assert.equal(plain('Größe, 大きさ, 😀'), 'Größe, 大きさ, 😀');
  });

  it('keeps icon syntax as text', () => {
    assert.equal(withoutIcons('$(error) $(x)'), '$\u200A(error) $\u200A(x)');
  });

  for (const [what, text] of Object.entries(hostileTexts))
    it(`V15: gives Markdown ${what} as letters alone`, () => {
      const given = asMarkdownText(plain(text));
      const [block, ...more] = new MarkdownIt({ html: true, linkify: true })
        .parse(`**${given}**  \n${given}`, {})
        .slice(1, -1);
      assert.equal(more.length, 0);
      const parts = (block?.children ?? []).filter(({ type, content }) => type !== 'text' || content !== '');
      const kinds = new Set(parts.map(({ type }) => type));
      assert.deepEqual(
        [...kinds].filter((kind) => !/^(text|text_special|strong_open|strong_close|hardbreak)$/.test(kind)),
        [],
      );
      const shown = parts.map(({ type, content }) => (type === 'hardbreak' ? '\n' : content)).join('');
      const once = plain(text).trim().replaceAll(/ +/g, ' ');
      assert.equal(shown.replaceAll(/ +/g, ' '), `${once}\n${once}`);
    });
});
