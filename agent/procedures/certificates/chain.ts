/** From a certificate up to an authority that is trusted: RFC 5280, 6, without policies and name constraints. */
import type { X509Certificate } from 'node:crypto';
import type { TrustedRoots } from './roots.ts';

export interface CertificatePath {
  /** The certificate, its issuer, and so on: as far as the given certificates reach. */
  readonly path: readonly X509Certificate[];
  /** `open`: the issuer of the last one is neither given nor known. */
  readonly end: 'trusted' | 'self_signed' | 'open';
  /** Whether the given certificates are in the order of the path (RFC 8446, 4.4.2: so they must be sent). */
  readonly ordered: boolean;
}

const longestPath = 10;

/** `given[0]` need not be `leaf`; `known` are intermediates from elsewhere that may fill gaps. */
export function buildPath(
  leaf: X509Certificate,
  given: readonly X509Certificate[],
  roots: TrustedRoots,
  known: readonly X509Certificate[] = [],
): CertificatePath {
  const path = [leaf];
  const pool = [...given, ...known].filter((certificate) => certificate !== leaf);
  let last = leaf;
  while (path.length < longestPath && !isSelfSigned(last)) {
    const child = last;
    const issuer = pool.find((candidate) => !path.includes(candidate) && isIssuedBy(child, candidate));
    if (issuer === undefined) break;
    path.push(issuer);
    last = issuer;
  }
  const ordered = path.every((certificate, index) => known.includes(certificate) || given[index] === certificate);
  return { path, end: endOf(path, last, roots), ordered };
}

/** By name, and by key identifiers or signature: `checkIssued` alone refuses a key that may not sign certificates. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  if (certificate.issuer !== certificate.subject) return false;
  return certificate.checkIssued(certificate) || verifies(certificate, certificate);
}

/** By name, key identifiers and signature. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  if (certificate.issuer !== issuer.subject || !certificate.checkIssued(issuer)) return false;
  let verdicts = signatures.get(certificate);
  if (verdicts === undefined) signatures.set(certificate, (verdicts = new WeakMap()));
  let verdict = verdicts.get(issuer);
  if (verdict === undefined) verdicts.set(issuer, (verdict = verifies(certificate, issuer)));
  return verdict;
}

/** Many sources share their intermediates, and a signature is the dearest thing to check. */
const signatures = new WeakMap<X509Certificate, WeakMap<X509Certificate, boolean>>();

function endOf(
  path: readonly X509Certificate[],
  last: X509Certificate,
  roots: TrustedRoots,
): 'trusted' | 'self_signed' | 'open' {
  if (path.some((certificate) => roots.has(certificate))) return 'trusted';
  if (isSelfSigned(last)) return 'self_signed';
  return roots.issuersOf(last).some((root) => isIssuedBy(last, root)) ? 'trusted' : 'open';
}

function verifies(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
