/**
 * Judges what was found in one source. Pure: what is known goes in, the record and its problems come out; no file, socket
 * or clock is touched. check-certificates, verify-certificate and the sandbox share it.
 */
import type { X509Certificate } from 'node:crypto';
import type { Certificate, ChainFault, FindingLevel } from '../../protocol/nouns.ts';
import { findingLevels } from '../../protocol/nouns.ts';
import { buildPath, certificatesOf, isSelfSigned, isValidAt } from './chain.ts';
import { dayInMs, daysUntil, expiryThresholds, type ExpiryThresholds } from './expiry.ts';
import { factsOf } from './facts.ts';
import type { KeyState } from './keyState.ts';
import { alternativeNames, distinguishedName, domainName } from './names.ts';
import { brokenRules } from './pathRules.ts';
import { chainProblems, expiryProblem, hostProblem, keyProblems, strengthProblems } from './problems.ts';
import type { TrustedRoots } from './roots.ts';
import { ruleProblem } from './ruleProblem.ts';

export interface Material {
  /** File path or endpoint. */
  readonly source: string;
  readonly kind: 'file' | 'endpoint';
  /** In the order of the source; at least one. */
  readonly certificates: readonly [X509Certificate, ...X509Certificate[]];
  /** False where the format knows no order (PKCS#12). */
  readonly orderMatters: boolean;
  /** Intermediates that lie beside the source and are served together with it. */
  readonly beside: readonly X509Certificate[];
  readonly key: KeyState;
  /** Name under which it is reached; null when that is not known. */
  readonly host: string | null;
}

export interface Yardstick {
  readonly now: Date;
  /** Fixed number of days; without it a share of the lifetime. */
  readonly warnDays: number | undefined;
  readonly roots: TrustedRoots;
}

export type Aspect = 'source' | 'expiry' | 'chain' | 'host' | 'key' | 'strength' | 'served';

/** One thing that is wrong. `message` is a sentence: what, where, what to do. */
export interface Problem {
  readonly aspect: Aspect;
  readonly reason: Certificate['reasons'][number] | null;
  readonly fault?: ChainFault;
  readonly level: FindingLevel;
  readonly message: string;
  readonly value?: number;
  readonly threshold?: number;
  readonly unit?: string;
}

export interface Analysis {
  readonly certificate: Certificate;
  readonly problems: readonly Problem[];
}

export function analyse(material: Material, yardstick: Yardstick): Analysis {
  const { certificates, source } = material;
  const authority = material.host === null && isAuthorityFile(certificates);
  const leaf = authority ? certificates[0] : leafOf(certificates);
  const { now, roots, warnDays } = yardstick;
  const server = material.host !== null;
  const built = buildPath(
    leaf,
    certificates,
    roots,
    material.beside,
    now,
    (path) => brokenRules(path, server).length === 0,
  );
  const path = authority ? certificates : certificatesOf(built);
  const names = alternativeNames(leaf);
  const subject = distinguishedName(leaf.subject);
  const thresholdsOf = (each: X509Certificate): ExpiryThresholds =>
    expiryThresholds(
      { notBefore: each.validFromDate, notAfter: each.validToDate, authority: authority || each !== leaf },
      warnDays,
    );
  const given = [...certificates, ...material.beside];
  const about = { source, kind: material.kind, leaf, given, domain: domainName(names, subject) };
  const problems: Problem[] = [];
  // Its issuers matter as long as it lasts: with the next one come theirs.
  const timed = authority
    ? path
    : path.filter((each) => each === leaf || each.validToDate < leaf.validToDate || !isValidAt(each, now));
  const expiry = expiryProblem(about, timed, thresholdsOf, now);
  if (expiry !== null) problems.push(expiry.problem);
  if (!authority) {
    problems.push(...chainProblems(about, built, material.orderMatters));
    problems.push(...brokenRules(path, server).map((rule) => ruleProblem(about, rule)));
    if (material.host !== null) problems.push(...hostProblem(about, material.host, names));
  }
  problems.push(...strengthProblems(about, path));
  const key = keyProblems(about, material.key);
  problems.push(...key.problems);
  const certificate: Certificate = {
    source,
    subject,
    issuer: distinguishedName(leaf.issuer),
    names,
    notBefore: leaf.validFromDate.toISOString(),
    notAfter: leaf.validToDate.toISOString(),
    daysLeft: daysUntil(leaf.validToDate, now),
    count: certificates.length,
    status: 'ok',
    reasons: [],
    key: key.verdict,
    fingerprint: fingerprintOf(leaf),
    keyType: factsOf(leaf).keyType,
    ...thresholdsOf(leaf),
    level: 'ok',
    message: fine(about.domain, leaf, now),
    chain: certificates.slice(0, longestShownChain).map((each) => ({
      subject: distinguishedName(each.subject),
      issuer: distinguishedName(each.issuer),
      notAfter: each.validToDate.toISOString(),
    })),
  };
  return judged({ certificate, problems: [] }, expiry?.status ?? 'ok', problems);
}

/** The same analysis with one more problem. */
export function withProblem(analysis: Analysis, problem: Problem): Analysis {
  return judged(analysis, analysis.certificate.status, [problem]);
}

/** SHA-256, lower-case hex without colons. */
export function fingerprintOf(certificate: X509Certificate): string {
  return certificate.fingerprint256.replaceAll(':', '').toLowerCase();
}

/** A source of which nothing could be learnt. */
export function unusable(source: string, status: 'unreadable' | 'unparsable', problem: Problem): Analysis {
  return judged(
    {
      certificate: {
        source,
        subject: '',
        issuer: '',
        names: [],
        notBefore: null,
        notAfter: null,
        daysLeft: null,
        count: 0,
        status,
        reasons: [],
        key: 'unknown',
        fingerprint: null,
        warnDays: 0,
        criticalDays: 0,
        level: 'ok',
        message: '',
        chain: [],
      },
      problems: [],
    },
    status,
    [problem],
  );
}

const longestShownChain = 20;

/** Adds `problems`: what is wrong beyond time makes a certificate `bad`; being expired or not yet valid weighs more. */
function judged(analysis: Analysis, status: Certificate['status'], problems: readonly Problem[]): Analysis {
  const all = [...analysis.problems, ...problems];
  const bad = all.some((problem) => problem.reason !== null && problem.level !== 'ok');
  const reasons = new Set(all.flatMap((problem) => problem.reason ?? []));
  const faults = new Set(all.flatMap((problem) => problem.fault ?? []));
  const worst = all.reduce<Problem | null>(
    (found, problem) => (found === null || rank(problem.level) > rank(found.level) ? problem : found),
    null,
  );
  return {
    certificate: {
      ...analysis.certificate,
      status: bad && (status === 'ok' || status === 'expiring') ? 'bad' : status,
      reasons: [...reasons],
      ...(faults.size === 0 ? {} : { chainFaults: [...faults] }),
      level: worst?.level ?? 'ok',
      message: worst?.message ?? analysis.certificate.message,
    },
    problems: all,
  };
}

function rank(level: FindingLevel): number {
  return findingLevels.indexOf(level);
}

function leafOf(certificates: Material['certificates']): X509Certificate {
  return certificates.find((certificate) => !factsOf(certificate).authority) ?? certificates[0];
}

/** A file of authorities alone (`chain.pem`, `ca.pem`, a trust store) is judged by its dates and strength only. */
function isAuthorityFile(certificates: Material['certificates']): boolean {
  if (!certificates.every((certificate) => factsOf(certificate).authority)) return false;
  const [first] = certificates;
  // `openssl req -x509` makes authorities of the self-signed certificates with which people run servers.
  return (
    certificates.length > 1 ||
    !isSelfSigned(first) ||
    (first.subjectAltName === undefined && factsOf(first).signsCertificates)
  );
}

function fine(domain: string, leaf: X509Certificate, now: Date): string {
  const days = Math.floor((leaf.validToDate.getTime() - now.getTime()) / dayInMs);
  return `The certificate of ${domain} is valid for ${days} more days.`;
}
