/** A moment that people write as how long ago it was, or as a date. */
import * as z from 'zod';
import { parseDuration } from './units.ts';

const dated = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;

/**
 * `24h`, `today`, `yesterday` (from midnight), `2024-03-01`, `2024-03-01T12:00`, also with a zone → milliseconds since the epoch;
 * without a zone it is the local time of this host. null when it is none of these.
 */
export function parseSince(text: string, now: Date): number | null {
  const given = text.trim();
  const ago = parseDuration(given);
  if (ago !== null) return now.getTime() - ago;
  if (given === 'today' || given === 'yesterday') {
    return new Date(now.getFullYear(), now.getMonth(), now.getDate() - (given === 'today' ? 0 : 1)).getTime();
  }
  if (!dated.test(given)) return null;
  // A date alone would be taken for UTC.
  const time = Date.parse(given.length === 10 ? `${given}T00:00` : given.replace(' ', 'T'));
  return Number.isNaN(time) ? null : time;
}

export const since = z
  .string()
  .refine((text) => parseSince(text, new Date(0)) !== null, {
    error: 'how long ago (24h, 7d), today, yesterday, or a date: 2024-03-01, 2024-03-01T12:00+01:00',
  })
  .describe('How long ago (24h, 7d), `today`, `yesterday`, or a date as 2024-03-01T12:00+01:00');
