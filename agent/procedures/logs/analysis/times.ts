/** Times of log lines, from bytes to milliseconds since the epoch. What names no zone is taken for the local time of this host. */
import { fourDigits, isDigit, startsWith, twoDigits } from './bytes.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Minutes east of Greenwich: the abbreviations of PostgreSQL's default set that logs show most. */
const zones: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ...{ UTC: 0, GMT: 0, Z: 0, WET: 0, WEST: 60, BST: 60, CET: 60, CEST: 120, EET: 120, EEST: 180, MSK: 180 },
    ...{ IST: 330, SGT: 480, HKT: 480, JST: 540, KST: 540, AEST: 600, AEDT: 660, NZST: 720, NZDT: 780 },
    ...{ EST: -300, EDT: -240, CST: -360, CDT: -300, MST: -420, MDT: -360, PST: -480, PDT: -420, BRT: -180 },
  }),
);

/** Number of the month at `at` (0 = January), -1 when there is none. */
export function monthAt(bytes: Buffer, at: number): number {
  return months.findIndex((month) => startsWith(bytes, at, at + 3, month));
}

export class TimeReader {
  /** Behind the time that was read last. */
  end = 0;
  readonly #now: number;
  /** First 17 bytes (to the minute) of the ISO time read last, and that minute. */
  readonly #minute = Buffer.alloc(17);
  #minuteStart = Number.NaN;
  #localKey = Number.NaN;
  #localOffset = 0;

  /** `now`: what years are guessed by where a log has none. */
  constructor(now: number) {
    this.#now = now;
  }

  /** Reads `2024-03-01T12:00:00.123Z` and its kin, `1709251200.123`, `Mar  1 12:00:00`, `Fri Mar 01 12:00:00 2024`, each also in `[…]`; NaN = none. */
  read(bytes: Buffer, at: number, limit: number): number {
    if (bytes[at] === 91) {
      const time = this.read(bytes, at + 1, limit);
      if (bytes[this.end] === 93) this.end += 1;
      return bytes[at + 1] === 91 ? Number.NaN : time;
    }
    const first = bytes[at] ?? 0;
    if (first >= 48 && first <= 57) return this.#iso(bytes, at, limit);
    return first >= 65 && first <= 90 ? this.#named(bytes, at, limit) : Number.NaN;
  }

  /** `1709251200.123`: seconds since the epoch with a fraction, as PostgreSQL's `%n` and squid write them. */
  #epoch(bytes: Buffer, at: number, limit: number): number {
    if (bytes[at + 10] !== 46 || limit - at < 14) return Number.NaN;
    let position = at;
    let value = 0;
    for (; position < at + 14; position += 1) {
      const byte = bytes[position] ?? 0;
      if (position === at + 10) continue;
      if (!isDigit(byte)) return Number.NaN;
      value = value * 10 + byte - 48;
    }
    while (position < limit && isDigit(bytes[position])) position += 1;
    if (position < limit && bytes[position] !== 32) return Number.NaN;
    this.end = position;
    return value;
  }

  #iso(bytes: Buffer, at: number, limit: number): number {
    if (bytes[at + 10] === 46) return this.#epoch(bytes, at, limit);
    if (limit - at < 19 || bytes[at + 13] !== 58 || bytes[at + 16] !== 58) return Number.NaN;
    let known = true;
    for (let index = 0; index < 17 && known; index += 1) known = this.#minute[index] === bytes[at + index];
    if (!known) {
      const start = minuteOf(bytes, at);
      if (Number.isNaN(start)) return Number.NaN;
      bytes.copy(this.#minute, 0, at, at + 17);
      this.#minuteStart = start;
    }
    const seconds = twoDigits(bytes, at + 17);
    if (seconds < 0 || seconds > 60) return Number.NaN;
    let time = this.#minuteStart + seconds * 1000;
    let position = at + 19;
    if ((bytes[position] === 46 || bytes[position] === 44) && isDigit(bytes[position + 1])) {
      let scale = 100;
      for (position += 1; position < limit && isDigit(bytes[position]); position += 1) {
        time += ((bytes[position] ?? 48) - 48) * scale;
        scale = scale > 1 ? scale / 10 : 0;
      }
    }
    return this.#zoned(bytes, position, limit, time);
  }

  /** `time` is the wall clock as if it were UTC. */
  #zoned(bytes: Buffer, at: number, limit: number, time: number): number {
    this.end = at;
    const byte = bytes[at];
    if (byte === 90) {
      this.end = at + 1;
      return time;
    }
    const gap = byte === 32 ? 1 : 0;
    const sign = bytes[at + gap];
    if ((sign === 43 || sign === 45) && isDigit(bytes[at + gap + 1])) {
      const hours = twoDigits(bytes, at + gap + 1);
      const colon = bytes[at + gap + 3] === 58 ? 1 : 0;
      const minutes = twoDigits(bytes, at + gap + 3 + colon);
      if (hours < 0 || hours > 15) return this.local(time);
      this.end = at + gap + 3 + (minutes < 0 ? 0 : colon + 2);
      return time - (sign === 43 ? 1 : -1) * (hours * 60 + Math.max(0, minutes)) * 60_000;
    }
    if (gap === 1 && sign === 85 && startsWith(bytes, at + 1, limit, 'UTC')) {
      this.end = at + 4;
      return time;
    }
    const offset = gap === 1 ? this.#abbreviated(bytes, at + 1, limit) : null;
    return offset === null ? this.local(time) : time - offset * 60_000;
  }

  #abbreviated(bytes: Buffer, at: number, limit: number): number | null {
    let end = at;
    while (end < limit && end - at < 5 && (bytes[end] ?? 0) >= 65 && (bytes[end] ?? 0) <= 90) end += 1;
    if (end - at < 3 || end - at > 4) return null;
    const offset = zones.get(bytes.toString('latin1', at, end)) ?? null;
    if (offset !== null) this.end = end;
    return offset;
  }

  /** From the wall clock of this host, as if it were UTC. Its offset is looked up once for each quarter of an hour. */
  local(time: number): number {
    const key = Math.floor(time / 900_000);
    if (key !== this.#localKey) {
      const wall = new Date(key * 900_000);
      const local = new Date(
        wall.getUTCFullYear(),
        wall.getUTCMonth(),
        wall.getUTCDate(),
        wall.getUTCHours(),
        wall.getUTCMinutes(),
      );
      this.#localKey = key;
      this.#localOffset = key * 900_000 - local.getTime();
    }
    return time - this.#localOffset;
  }

  /** RFC 3164 (no year), asctime(3). */
  #named(bytes: Buffer, at: number, limit: number): number {
    let position = at;
    let month = monthAt(bytes, position);
    if (month < 0 && bytes[position + 3] === 32) {
      position += 4;
      // `Sat 2026-01-31 12:00:06 UTC`: journalctl -o short-full.
      if (isDigit(bytes[position])) return this.#iso(bytes, position, limit);
      month = monthAt(bytes, position);
    }
    if (month < 0 || bytes[position + 3] !== 32 || limit - position < 15) return Number.NaN;
    const day = bytes[position + 4] === 32 ? (bytes[position + 5] ?? 0) - 48 : twoDigits(bytes, position + 4);
    const clock = position + 7;
    const [hours, minutes, seconds] = [
      twoDigits(bytes, clock),
      twoDigits(bytes, clock + 3),
      twoDigits(bytes, clock + 6),
    ];
    if (day < 1 || day > 31 || hours < 0 || minutes < 0 || seconds < 0 || bytes[clock + 2] !== 58) return Number.NaN;
    this.end = clock + 8;
    if (bytes[this.end] === 46) for (this.end += 1; isDigit(bytes[this.end]);) this.end += 1;
    const year = bytes[this.end] === 32 ? fourDigits(bytes, this.end + 1) : -1;
    if (year > 1970) {
      this.end += 5;
      return this.local(Date.UTC(year, month, day, hours, minutes, seconds));
    }
    return this.withoutYear(month, day, hours * 3_600_000 + minutes * 60_000 + seconds * 1000);
  }

  /** By the wall clock of this host; `month` from 0 on, `ofDay` in milliseconds. */
  withoutYear(month: number, day: number, ofDay: number): number {
    return this.local(this.#withYear(month, day, ofDay));
  }

  /** The latest year in which the time does not lie more than a day ahead. */
  #withYear(month: number, day: number, ofDay: number): number {
    const year = new Date(this.#now).getUTCFullYear() + 1;
    const limit = this.#now + 2 * 86_400_000;
    const time = [year, year - 1, year - 2].map((one) => Date.UTC(one, month, day) + ofDay).find((one) => one <= limit);
    return time ?? Number.NaN;
  }
}

function minuteOf(bytes: Buffer, at: number): number {
  const [year, month, day] = [fourDigits(bytes, at), twoDigits(bytes, at + 5), twoDigits(bytes, at + 8)];
  const [hours, minutes] = [twoDigits(bytes, at + 11), twoDigits(bytes, at + 14)];
  const separator = bytes[at + 4];
  if ((separator !== 45 && separator !== 47) || bytes[at + 7] !== separator) return Number.NaN;
  if (bytes[at + 10] !== 32 && bytes[at + 10] !== 84) return Number.NaN;
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hours < 0 || hours > 24) return Number.NaN;
  if (minutes < 0 || minutes > 59) return Number.NaN;
  return Date.UTC(year, month - 1, day, hours, minutes);
}
