/** One line of Redis' (and Valkey's) log: `4711:M 25 Nov 2026 22:08:55.489 * Ready to accept connections` (its server.c, serverLogRaw). */
import { fourDigits, isDigit, space, twoDigits } from './bytes.ts';
import type { Level } from './levels.ts';
import { monthAt, type TimeReader } from './times.ts';

export interface RedisHead {
  readonly time: number;
  readonly level: Level;
  /** Where the message begins. */
  readonly start: number;
}

/** By the sign behind the time: debug, verbose, notice, warning. */
const levels: Readonly<Record<string, Level>> = { '.': 'debug', '-': 'debug', '*': 'info', '#': 'warning' };
/** Master, replica, child that saves, sentinel. */
const roles = 'MSCX';

/** null when the line is none of Redis'. */
export function readRedis(bytes: Buffer, start: number, end: number, times: TimeReader): RedisHead | null {
  let at = start;
  while (at < end && at - start < 10 && isDigit(bytes[at])) at += 1;
  if (at === start || bytes[at] !== 58 || end - at < 29) return null;
  if (!roles.includes(String.fromCharCode(bytes[at + 1] ?? 0)) || bytes[at + 2] !== space) return null;
  const [day, month, year] = [twoDigits(bytes, at + 3), monthAt(bytes, at + 6), fourDigits(bytes, at + 10)];
  const [hours, minutes, seconds] = [15, 18, 21].map((offset) => twoDigits(bytes, at + offset)) as [
    number,
    number,
    number,
  ];
  const thousandths = Number(bytes.toString('latin1', at + 24, at + 27));
  const level = levels[String.fromCharCode(bytes[at + 28] ?? 0)];
  if (day < 1 || month < 0 || year < 1970 || hours < 0 || minutes < 0 || seconds < 0 || level === undefined)
    return null;
  if (!Number.isInteger(thousandths)) return null;
  const time = times.local(Date.UTC(year, month, day, hours, minutes, seconds) + thousandths);
  return { time, level, start: Math.min(end, at + 30) };
}
