/** Characters in a command that a person does not see, or takes for others (Trojan Source, CVE-2021-42574). */
import { codeOf, hidden } from '../views/text.ts';

export interface HiddenCharacter {
  /** 1-based, within the text. */
  readonly line: number;
  readonly column: number;
  /** `U+202E` */
  readonly code: string;
}

/** Blanks that are no blanks to a shell: `rm -rf⎵/x` with such a one is a single word. */
const falseBlanks = /[\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000]/u;

export function findHiddenCharacters(text: string): readonly HiddenCharacter[] {
  const found: HiddenCharacter[] = [];
  text.split('\n').forEach((content, index) => {
    let column = 1;
    for (const character of content) {
      if (isHidden(character)) found.push({ line: index + 1, column, code: codeOf(character) });
      column += character.length;
    }
  });
  return found;
}

/** `<host>` and the like, which a shell would read as redirections. */
export function findPlaceholders(text: string): readonly string[] {
  return [...new Set([...text.matchAll(/<[A-Za-z][A-Za-z0-9 _.-]*>/g)].map((match) => match[0]))];
}

function isHidden(character: string): boolean {
  return new RegExp(hidden.source, 'u').test(character) || falseBlanks.test(character);
}
