/** What a path of certificates must not break, whoever is trusted at its end: RFC 5280, 6.1, as OpenSSL checks it. */
import type { X509Certificate } from 'node:crypto';
import type { ChainFault } from '../../protocol/nouns.ts';
import { isSelfSigned } from './chain.ts';
import { keyUsage } from './extensions.ts';
import { factsOf } from './facts.ts';
import { forbiddenName, permittedNames } from './nameConstraints.ts';

export interface BrokenRule {
  readonly fault: ChainFault;
  /** Whose rule it is. */
  readonly certificate: X509Certificate;
  /** What goes against it: a name, a number, an object identifier. */
  readonly detail: string;
}

const serverAuth = '1.3.6.1.5.5.7.3.1';
/** Of old: Netscape's and Microsoft's "server gated cryptography". */
const serverPurposes: ReadonlySet<string> = new Set([serverAuth, '2.16.840.1.113730.4.1', '1.3.6.1.4.1.311.10.3.3']);
const serverUsages = keyUsage.digitalSignature | keyUsage.keyEncipherment | keyUsage.keyAgreement;

/** `path`: leaf first, trusted authority last. `server`: whether it must be fit for a TLS server. */
export function brokenRules(path: readonly X509Certificate[], server: boolean): BrokenRule[] {
  return path.flatMap((certificate, index) => [
    ...ownRules(certificate, index === 0, server),
    ...(index === 0 ? [] : authorityRules(certificate, path, index)),
  ]);
}

function ownRules(certificate: X509Certificate, leaf: boolean, server: boolean): BrokenRule[] {
  const { unknownCritical, purposes, keyUsage: usage } = factsOf(certificate).extensions;
  const broken: BrokenRule[] = [];
  if (unknownCritical !== null) broken.push({ fault: 'critical_extension', certificate, detail: unknownCritical });
  if (!server) return broken;
  if (purposes !== null && !purposes.some((purpose) => serverPurposes.has(purpose))) {
    broken.push({ fault: 'purpose', certificate, detail: purposes.map(purposeText).join(', ') });
  }
  if (leaf && usage !== null && (usage & serverUsages) === 0) {
    broken.push({ fault: 'key_usage', certificate, detail: 'neither signature nor encryption' });
  }
  return broken;
}

function authorityRules(certificate: X509Certificate, path: readonly X509Certificate[], index: number): BrokenRule[] {
  const { extensions } = factsOf(certificate);
  const broken: BrokenRule[] = [];
  const below = path.slice(0, index);
  if (!isAuthority(certificate, index === path.length - 1)) {
    broken.push({ fault: 'not_an_authority', certificate, detail: '' });
  } else if (extensions.keyUsage !== null && (extensions.keyUsage & keyUsage.certificateSign) === 0) {
    broken.push({ fault: 'key_usage', certificate, detail: 'no certificates' });
  }
  const authorities = below.slice(1).filter((each) => !isSelfIssued(each)).length;
  const longest = extensions.basicConstraints?.pathLength ?? null;
  if (longest !== null && authorities > longest) {
    broken.push({ fault: 'path_length', certificate, detail: String(longest) });
  }
  const { nameConstraints } = extensions;
  if (nameConstraints !== null) {
    const judged = below.filter((each, place) => place === 0 || !isSelfIssued(each));
    const name = judged.map((each) => forbiddenName(nameConstraints, each)).find((found) => found !== null);
    if (name !== undefined) broken.push({ fault: 'name_constraints', certificate, detail: name });
  }
  return broken;
}

/** The oldest roots say nothing of it (version 1), or by their key usage alone. */
function isAuthority(certificate: X509Certificate, last: boolean): boolean {
  const { extensions, authority } = factsOf(certificate);
  if (extensions.basicConstraints !== null) return authority;
  return last && (extensions.keyUsage !== null || isSelfSigned(certificate));
}

function isSelfIssued(certificate: X509Certificate): boolean {
  const { subject, issuer } = factsOf(certificate);
  return subject === issuer;
}

/** The names that the authority may certify alone, as the end of a sentence; empty when it only excludes some. */
export function allowance(certificate: X509Certificate): string {
  const { nameConstraints } = factsOf(certificate).extensions;
  const names = nameConstraints === null ? [] : permittedNames(nameConstraints);
  return names.length === 0 ? '' : `, only ${names.slice(0, 5).join(', ')}${names.length > 5 ? ' and others' : ''}`;
}

const purposeTexts: ReadonlyMap<string, string> = new Map([
  ['1.3.6.1.5.5.7.3.2', 'clients'],
  ['1.3.6.1.5.5.7.3.3', 'code'],
  ['1.3.6.1.5.5.7.3.4', 'e-mail'],
  ['1.3.6.1.5.5.7.3.8', 'time stamps'],
  ['1.3.6.1.5.5.7.3.9', 'OCSP'],
]);

function purposeText(purpose: string): string {
  return purposeTexts.get(purpose) ?? purpose;
}
