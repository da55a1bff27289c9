/**
 * What a certificate says of itself, read from its bytes (RFC 5280, 4.1 and 4.2) once. node:crypto takes ten times as long
 * for some of it, and does not tell the rest on Node 22.
 */
import type { X509Certificate } from 'node:crypto';
import { derChildren, derObjectIdentifier, derTag, type DerValue, readDer } from './der.ts';
import { keyStrength, type KeyStrength, weakSignature } from './strength.ts';

/** Keys of unknown kinds are not judged. */
export interface CertificateFacts extends KeyStrength {
  /** Encoded names, for comparison alone. */
  readonly subject: string;
  readonly issuer: string;
  /** By its basic constraints. */
  readonly authority: boolean;
  /** Whether its key usage says that the key signs certificates; false when it says nothing. */
  readonly signsCertificates: boolean;
  /** The weak digest of the signature (`SHA-1`), or null. */
  readonly weakSignature: string | null;
}

/** `der`: its bytes, where they are at hand: to have them copied out once more takes a while. */
export function factsOf(certificate: X509Certificate, der?: Buffer): CertificateFacts {
  let facts = known.get(certificate);
  if (facts === undefined) known.set(certificate, (facts = readFacts(der ?? certificate.raw)));
  return facts;
}

/** `der`: the whole certificate. Of what is malformed, the facts are empty. */
export function readFacts(der: Buffer): CertificateFacts {
  const [signed, algorithm] = derChildren(readDer(der));
  const fields = derChildren(signed);
  // The version is optional; without it everything stands one place further to the front.
  if (fields[0]?.tag === versionTag) fields.shift();
  const [, , issuer, , subject, key] = fields;
  const extensions = fields.find((field) => field.tag === extensionsTag);
  return {
    subject: subject?.content.toString('latin1') ?? '',
    issuer: issuer?.content.toString('latin1') ?? '',
    ...usage(derChildren(derChildren(extensions)[0])),
    ...keyStrength(derChildren(key)),
    weakSignature: weakSignature(derChildren(algorithm)),
  };
}

const known = new WeakMap<X509Certificate, CertificateFacts>();

const versionTag = 0xa0;
const extensionsTag = 0xa3;
const keyUsageExtension = '2.5.29.15';
const basicConstraintsExtension = '2.5.29.19';
const keyCertSignBit = 0x04;

function usage(extensions: readonly DerValue[]): Pick<CertificateFacts, 'authority' | 'signsCertificates'> {
  let authority = false;
  let signsCertificates = false;
  for (const extension of extensions) {
    const parts = derChildren(extension);
    const name = derObjectIdentifier(parts[0]);
    const octets = parts.find((part) => part.tag === derTag.octetString);
    const value = octets === undefined ? undefined : readDer(octets.content);
    if (name === basicConstraintsExtension) {
      const [isAuthority] = derChildren(value);
      authority = isAuthority?.tag === derTag.boolean && isAuthority.content[0] !== 0;
    } else if (name === keyUsageExtension && value?.tag === derTag.bitString) {
      signsCertificates = ((value.content[1] ?? 0) & keyCertSignBit) !== 0;
    }
  }
  return { authority, signsCertificates };
}
