/** Numbers and hashes straight from bytes: what runs once per line must make no strings. */

export const newline = 10;
export const space = 32;
export const quote = 34;

export function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}

/** Two decimal digits; anything else gives a number outside 0 … 99. */
export function twoDigits(bytes: Buffer, at: number): number {
  const tens = (bytes[at] ?? 0) - 48;
  const ones = (bytes[at + 1] ?? 0) - 48;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

export function fourDigits(bytes: Buffer, at: number): number {
  const high = twoDigits(bytes, at);
  const low = twoDigits(bytes, at + 2);
  return high < 0 || low < 0 ? -1 : high * 100 + low;
}

/** A decimal number with an optional fraction and what follows it. */
export class NumberReader {
  /** Behind the number that was read last. */
  end = 0;
  /** The number had a decimal point. */
  fraction = false;

  /** NaN when there is no number at `at`. */
  read(bytes: Buffer, at: number, limit: number): number {
    let value = 0;
    let position = at;
    let byte = bytes[position] ?? 0;
    this.fraction = false;
    this.end = at;
    if (byte < 48 || byte > 57) return Number.NaN;
    for (; position < limit && byte >= 48 && byte <= 57; byte = bytes[++position] ?? 0) value = value * 10 + byte - 48;
    if (byte === 46 && position + 1 < limit) {
      this.fraction = true;
      let scale = 1;
      for (byte = bytes[++position] ?? 0; position < limit && byte >= 48 && byte <= 57; byte = bytes[++position] ?? 0) {
        scale /= 10;
        value += (byte - 48) * scale;
      }
    }
    this.end = position;
    return value;
  }
}

/** FNV-1a, 32 bits. */
export const hashSeed = 0x811c9dc5 | 0;

export function hashBytes(bytes: Buffer, start: number, end: number, seed = hashSeed): number {
  let hash = seed;
  for (let at = start; at < end; at += 1) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash;
}

/** Of about 32 of its bytes, and its length: for long keys of which few are alike. */
export function sampledHash(bytes: Buffer, start: number, end: number): number {
  const length = end - start;
  const step = length < 64 ? 1 : length >> 5;
  let hash = hashSeed ^ length;
  for (let at = start; at < end; at += step) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash;
}

/** Does `bytes` hold `word` (ASCII) at `at`? */
export function startsWith(bytes: Buffer, at: number, end: number, word: string): boolean {
  if (end - at < word.length) return false;
  for (let index = 0; index < word.length; index += 1) {
    if (bytes[at + index] !== word.charCodeAt(index)) return false;
  }
  return true;
}
