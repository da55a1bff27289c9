import type { Certificate } from '../../protocol/nouns.ts';
import { counted } from '../counted.ts';
import { domainName, issuerName, plain } from './names.ts';

/** The lines that people read of one certificate: the form of the seed, `Domain`, `Issuer`, `Expires`, `Status`, and where it is. */
export function certificateLines(certificate: Certificate): string[] {
  const status = `Status: ${certificate.status.replaceAll('_', ' ').toUpperCase()}`;
  if (certificate.notAfter === null) return [`Domain: ${plain(certificate.source)}`, status];
  // Whole days that are left, so one less than nothing on the day of the end.
  const days = certificate.daysLeft ?? 0;
  return [
    `Domain: ${domainName(certificate.names, certificate.subject)}`,
    `Issuer: ${issuerName(certificate.issuer)}`,
    `Expires: ${certificate.notAfter.slice(0, 10)} (${days < 0 ? `${counted(-days - 1, 'day')} ago` : counted(days, 'day')})`,
    status,
    `Source: ${plain(certificate.source)}`,
  ];
}

/** `12 certificates: 10 OK, 1 EXPIRING, 1 UNREADABLE` */
export function summaryLine(certificates: readonly Certificate[]): string {
  const counts = new Map<string, number>();
  for (const { status } of certificates) counts.set(status, (counts.get(status) ?? 0) + 1);
  const parts = [...counts].map(([status, count]) => `${count} ${status.replaceAll('_', ' ').toUpperCase()}`);
  return `${counted(certificates.length, 'certificate')}: ${parts.join(', ')}`;
}
