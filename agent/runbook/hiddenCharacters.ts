/** Characters that a person does not see, or that change what is seen (Unicode TR36, TR39; Trojan Source, CVE-2021-42574). */

export interface HiddenCharacter {
  /** 1-based; columns count UTF-16 units, as editors do. */
  readonly line: number;
  readonly column: number;
  readonly codePoint: number;
  /** `U+202E right-to-left override` */
  readonly name: string;
  /** False for those that are merely odd (no-break space, variation selector): to be shown, not refused. */
  readonly deceptive: boolean;
}

export function hiddenCharacters(text: string): HiddenCharacter[] {
  const found: HiddenCharacter[] = [];
  let line = 1;
  let start = 0;
  for (const match of text.matchAll(hidden)) {
    const { index } = match;
    for (let next = text.indexOf('\n', start); next >= 0 && next < index; next = text.indexOf('\n', start)) {
      line += 1;
      start = next + 1;
    }
    if (match[0] === '\u200D' && joinsEmoji(text, index)) continue;
    const codePoint = match[0].codePointAt(0) ?? 0;
    const { words, deceptive } = kindOf(codePoint);
    const code = `U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}`;
    found.push({ line, column: index - start + 1, codePoint, name: `${code} ${words}`, deceptive });
  }
  return found;
}

interface Kind {
  readonly from: number;
  readonly to: number;
  readonly words: string;
  readonly deceptive: boolean;
}

const kinds: readonly Kind[] = [
  { from: 0x00, to: 0x1f, words: 'control character', deceptive: true },
  { from: 0x7f, to: 0x9f, words: 'control character', deceptive: true },
  { from: 0xa0, to: 0xa0, words: 'no-break space', deceptive: false },
  { from: 0xad, to: 0xad, words: 'soft hyphen', deceptive: true },
  { from: 0x34f, to: 0x34f, words: 'combining grapheme joiner', deceptive: true },
  { from: 0x61c, to: 0x61c, words: 'Arabic letter mark', deceptive: true },
  { from: 0x115f, to: 0x1160, words: 'Hangul filler', deceptive: true },
  { from: 0x17b4, to: 0x17b5, words: 'invisible Khmer vowel', deceptive: true },
  { from: 0x180b, to: 0x180f, words: 'Mongolian selector or separator', deceptive: true },
  { from: 0x2000, to: 0x200a, words: 'space of another width', deceptive: false },
  { from: 0x200b, to: 0x200d, words: 'zero-width character', deceptive: true },
  { from: 0x200e, to: 0x200f, words: 'direction mark', deceptive: true },
  { from: 0x2028, to: 0x2029, words: 'line or paragraph separator', deceptive: true },
  { from: 0x202a, to: 0x202c, words: 'direction embedding', deceptive: true },
  { from: 0x202d, to: 0x202d, words: 'left-to-right override', deceptive: true },
  { from: 0x202e, to: 0x202e, words: 'right-to-left override', deceptive: true },
  { from: 0x202f, to: 0x202f, words: 'narrow no-break space', deceptive: false },
  { from: 0x205f, to: 0x205f, words: 'mathematical space', deceptive: false },
  { from: 0x2060, to: 0x2065, words: 'invisible operator', deceptive: true },
  { from: 0x2066, to: 0x2069, words: 'direction isolate', deceptive: true },
  { from: 0x206a, to: 0x206f, words: 'deprecated format character', deceptive: true },
  { from: 0x3000, to: 0x3000, words: 'ideographic space', deceptive: false },
  { from: 0x3164, to: 0x3164, words: 'Hangul filler', deceptive: true },
  { from: 0xfe00, to: 0xfe0f, words: 'variation selector', deceptive: false },
  { from: 0xfeff, to: 0xfeff, words: 'zero-width no-break space', deceptive: true },
  { from: 0xffa0, to: 0xffa0, words: 'Hangul filler', deceptive: true },
  { from: 0xfff9, to: 0xfffb, words: 'annotation character', deceptive: true },
  { from: 0xe0000, to: 0xe007f, words: 'tag character', deceptive: true },
  { from: 0xe0100, to: 0xe01ef, words: 'variation selector', deceptive: true },
];

/** Everything of the table but tab and line feed. */
const hidden = new RegExp(
  `(?![\\t\\n])[${kinds.map(({ from, to }) => `\\u{${from.toString(16)}}-\\u{${to.toString(16)}}`).join('')}]`,
  'gu',
);

function kindOf(codePoint: number): Kind {
  const kind = kinds.find(({ from, to }) => codePoint >= from && codePoint <= to);
  return kind ?? { from: codePoint, to: codePoint, words: 'hidden character', deceptive: true };
}

/** A zero-width joiner between two pictures makes one of them (a family, a technician): it hides nothing. */
function joinsEmoji(text: string, index: number): boolean {
  const before = text.slice(Math.max(0, index - 4), index);
  return (
    /[\p{Extended_Pictographic}\u{1F3FB}-\u{1F3FF}]\uFE0F?$/u.test(before) &&
    /^\p{Extended_Pictographic}/u.test(text.slice(index + 1, index + 3))
  );
}
