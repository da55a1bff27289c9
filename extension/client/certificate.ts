/** Certificates of agents: what a person is shown of one, and which one is expected where. */
import type { X509Certificate } from 'node:crypto';
import * as z from 'zod';

/** The certificate that a person has accepted for one place. It alone is accepted there from then on, whoever else vouches for another. */
export const pin = z.object({
  /** SHA-256 of the certificate (DER), `AB:CD:…` as openssl and the agent show it. */
  fingerprint: z.string(),
  pem: z.string(),
  /** ISO 8601. */
  pinnedAt: z.string(),
});
export type Pin = z.infer<typeof pin>;

export interface SeenCertificate {
  readonly fingerprint: string;
  readonly pem: string;
  /** One line each; names and addresses for which it is made out. */
  readonly subject: string;
  readonly issuer: string;
  readonly names: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export function seenCertificate(certificate: X509Certificate): SeenCertificate {
  return {
    fingerprint: certificate.fingerprint256,
    pem: certificate.toString(),
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: oneLine(certificate.subjectAltName ?? '').replaceAll(/\b(?:DNS|IP Address):/g, ''),
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
  };
}

export function pinOf({ fingerprint, pem }: SeenCertificate, now: Date): Pin {
  return { fingerprint, pem, pinnedAt: now.toISOString() };
}

/** Why its dates refuse it, or null. A pin does not help: an agent can make a new one, and a person should know. */
export function dateProblem({ notBefore, notAfter }: SeenCertificate, now: Date): string | null {
  if (now > notAfter) return `expired on ${notAfter.toISOString().slice(0, 10)}`;
  if (now < notBefore) return `is not valid before ${notBefore.toISOString()}`;
  return null;
}

/** Text of a stranger's certificate: short, and without anything that breaks a line. */
function oneLine(text: string | undefined): string {
  const line = (text ?? '').replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ', ');
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}
