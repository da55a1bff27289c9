/**
 * One line of PostgreSQL's stderr log: the `log_line_prefix`, then the severity, a colon and two blanks (PostgreSQL manual, "Error
 * Reporting and Logging"). The prefix begins with a time as a rule (`%m`, `%t`, `%n`), has it further on, or none.
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

/** Of the severity as csvlog and jsonlog name it; null = none of PostgreSQL's. */
export function levelOfSeverity(severity: string): Level | null {
  return (
    severities.find(([name]) => severity === name || (name === 'DEBUG' && /^DEBUG[1-5]$/.test(severity)))?.[1] ?? null
  );
}

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
  /** The log has shown a line of PostgreSQL's. */
  #known = false;

  constructor(times: TimeReader) {
    this.#times = times;
  }

  /** False when the line at `start` is none of PostgreSQL's. */
  parse(bytes: Buffer, start: number, end: number): boolean {
    this.time = this.#times.read(bytes, start, end);
    if (Number.isNaN(this.time)) return this.#untimed(bytes, start, end);
    const stop = Math.min(end, start + longestPrefix) - 2;
    for (let at = this.#times.end; at < stop; at += 1) {
      if (bytes[at] !== 58 || bytes[at + 1] !== 32 || bytes[at + 2] !== 32) continue;
      if (!this.#severity(bytes, this.#times.end, at)) return false;
      this.#known = true;
      return true;
    }
    return false;
  }

  /**
   * A prefix without a time at its beginning. `LOG:  ` is PostgreSQL's alone; other severities, which programs may write too, count once the
   * log has shown a line of PostgreSQL's.
   */
  #untimed(bytes: Buffer, start: number, end: number): boolean {
    if ((bytes[start] ?? 0) <= 32) return false;
    const stop = Math.min(end, start + longestPrefix) - 3;
    for (let at = start; at < stop; at += 1) {
      if (bytes[at] !== 58 || bytes[at + 1] !== 32 || bytes[at + 2] !== 32 || bytes[at + 3] === 32) continue;
      if (!this.#known && !startsWith(bytes, at - 3, at, 'LOG')) return false;
      if (!this.#severity(bytes, start, at)) return false;
      this.#known = true;
      this.time = this.#timeWithin(bytes, start, at);
      return true;
    }
    return false;
  }

  /** `app@shop 2024-03-01 12:00:00.123 UTC [7] `; NaN = none. */
  #timeWithin(bytes: Buffer, start: number, end: number): number {
    for (let at = start + 1; at < end - 19; at += 1) {
      if (bytes[at + 4] !== 45 || bytes[at + 7] !== 45 || bytes[at + 13] !== 58) continue;
      const time = this.#times.read(bytes, at, end);
      if (!Number.isNaN(time)) return time;
    }
    return Number.NaN;
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
