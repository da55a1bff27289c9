/** Names that people gave to tables and databases, made safe to show. For SQL the server quotes them itself (`format %I`). */

/** Control characters, line breaks and direction overrides as `\u{…}`: a name stays on its line and reads as it is. */
export function printable(name: string): string {
  return name.replace(unprintable, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
