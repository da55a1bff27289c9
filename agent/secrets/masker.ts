/**
 * Hides secrets: every byte of one becomes `*`, so that what is masked is as long as it was, offsets stay where they are, and
 * text stays valid UTF-8. Finds all forms of all secrets in one pass over the bytes (Wu and Manber, "A fast algorithm for
 * multi-pattern searching", TR-94-17): two bytes say how far the next occurrence must be away.
 */
import { formsOf } from './forms.ts';
import { mapTexts } from './mapTexts.ts';

const star = 0x2a;

/** Bytes `[from, to)`. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export class Masker {
  /** Length of the longest form in bytes; 0 = there is nothing to hide. */
  readonly longest: number;
  readonly #shortest: number;
  readonly #forms: readonly Buffer[];
  /** By the two bytes at the end of the window of the shortest length: how far to go on; 0 = look closer. */
  readonly #shift: Uint16Array;
  readonly #candidates = new Map<number, Buffer[]>();

  constructor(secrets: Iterable<string>) {
    this.#forms = [...new Set([...secrets].flatMap(formsOf))].map((form) => Buffer.from(form));
    const lengths = this.#forms.map((form) => form.length);
    this.longest = lengths.reduce((most, length) => Math.max(most, length), 0);
    this.#shortest = lengths.reduce((least, length) => Math.min(least, length), this.longest);
    this.#shift = new Uint16Array(this.#forms.length === 0 ? 0 : 0x10000).fill(Math.min(this.#shortest - 1, 0xffff));
    for (const form of this.#forms) this.#note(form);
  }

  /** True = nothing is hidden, and nothing costs anything. */
  get empty(): boolean {
    return this.longest === 0;
  }

  /** Where secrets lie, in order, touching ones together. */
  find(bytes: Buffer): readonly Range[] {
    const found: { from: number; to: number }[] = [];
    if (this.empty) return found;
    const shift = this.#shift;
    const before = this.#shortest - 2;
    const last = bytes.length - 2;
    let at = before;
    while (at <= last) {
      const block = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      const step = shift[block] ?? 0;
      if (step > 0) {
        at += step;
        continue;
      }
      const from = at - before;
      const to = this.#longestAt(bytes, from, block);
      if (to > from) append(found, from, to);
      at += 1;
    }
    return found;
  }

  /** Masks in place; true when there was something. */
  bytes(bytes: Buffer): boolean {
    const ranges = this.find(bytes);
    for (const { from, to } of ranges) bytes.fill(star, from, to);
    return ranges.length > 0;
  }

  /** As long in bytes of UTF-8 as it was; the very same text when nothing is hidden. */
  text(text: string): string {
    if (text.length < this.#shortest / 3 || this.empty) return text;
    const bytes = Buffer.from(text);
    return this.bytes(bytes) ? bytes.toString('utf8') : text;
  }

  /** A copy of JSON-like data with every text in it masked, keys too; the very same value when there is nothing to hide. */
  deep<T>(value: T): T {
    return this.empty ? value : (this.#copy(value) as T);
  }

  /** A line of JSON stays JSON: a mask could else begin in the middle of an escape. */
  json(line: string): string {
    const masked = this.text(line);
    if (masked === line) return line;
    try {
      const end = line.endsWith('\n') ? '\n' : '';
      return `${JSON.stringify(this.#copy(JSON.parse(line)))}${end}`;
    } catch {
      return masked;
    }
  }

  /** Bytes at the end that may be the beginning of a secret whose rest has not come yet. */
  unfinished(bytes: Buffer): number {
    let most = 0;
    for (const form of this.#forms) {
      for (let length = Math.min(form.length - 1, bytes.length); length > most; length -= 1) {
        if (bytes[bytes.length - length] !== form[0]) continue;
        if (bytes.compare(form, 0, length, bytes.length - length) === 0) most = length;
      }
    }
    return most;
  }

  #note(form: Buffer): void {
    const before = this.#shortest - 2;
    for (let at = 0; at <= before; at += 1) {
      const block = form.readUInt16BE(at);
      this.#shift[block] = Math.min(this.#shift[block] ?? 0, before - at);
    }
    const block = form.readUInt16BE(before);
    this.#candidates.set(block, [...(this.#candidates.get(block) ?? []), form]);
  }

  /** End of the longest form that lies at `from`; `from` when none does. */
  #longestAt(bytes: Buffer, from: number, block: number): number {
    let to = from;
    for (const form of this.#candidates.get(block) ?? []) {
      const end = from + form.length;
      if (end > to && end <= bytes.length && bytes.compare(form, 0, form.length, from, end) === 0) to = end;
    }
    return to;
  }

  #copy(value: unknown): unknown {
    const hide = (text: string): string => this.text(text);
    return mapTexts(value, hide, hide);
  }
}

/** Hides nothing. */
export const nothingSecret = new Masker([]);

function append(ranges: { from: number; to: number }[], from: number, to: number): void {
  const last = ranges.at(-1);
  if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
  else ranges.push({ from, to });
}
