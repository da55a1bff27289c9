/** Until when a person wants a task held back. Times are those of the editor's clock and zone. Pure. */

const minuteMs = 60_000;
const unitMs: Readonly<Record<string, number>> = { m: minuteMs, h: 60 * minuteMs, d: 24 * 60 * minuteMs };
const longestMs = 366 * 24 * 60 * minuteMs;

export function tomorrowAt(hour: number, now: Date): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, hour);
}

/** `45m`, `3h`, `1h30m`, `2d`; `14:30` (the next one); `2026-03-05 14:00` or `2026-03-05`; null when it is none of these. */
export function parseUntil(text: string, now: Date): Date | null {
  const trimmed = text.trim().toLowerCase();
  return afterSpan(trimmed, now) ?? atClock(trimmed, now) ?? onDay(trimmed);
}

/** What is wrong with the text, or null. */
export function untilProblem(text: string, now: Date): string | null {
  const until = parseUntil(text, now);
  if (until === null) return 'Write a length (45m, 3h, 2d), a time (14:30), or a date and time (2026-03-05 14:00)';
  if (until <= now) return 'This moment is past';
  return until.getTime() - now.getTime() > longestMs ? 'At most 366 days' : null;
}

function afterSpan(text: string, now: Date): Date | null {
  const parts = [...text.matchAll(/(\d{1,5})\s*([mhd])(?:in)?\s*/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return null;
  const span = parts.reduce((sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ''] ?? 0), 0);
  return new Date(now.getTime() + span);
}

function atClock(text: string, now: Date): Date | null {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  if (hours === undefined || Number(hours) > 23 || Number(minutes) > 59) return null;
  const today = new Date(now.getFullYear(), now.getMonth(), now.getDate(), Number(hours), Number(minutes));
  if (today > now) return today;
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, Number(hours), Number(minutes));
}

function onDay(text: string): Date | null {
  const [, year, month, day, hours = '0', minutes = '0'] =
    /^(\d{4})-(\d{2})-(\d{2})(?:[t ]+(\d{1,2}):(\d{2}))?$/.exec(text) ?? [];
  if (year === undefined || Number(hours) > 23 || Number(minutes) > 59) return null;
  const date = new Date(Number(year), Number(month) - 1, Number(day), Number(hours), Number(minutes));
  // 31 February would be in March.
  return date.getMonth() === Number(month) - 1 && date.getDate() === Number(day) ? date : null;
}
