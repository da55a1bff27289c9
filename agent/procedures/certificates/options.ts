/** Options that several procedures about certificates have. */
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import * as z from 'zod';

/** Blanks and control characters are told apart first, for domainToASCII leaves some of them out (WHATWG URL, 4.4). */
export const hostName = z
  .string()
  .refine(
    (host) =>
      isIP(host) !== 0 ||
      (!/[\s\p{Cc}\p{Cf}]/u.test(host) && /^[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?$/i.test(domainToASCII(host))),
    'a host name',
  );

export const warnDays = z
  .int()
  .min(0)
  .max(36_500)
  .optional()
  .describe('Warn so many days before expiry; by default when a third of the lifetime is left');

export const archiveDate = z.string().refine(isDate, 'a date such as 20240115 or 20240115-020000');

/** Of the calendar, too: an archive of the 99th month would count as the newest for ever. */
function isDate(text: string): boolean {
  const match = /^(\d{4})(\d\d)(\d\d)(?:-(\d\d)(\d\d)(\d\d))?$/.exec(text);
  if (match === null) return false;
  const [, year, month, day, hour = '00', minute = '00', second = '00'] = match;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const date = new Date(iso);
  return !Number.isNaN(date.getTime()) && date.toISOString() === iso;
}

export const destination = z
  .string()
  .min(1)
  .optional()
  .describe('Folder of the archives; by default certificates.backup.destination');
