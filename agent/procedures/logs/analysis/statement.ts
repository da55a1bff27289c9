/**
 * Normalises SQL bytes: literals become `?`, lists of them one `?`, comments go, blanks shrink, letters outside of quotes become
 * small. One pass, no strings. PostgreSQL manual: "Lexical Structure".
 */
import { hashSeed, isDigit } from './bytes.ts';

const prime = 0x01000193;
const longest = 2000;

export class StatementNormalizer {
  readonly bytes = Buffer.alloc(longest + 8);
  length = 0;
  hash = 0;
  #at = 0;

  normalize(source: Buffer, start: number, end: number): void {
    this.length = 0;
    this.#at = start;
    while (this.#at < end && this.length < longest) {
      const byte = source[this.#at] ?? 0;
      if (byte <= 32) this.#blank(source, end);
      else if (byte === 39) this.#text(source, end);
      else if (byte === 34) this.#name(source, end);
      else if (isDigit(byte) && !this.#inWord()) this.#number(source, end);
      else if (byte === 45 && source[this.#at + 1] === 45) this.#lineComment(source, end);
      else if (byte === 47 && source[this.#at + 1] === 42) this.#comment(source, end);
      else if (byte === 36 && !isDigit(source[this.#at + 1])) this.#dollar(source, end);
      else if ((byte === 59 && this.#at + 1 >= end) || byte === 0) this.#at += 1;
      else {
        this.#put(byte >= 65 && byte <= 90 ? byte + 32 : byte);
        this.#at += 1;
      }
    }
    while (this.length > 0 && (this.bytes[this.length - 1] === 32 || this.bytes[this.length - 1] === 59))
      this.length -= 1;
    let hash = hashSeed;
    for (let at = 0; at < this.length; at += 1) hash = Math.imul(hash ^ (this.bytes[at] ?? 0), prime);
    this.hash = hash;
  }

  #put(byte: number): void {
    this.bytes[this.length] = byte;
    this.length += 1;
  }

  /** What was put last is part of a name or a parameter (`t1`, `$1`). */
  #inWord(): boolean {
    const last = this.bytes[this.length - 1] ?? 0;
    if (this.length === 0) return false;
    return (last >= 97 && last <= 122) || last === 95 || last === 36 || isDigit(last) || last >= 128;
  }

  #blank(source: Buffer, end: number): void {
    while (this.#at < end && (source[this.#at] ?? 0) <= 32) this.#at += 1;
    const last = this.bytes[this.length - 1] ?? 0;
    if (this.length > 0 && last !== 32 && last !== 40) this.#put(32);
  }

  /** `?`; after `?,` nothing, so that lists of any length are equal. */
  #value(): void {
    const { bytes, length } = this;
    let back = length;
    while (back > 0 && bytes[back - 1] === 32) back -= 1;
    if (back > 1 && bytes[back - 1] === 44) {
      let before = back - 1;
      while (before > 0 && bytes[before - 1] === 32) before -= 1;
      if (bytes[before - 1] === 63) {
        this.length = before;
        return;
      }
    }
    // A sign belongs to the number.
    if (length > 1 && bytes[length - 1] === 45 && !isOperand(bytes[length - 2] ?? 0)) this.length -= 1;
    this.#put(63);
  }

  #text(source: Buffer, end: number): void {
    const before = this.bytes[this.length - 1];
    const escapes = this.length > 0 && before === 101 && !isOperand(this.bytes[this.length - 2] ?? 32);
    let at = this.#at + 1;
    for (; at < end; at += 1) {
      const byte = source[at];
      if (byte === 92 && escapes) at += 1;
      else if (byte === 39) {
        if (source[at + 1] !== 39) break;
        at += 1;
      }
    }
    if (escapes) this.length -= 1;
    this.#at = at + 1;
    this.#value();
  }

  #name(source: Buffer, end: number): void {
    const start = this.#at;
    const stop = source.indexOf(34, start + 1);
    this.#at = stop < 0 || stop >= end ? end : stop + 1;
    for (let at = start; at < this.#at && this.length < longest; at += 1) this.#put(source[at] ?? 0);
  }

  #number(source: Buffer, end: number): void {
    let at = this.#at;
    for (; at < end; at += 1) {
      const byte = source[at] ?? 0;
      const small = byte | 32;
      if (!isDigit(byte) && byte !== 46 && byte !== 95 && !(small >= 97 && small <= 102) && small !== 120) break;
    }
    this.#at = at;
    this.#value();
  }

  #lineComment(source: Buffer, end: number): void {
    const stop = source.indexOf(10, this.#at);
    this.#at = stop < 0 || stop > end ? end : stop;
  }

  #comment(source: Buffer, end: number): void {
    let depth = 0;
    let at = this.#at;
    for (; at < end; at += 1) {
      if (source[at] === 47 && source[at + 1] === 42) depth += 1;
      else if (source[at] === 42 && source[at + 1] === 47) depth -= 1;
      else continue;
      at += 1;
      if (depth === 0) break;
    }
    this.#at = at + 1;
  }

  /** `$tag$ … $tag$` */
  #dollar(source: Buffer, end: number): void {
    const close = source.indexOf(36, this.#at + 1);
    if (close < 0 || close >= end || close - this.#at > 64) {
      this.#put(36);
      this.#at += 1;
      return;
    }
    const stop = source.subarray(0, end).indexOf(source.subarray(this.#at, close + 1), close + 1);
    this.#at = stop < 0 ? end : stop + (close + 1 - this.#at);
    this.#value();
  }
}

function isOperand(byte: number): boolean {
  return (byte >= 97 && byte <= 122) || isDigit(byte) || byte === 95 || byte === 41 || byte === 63 || byte >= 128;
}
