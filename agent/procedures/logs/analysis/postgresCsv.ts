/**
 * PostgreSQL's csvlog: 22 fields or more, of which the first is the time, the 12th the severity and the 14th the message; quoted fields go
 * on over several lines (PostgreSQL manual, "Using CSV-Format Log Output").
 */
import { newline } from './bytes.ts';
import type { Level } from './levels.ts';
import { levelOfSeverity } from './postgresLine.ts';
import type { TimeReader } from './times.ts';

const comma = 44;
const quote = 34;
const severityField = 11;
const messageField = 13;
const longestMessage = 16 * 1024;
/** A quote that stays open longer than this was never closed: what is behind it is other logs. */
const mostLines = 10_000;

export type CsvRecord = (level: Level, time: number, message: Buffer, length: number) => void;

export class PostgresCsv {
  /** A quoted field goes on in the next line. */
  open = false;
  readonly #times: TimeReader;
  readonly #done: CsvRecord;
  readonly #message = Buffer.alloc(longestMessage);
  #length = 0;
  #field = 0;
  #lines = 0;
  #time = Number.NaN;
  #level: Level | null = null;

  constructor(times: TimeReader, done: CsvRecord) {
    this.#times = times;
    this.#done = done;
  }

  /** Takes one line without its end; false when it is none of a csvlog. */
  line(bytes: Buffer, start: number, end: number): boolean {
    if (this.open && (this.#lines += 1) > mostLines) this.close();
    if (this.open) {
      if (this.#field === messageField) this.#put(newline);
      if (this.#fields(bytes, start, end, true)) return true;
      // A record that was cut off: what PostgreSQL wrote whole is never wrong here, since it doubles quotes.
      this.close();
    }
    const comma = this.#head(bytes, start, end);
    if (comma < 0) return false;
    [this.#field, this.#length, this.#level, this.#lines] = [1, 0, null, 1];
    return this.#fields(bytes, comma + 1, end, false);
  }

  /** Gives what there is of a record that does not go on. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    if (this.#level !== null) this.#done(this.#level, this.#time, this.#message, this.#length);
  }

  /** The comma behind the time at the beginning; -1 = none. */
  #head(bytes: Buffer, start: number, end: number): number {
    const time = this.#times.read(bytes, start, end);
    if (Number.isNaN(time)) return -1;
    let at = this.#times.end;
    // A zone whose name is not known.
    while (at < end && at < this.#times.end + 8 && bytes[at] !== comma) at += 1;
    if (bytes[at] !== comma) return -1;
    this.#time = time;
    return at;
  }

  /** False when this is no CSV of PostgreSQL's. */
  #fields(bytes: Buffer, start: number, end: number, isQuoted: boolean): boolean {
    let quoted = isQuoted;
    let fieldStart = start;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] ?? 0;
      if (quoted) {
        if (byte !== quote) {
          if (this.#field === messageField) this.#put(byte);
        } else if (bytes[at + 1] === quote && at + 1 < end) {
          at += 1;
          if (this.#field === messageField) this.#put(byte);
        } else if (at + 1 === end || bytes[at + 1] === comma) quoted = false;
        else return false;
      } else if (byte === comma) {
        if (this.#field === severityField && !this.#isSeverity(bytes, fieldStart, at)) return false;
        this.#field += 1;
        fieldStart = at + 1;
      } else if (byte === quote) {
        if (at !== fieldStart) return false;
        quoted = true;
      }
    }
    this.open = quoted && this.#level !== null;
    if (this.open) return true;
    if (this.#level === null || this.#field < messageField) return false;
    this.#done(this.#level, this.#time, this.#message, this.#length);
    return true;
  }

  #isSeverity(bytes: Buffer, start: number, end: number): boolean {
    this.#level = levelOfSeverity(bytes.toString('latin1', start, Math.min(end, start + 10)));
    return this.#level !== null;
  }

  #put(byte: number): void {
    if (this.#length === longestMessage) return;
    this.#message[this.#length] = byte;
    this.#length += 1;
  }
}
