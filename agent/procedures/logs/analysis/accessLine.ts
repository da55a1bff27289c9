/**
 * One line of an access log, field by field: the Common and Combined Log Format of Apache (mod_log_config) and nginx
 * (ngx_http_log_module), also with the virtual host in front and times of the request behind.
 */
import {
  hashSeed,
  isDigit,
  newline,
  NumberReader,
  quote,
  sampledHash,
  space,
  startsWith,
  twoDigits,
  fourDigits,
} from './bytes.ts';
import { monthAt } from './times.ts';

const prime = 0x01000193;
const backslash = 92;
/** Before the time there is little; a line without `[` here is no access log. */
const longestHead = 400;

export class AccessLine {
  /** The line feed. */
  end = 0;
  clientStart = 0;
  clientEnd = 0;
  clientHash = 0;
  /** Milliseconds since the epoch. */
  time = 0;
  /** `GET /path`, without query and protocol; empty for requests that were none. */
  requestStart = 0;
  requestEnd = 0;
  requestHash = 0;
  status = 0;
  bytes = 0;
  agentStart = 0;
  agentEnd = 0;
  agentHash = 0;
  /** The line names referrer and agent. */
  combined = false;
  /** Duration of the request in seconds; NaN when the line does not tell, or not in which unit. */
  seconds = Number.NaN;
  /** What is its duration if `seconds` is NaN: a whole number of an unknown unit. */
  whole = Number.NaN;
  readonly #numbers = new NumberReader();
  readonly #minute = Buffer.alloc(26);
  #minuteStart = Number.NaN;
  #at = 0;

  /** Reads the line at `start`; false when it is none of an access log. `limit`: behind the last line feed of the block. */
  parse(bytes: Buffer, start: number, limit: number): boolean {
    return (
      this.#head(bytes, start, limit) &&
      this.#time(bytes, limit) &&
      this.#request(bytes, limit) &&
      this.#answer(bytes) &&
      this.#tail(bytes)
    );
  }

  /** Time of the line alone, whose `[` is at `at`; NaN when there is none. */
  timeAt(bytes: Buffer, at: number, limit: number): number {
    this.#at = at;
    return this.#time(bytes, limit) ? this.time : Number.NaN;
  }

  /** Time and request of the line alone, whose `[` is at `at`; false when they are not as expected. */
  momentAt(bytes: Buffer, at: number, limit: number): boolean {
    this.#at = at;
    return this.#time(bytes, limit) && this.#request(bytes, limit);
  }

  #head(bytes: Buffer, start: number, limit: number): boolean {
    const stop = Math.min(limit, start + longestHead);
    let [hash, at, byte] = [hashSeed, start, bytes[start] ?? newline];
    for (; at < stop && byte > space; byte = bytes[++at] ?? newline) hash = Math.imul(hash ^ byte, prime);
    if (byte !== space || at === start) return false;
    [this.clientStart, this.clientEnd, this.clientHash] = [start, at, hash];
    const second = at + 1;
    let blanks = 0;
    for (; at < stop && byte !== 91; byte = bytes[++at] ?? newline) {
      if (byte === newline) return false;
      if (byte === space) blanks += 1;
    }
    if (byte !== 91 || bytes[at - 1] !== space) return false;
    if (blanks === 4 && isVirtualHost(bytes, start, this.clientEnd)) this.#secondIsClient(bytes, second);
    this.#at = at;
    return true;
  }

  #secondIsClient(bytes: Buffer, start: number): void {
    let [hash, at] = [hashSeed, start];
    for (let byte = bytes[at] ?? space; byte > space; byte = bytes[++at] ?? space) hash = Math.imul(hash ^ byte, prime);
    [this.clientStart, this.clientEnd, this.clientHash] = [start, at, hash];
  }

  /** `[10/Oct/2000:13:55:36 -0700] "` */
  #time(bytes: Buffer, limit: number): boolean {
    const start = this.#at + 1;
    if (limit - start < 30 || bytes[start + 26] !== 93 || bytes[start + 27] !== space || bytes[start + 28] !== quote) {
      return false;
    }
    const minute = this.#minute;
    let known = true;
    for (let index = 16; index >= 0 && known; index -= 1) known = minute[index] === bytes[start + index];
    for (let index = 20; index < 26 && known; index += 1) known = minute[index] === bytes[start + index];
    if (!known) {
      this.#minuteStart = minuteOf(bytes, start);
      if (Number.isNaN(this.#minuteStart)) {
        minute.fill(0);
        return false;
      }
      bytes.copy(minute, 0, start, start + 26);
    }
    const seconds = twoDigits(bytes, start + 18);
    if (seconds < 0) return false;
    this.time = this.#minuteStart + seconds * 1000;
    this.#at = start + 28;
    return true;
  }

  /** From the opening quote to the closing one. */
  #request(bytes: Buffer, limit: number): boolean {
    const start = this.#at + 1;
    let [hash, at, byte] = [hashSeed, start, bytes[start] ?? newline];
    for (; byte > space && byte !== quote; byte = bytes[++at] ?? newline) hash = Math.imul(hash ^ byte, prime);
    if (byte === space) {
      hash = Math.imul(hash ^ byte, prime);
      byte = bytes[++at] ?? newline;
      // 63: the query is no part of what is counted.
      for (; byte > space && byte !== quote && byte !== 63; byte = bytes[++at] ?? newline) {
        hash = Math.imul(hash ^ byte, prime);
        if (byte === backslash && bytes[at + 1] === quote) hash = Math.imul(hash ^ (bytes[++at] ?? 0), prime);
      }
    }
    [this.requestStart, this.requestEnd, this.requestHash] = [start, at, hash];
    for (; byte !== quote; byte = bytes[++at] ?? newline) {
      if (byte === newline || at >= limit) return false;
      if (byte === backslash && bytes[at + 1] !== newline) at += 1;
    }
    this.#at = at + 1;
    return true;
  }

  /** ` 200 2326`, or `-` for no bytes. */
  #answer(bytes: Buffer): boolean {
    const at = this.#at;
    const [hundreds, rest] = [(bytes[at + 1] ?? 0) - 48, twoDigits(bytes, at + 2)];
    if (bytes[at] !== space || hundreds < 0 || hundreds > 9 || rest < 0 || bytes[at + 4] !== space) return false;
    this.status = hundreds * 100 + rest;
    if (bytes[at + 5] === 45) {
      this.bytes = 0;
      this.#at = at + 6;
      return true;
    }
    let [value, position, byte] = [0, at + 5, bytes[at + 5] ?? 0];
    for (; byte >= 48 && byte <= 57; byte = bytes[++position] ?? 0) value = value * 10 + byte - 48;
    if (position === at + 5) return false;
    this.bytes = value;
    this.#at = position;
    return true;
  }

  #tail(bytes: Buffer): boolean {
    let at = this.#at;
    this.seconds = this.whole = Number.NaN;
    this.combined = bytes[at] === space && bytes[at + 1] === quote;
    if (!this.combined) return this.#extra(bytes, at);
    let byte = bytes[(at += 2)] ?? newline;
    for (; byte !== quote; byte = bytes[++at] ?? newline) {
      if (byte === newline) return false;
      if (byte === backslash && bytes[at + 1] !== newline) at += 1;
    }
    if (bytes[at + 1] !== space || bytes[at + 2] !== quote) return false;
    const start = at + 3;
    const stop = bytes.indexOf(newline, start);
    // As a rule the agent is the end of the line: then nothing of it needs to be looked at byte by byte.
    const isEnd =
      bytes[stop - 1] === quote && bytes[stop - 2] !== backslash && bytes.indexOf(quote, start) === stop - 1;
    at = isEnd ? stop - 1 : start;
    for (byte = bytes[at] ?? newline; byte !== quote; byte = bytes[++at] ?? newline) {
      if (byte === newline) return false;
      if (byte === backslash && bytes[at + 1] !== newline) at += 1;
    }
    [this.agentStart, this.agentEnd, this.agentHash] = [start, at, sampledHash(bytes, start, at)];
    return this.#extra(bytes, at + 1);
  }

  /**
   * What is behind: the duration by its name (`rt=0.012`, `request_time="0.012"`), else the first number with a decimal point, which
   * is seconds (nginx `$request_time`), else the first whole one (Apache `%D`, `%T`).
   */
  #extra(bytes: Buffer, from: number): boolean {
    let at = from;
    let byte = bytes[at] ?? newline;
    if (byte === newline || (byte === 13 && bytes[at + 1] === newline)) {
      this.end = byte === newline ? at : at + 1;
      return true;
    }
    if (byte !== space) return false;
    let unnamed = Number.NaN;
    for (; byte !== newline; byte = bytes[++at] ?? newline) {
      if (byte === quote) {
        for (byte = bytes[++at] ?? newline; byte !== quote && byte !== newline;) byte = bytes[++at] ?? newline;
        if (byte === newline) break;
        continue;
      }
      if (bytes[at - 1] !== space) continue;
      if (isDigit(byte)) {
        const value = this.#bareNumber(bytes, at);
        if (this.#numbers.fraction) unnamed = Number.isNaN(unnamed) ? value : unnamed;
        else if (Number.isNaN(this.whole)) this.whole = value;
        continue;
      }
      const name = startsWith(bytes, at, at + 3, 'rt=') ? 3 : startsWith(bytes, at, at + 13, 'request_time=') ? 13 : 0;
      if (name > 0) {
        const start = at + name + (bytes[at + name] === quote ? 1 : 0);
        const value = this.#numbers.read(bytes, start, start + 20);
        if (!Number.isNaN(value)) this.seconds = value;
      }
    }
    this.end = at;
    if (Number.isNaN(this.seconds)) this.seconds = unnamed;
    return true;
  }

  #bareNumber(bytes: Buffer, at: number): number {
    const value = this.#numbers.read(bytes, at, at + 20);
    const after = bytes[this.#numbers.end];
    return after === space || after === newline || after === 13 ? value : Number.NaN;
  }
}

/** `www.example.org:443` in front of the client, as in Apache's `vhost_combined`. */
function isVirtualHost(bytes: Buffer, start: number, end: number): boolean {
  let at = end - 1;
  while (at > start && isDigit(bytes[at])) at -= 1;
  return at > start && at < end - 1 && bytes[at] === 58;
}

function minuteOf(bytes: Buffer, at: number): number {
  const [day, month, year] = [twoDigits(bytes, at), monthAt(bytes, at + 3), fourDigits(bytes, at + 7)];
  const [hours, minutes] = [twoDigits(bytes, at + 12), twoDigits(bytes, at + 15)];
  const [zoneHours, zoneMinutes] = [twoDigits(bytes, at + 22), twoDigits(bytes, at + 24)];
  const sign = bytes[at + 21] === 43 ? 1 : bytes[at + 21] === 45 ? -1 : 0;
  const good = day > 0 && month >= 0 && year > 0 && hours >= 0 && minutes >= 0 && zoneHours >= 0 && zoneMinutes >= 0;
  if (!good || sign === 0 || bytes[at + 2] !== 47 || bytes[at + 11] !== 58) return Number.NaN;
  return Date.UTC(year, month, day, hours, minutes) - sign * (zoneHours * 60 + zoneMinutes) * 60_000;
}
