/**
 * One line of PostgreSQL's stderr log: a `log_line_prefix` that begins with a time (`%m` or `%t`), then the severity, a colon and
 * two blanks (PostgreSQL manual, "Error Reporting and Logging").
 */
import { startsWith } from './bytes.ts';
import type { Level } from './levels.ts';
import type { TimeReader } from './times.ts';

/** The parts of a message that come after its first line, each with the prefix again. */
const details = ['DETAIL', 'HINT', 'STATEMENT', 'CONTEXT', 'QUERY', 'LOCATION', 'BACKTRACE'];
const severities: readonly (readonly [string, Level])[] = [
  ['LOG', 'info'],
  ['ERROR', 'error'],
  ['FATAL', 'fatal'],
  ['PANIC', 'fatal'],
  ['WARNING', 'warning'],
  ['NOTICE', 'info'],
  ['INFO', 'info'],
  ['DEBUG', 'debug'],
];
const longestPrefix = 300;

export class PostgresLine {
  time = Number.NaN;
  level: Level = 'info';
  /** It goes on with the message before. */
  detail = false;
  /** `DETAIL`, `STATEMENT` …; empty for the first line of a message. */
  detailStart = 0;
  /** Where what it says begins. */
  start = 0;
  readonly #times: TimeReader;

  constructor(times: TimeReader) {
    this.#times = times;
  }

  /** False when the line at `start` is none of PostgreSQL's. */
  parse(bytes: Buffer, start: number, end: number): boolean {
    this.time = this.#times.read(bytes, start, end);
    if (Number.isNaN(this.time)) return false;
    const stop = Math.min(end, start + longestPrefix) - 2;
    for (let at = this.#times.end; at < stop; at += 1) {
      if (bytes[at] !== 58 || bytes[at + 1] !== 32 || bytes[at + 2] !== 32) continue;
      return this.#severity(bytes, this.#times.end, at);
    }
    return false;
  }

  /** The word in capitals before the colon at `colon`. */
  #severity(bytes: Buffer, start: number, colon: number): boolean {
    let word = colon;
    while (word > start && isCapital(bytes[word - 1] ?? 0)) word -= 1;
    if (word === colon || (word > start && isWordByte(bytes[word - 1] ?? 0))) return false;
    this.start = colon + 3;
    for (const [name, level] of severities) {
      if (!startsWith(bytes, word, colon, name)) continue;
      this.level = level;
      this.detail = false;
      return true;
    }
    this.detail = details.some((name) => name.length === colon - word && startsWith(bytes, word, colon, name));
    this.detailStart = word;
    return this.detail;
  }
}

function isCapital(byte: number): boolean {
  return (byte >= 65 && byte <= 90) || (byte >= 49 && byte <= 53);
}

function isWordByte(byte: number): boolean {
  return (byte >= 97 && byte <= 122) || byte === 95;
}
