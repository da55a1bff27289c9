/**
 * What a certificate says of itself, read from its bytes (RFC 5280, 4.1 and 4.2) once. node:crypto takes ten times as long
 * for some of it, and does not tell the rest on Node 22.
 */
import type { X509Certificate } from 'node:crypto';
import { derChildren, type DerValue, readDer } from './der.ts';
import { type CertificateExtensions, keyUsage, readAlternativeNames, readExtensions } from './extensions.ts';
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
  readonly extensions: CertificateExtensions;
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
  const { subject, issuer, key, algorithm, ...rest } = partsOf(der);
  const extensions = readExtensions(rest.extensions);
  return {
    subject: subject?.content.toString('latin1') ?? '',
    issuer: issuer?.content.toString('latin1') ?? '',
    authority: extensions.basicConstraints?.authority ?? false,
    signsCertificates: ((extensions.keyUsage ?? 0) & keyUsage.certificateSign) !== 0,
    extensions,
    ...keyStrength(derChildren(key)),
    weakSignature: weakSignature(derChildren(algorithm)),
  };
}

/** Subject and alternative names, read anew: few are asked for them, and to keep them for all would keep all bytes. */
export function namesOf(certificate: X509Certificate): {
  /** Its parts are the relative distinguished names. */
  readonly subject: DerValue | undefined;
  /** Its parts are the names. */
  readonly alternatives: DerValue | undefined;
} {
  const { subject, extensions } = partsOf(certificate.raw);
  return { subject, alternatives: readAlternativeNames(extensions) };
}

function partsOf(der: Buffer) {
  const [signed, algorithm] = derChildren(readDer(der));
  const fields = derChildren(signed);
  // The version is optional; without it everything stands one place further to the front.
  if (fields[0]?.tag === versionTag) fields.shift();
  const [, , issuer, , subject, key] = fields;
  const extensions = derChildren(derChildren(fields.find((field) => field.tag === extensionsTag))[0]);
  return { issuer, subject, key, algorithm, extensions };
}

const known = new WeakMap<X509Certificate, CertificateFacts>();

const versionTag = 0xa0;
const extensionsTag = 0xa3;
