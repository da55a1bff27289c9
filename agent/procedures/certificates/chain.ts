/** From a certificate up to an authority that is trusted: RFC 5280, 6, without policies. What a path must not break is in pathRules.ts. */
import type { X509Certificate } from 'node:crypto';
import { factsOf } from './facts.ts';
import type { TrustedRoots } from './roots.ts';

export interface CertificatePath {
  /** The certificate, its issuer, and so on: as far as the given certificates are needed and reach. */
  readonly path: readonly X509Certificate[];
  /** The trusted authority that issued the last one; null when there is none, or when the last one is trusted itself. */
  readonly anchor: X509Certificate | null;
  /** `open`: the issuer of the last one is neither given nor known. */
  readonly end: 'trusted' | 'self_signed' | 'open';
  /** Whether the given certificates are in the order of the path (RFC 8446, 4.4.2: so they must be sent). */
  readonly ordered: boolean;
}

type Way = Omit<CertificatePath, 'ordered'>;

const longestPath = 10;
const mostWays = 32;

/**
 * Of the ways up the first that is trusted, has not ended and `fits`: authorities sign each other, and what one of them lets expire may
 * be of no concern. Else the first that is trusted, else the first. `given[0]` need not be `leaf`; `known` are intermediates
 * from elsewhere that may fill gaps.
 */
export function buildPath(
  leaf: X509Certificate,
  given: readonly X509Certificate[],
  roots: TrustedRoots,
  known: readonly X509Certificate[],
  now: Date,
  fits: (certificates: readonly X509Certificate[]) => boolean,
): CertificatePath {
  const pool = [...new Set([...given, ...known])].filter((certificate) => certificate !== leaf);
  let best: Way | null = null;
  let tried = 0;
  for (const way of waysFrom([leaf], pool, roots)) {
    const certificates = certificatesOf(way);
    if (way.end === 'trusted' && certificates.every((each) => isValidAt(each, now)) && fits(certificates)) {
      best = way;
      break;
    }
    if (best === null || (best.end !== 'trusted' && way.end === 'trusted')) best = way;
    if ((tried += 1) >= mostWays) break;
  }
  const found = best ?? { path: [leaf], anchor: null, end: 'open' };
  return { ...found, ordered: isOrdered(found.path, given, known, now) };
}

/** With the authority at its end. */
export function certificatesOf({ path, anchor }: Pick<CertificatePath, 'path' | 'anchor'>): readonly X509Certificate[] {
  return anchor === null ? path : [...path, anchor];
}

export function isValidAt(certificate: X509Certificate, now: Date): boolean {
  let dates = validity.get(certificate);
  if (dates === undefined) {
    dates = { from: certificate.validFromDate.getTime(), to: certificate.validToDate.getTime() };
    validity.set(certificate, dates);
  }
  return dates.from <= now.getTime() && now.getTime() < dates.to;
}

/** Many sources share their issuers, and node:crypto reads a date anew each time. */
const validity = new WeakMap<X509Certificate, { readonly from: number; readonly to: number }>();

/** By name, and by key identifiers or signature: `checkIssued` alone refuses a key that may not sign certificates. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  if (certificate.issuer !== certificate.subject) return false;
  return certificate.checkIssued(certificate) || verifies(certificate, certificate);
}

/** By name, key identifiers and signature. One that must not sign certificates is the issuer all the same, if a bad one. */
function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  if (certificate.issuer !== issuer.subject) return false;
  if (!certificate.checkIssued(issuer) && mayBeAskedToSign(issuer)) return false;
  let verdicts = signatures.get(certificate);
  if (verdicts === undefined) signatures.set(certificate, (verdicts = new WeakMap()));
  let verdict = verdicts.get(issuer);
  if (verdict === undefined) verdicts.set(issuer, (verdict = verifies(certificate, issuer)));
  return verdict;
}

/** Trusted authorities first, as OpenSSL does: then nothing depends on what else was sent. */
function* waysFrom(
  path: readonly [X509Certificate, ...X509Certificate[]],
  pool: readonly X509Certificate[],
  roots: TrustedRoots,
): Generator<Way> {
  const last = path.at(-1) ?? path[0];
  if (roots.has(last)) {
    yield { path, anchor: null, end: 'trusted' };
    return;
  }
  let further = false;
  if (path.length < longestPath) {
    for (const root of roots.issuersOf(last)) {
      if (!isIssuedBy(last, root)) continue;
      further = true;
      yield { path, anchor: root, end: 'trusted' };
    }
  }
  if (isSelfSigned(last)) {
    yield { path, anchor: null, end: 'self_signed' };
    return;
  }
  if (path.length < longestPath) {
    for (const issuer of pool) {
      if (path.includes(issuer) || !isIssuedBy(last, issuer)) continue;
      further = true;
      yield* waysFrom([...path, issuer], pool, roots);
    }
  }
  if (!further) yield { path, anchor: null, end: 'open' };
}

/** Between two of the path others of the same issuer may stand that have ended: clients take the first that has not. */
function isOrdered(
  path: readonly X509Certificate[],
  given: readonly X509Certificate[],
  known: readonly X509Certificate[],
  now: Date,
): boolean {
  let at = 0;
  return path.every((certificate, index) => {
    if (known.includes(certificate)) return true;
    const child = path[index - 1];
    while (child !== undefined && at < given.length && given[at] !== certificate) {
      const other = given[at];
      if (other === undefined || isValidAt(other, now) || !isIssuedBy(child, other)) return false;
      at += 1;
    }
    return given[at++] === certificate;
  });
}

function mayBeAskedToSign(issuer: X509Certificate): boolean {
  const { extensions, signsCertificates } = factsOf(issuer);
  return extensions.keyUsage === null || signsCertificates;
}

/** Many sources share their intermediates, and a signature is the dearest thing to check. */
const signatures = new WeakMap<X509Certificate, WeakMap<X509Certificate, boolean>>();

function verifies(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
