/** Names that people gave to tables and databases, made safe to show, and numbers of things. For SQL the server quotes names itself (`format %I`). */

/** Control characters, line breaks and direction overrides as `\u{…}`: a name stays on its line and reads as it is. */
export function printable(name: string): string {
  return name.replace(unprintable, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

/** `1 table`, `2 tables`, `0 indexes`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`;
}

const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
