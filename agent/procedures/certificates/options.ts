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

export const archiveDate = z.string().regex(/^\d{8}(?:-\d{6})?$/, 'a date such as 20240115 or 20240115-020000');

export const destination = z
  .string()
  .min(1)
  .optional()
  .describe('Folder of the archives; by default certificates.backup.destination');
