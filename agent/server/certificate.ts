/** The certificate that the agent shows to its clients, read from files and judged before it is used. */
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { messageOf } from '../thrown.ts';

export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
  /** Authorities of client certificates; null = clients need none. */
  readonly clientCa: string | null;
}

export interface ServingCertificate {
  readonly context: SecureContextOptions;
  /** SHA-256 of the certificate (DER): upper-case hex with colons, as openssl and browsers show it. */
  readonly fingerprint: string;
  /** DNS names for which it is made out, without those with a wildcard. */
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Older versions have known holes (RFC 8996). */
const oldestTls = 'TLSv1.2';

/** Throws one sentence that names the file and what to do. A certificate that has expired is read all the same: see `expiryProblem`. */
export function readCertificate({ cert, key, clientCa }: CertificateFiles): ServingCertificate {
  const certPem = read(cert, 'certificate');
  const leaf = parseCertificate(cert, certPem);
  const keyPem = read(key, 'key');
  if (!leaf.checkPrivateKey(parseKey(key, keyPem)))
    throw new Error(`the key ${key} does not belong to the first certificate in ${cert}: put a matching pair there`);
  const ca = clientCa === null ? null : read(clientCa, 'client authority');
  if (clientCa !== null && ca !== null) parseCertificate(clientCa, ca);
  const context: SecureContextOptions = {
    cert: certPem,
    key: keyPem,
    minVersion: oldestTls,
    ...(ca === null ? {} : { ca }),
  };
  try {
    createSecureContext(context);
  } catch (error) {
    throw new Error(`OpenSSL refuses ${cert} with ${key}: ${messageOf(error)}`, { cause: error });
  }
  return {
    context,
    fingerprint: leaf.fingerprint256,
    names: dnsNames(leaf),
    notBefore: new Date(leaf.validFrom),
    notAfter: new Date(leaf.validTo),
  };
}

/** Why clients will refuse it for its dates, as a sentence; null = they will not. `now`: milliseconds since the epoch. */
export function expiryProblem({ notBefore, notAfter }: ServingCertificate, now: number): string | null {
  if (now > notAfter.getTime()) return `it expired on ${notAfter.toISOString()}: clients refuse it`;
  if (now < notBefore.getTime()) return `it is valid from ${notBefore.toISOString()} on: clients refuse it until then`;
  return null;
}

function read(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`the ${what} ${file} can not be read: ${messageOf(error)}`, { cause: error });
  }
}

function parseCertificate(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Error(`${file} holds no certificate in PEM: ${messageOf(error)}`, { cause: error });
  }
}

function parseKey(file: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    const locked = pem.includes('ENCRYPTED');
    const why = locked
      ? 'is locked by a password: store it without one'
      : `holds no private key in PEM: ${messageOf(error)}`;
    throw new Error(`the key ${file} ${why}`, { cause: error });
  }
}

/** `DNS:a.example, IP Address:192.0.2.1`; names with quoted (odd) characters are no host names. */
function dnsNames(certificate: X509Certificate): readonly string[] {
  const entries = certificate.subjectAltName?.split(', ') ?? [];
  return entries.flatMap((entry) => {
    const name = /^DNS:([A-Za-z0-9_.-]+)$/.exec(entry)?.[1];
    return name === undefined ? [] : [name.toLowerCase()];
  });
}
