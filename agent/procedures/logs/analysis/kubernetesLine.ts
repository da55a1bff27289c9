/** Two heads that Kubernetes writes: that of a container's line (the log format of the CRI), and that of its own programs (klog). */
import { isDigit, startsWith, twoDigits } from './bytes.ts';
import type { Level } from './levels.ts';
import type { TimeReader } from './times.ts';

/** ` stderr F ` behind the time at `at`: what the container said, a piece of it (`P`) without a line feed. */
export function readContainerLine(
  bytes: Buffer,
  at: number,
  end: number,
): { readonly text: string; readonly stream: string } | null {
  if (!startsWith(bytes, at, end, ' stdout ') && !startsWith(bytes, at, end, ' stderr ')) return null;
  const tag = bytes[at + 8];
  const isWhole = tag === 70;
  if ((!isWhole && tag !== 80) || (at + 9 < end && bytes[at + 9] !== 32)) return null;
  const text = bytes.toString('utf8', Math.min(end, at + 10), end);
  return { text: isWhole ? `${text}\n` : text, stream: bytes.toString('latin1', at + 1, at + 7) };
}

const levels: Readonly<Record<string, Level>> = { I: 'info', W: 'warning', E: 'error', F: 'fatal' };

/** `E1126 03:00:00.123456       1 reflector.go:138] Failed to watch`; null when the line is something else. */
export function readKlog(
  bytes: Buffer,
  start: number,
  end: number,
  times: TimeReader,
): { readonly level: Level; readonly time: number; readonly start: number } | null {
  const level = levels[String.fromCharCode(bytes[start] ?? 0)];
  if (level === undefined || !isDigit(bytes[start + 1]) || bytes[start + 5] !== 32 || bytes[start + 8] !== 58)
    return null;
  const [month, day, hours, minutes, seconds] = [1, 3, 6, 9, 12].map((offset) => twoDigits(bytes, start + offset)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > 31 || hours < 0 || minutes < 0 || seconds < 0) return null;
  const bracket = bytes.subarray(start, Math.min(end, start + 200)).indexOf('] ', 0, 'latin1');
  if (bracket < 0) return null;
  const time = times.withoutYear(month - 1, day, (hours * 60 + minutes) * 60_000 + seconds * 1000);
  return { level, time, start: start + bracket + 2 };
}
