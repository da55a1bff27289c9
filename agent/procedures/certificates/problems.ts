/** Each kind of problem of a certificate, with the sentence that says what to do about it. */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Certificate } from '../../protocol/nouns.ts';
import { counted } from '../counted.ts';
import type { Problem } from './analyse.ts';
import { type CertificatePath, isSelfSigned } from './chain.ts';
import { dayInMs, daysUntil, type ExpiryThresholds } from './expiry.ts';
import { factsOf } from './facts.ts';
import type { KeyState } from './keyState.ts';
import { coversHost, distinguishedName } from './names.ts';

export interface About {
  readonly source: string;
  readonly kind: 'file' | 'endpoint';
  readonly leaf: X509Certificate;
  /** What stands there, with what lies beside it. */
  readonly given: readonly X509Certificate[];
  readonly domain: string;
}

export interface ExpiryVerdict {
  readonly problem: Problem;
  readonly status: Certificate['status'];
}

/** The worst of the path, each by its own lifetime: without one the others are worth nothing. Of two alike that which ends first. */
export function expiryProblem(
  about: About,
  path: readonly X509Certificate[],
  thresholdsOf: (certificate: X509Certificate) => ExpiryThresholds,
  now: Date,
): ExpiryVerdict | null {
  const byEnd = [...path].sort((one, other) => one.validToDate.getTime() - other.validToDate.getTime());
  const verdicts = byEnd.flatMap((each) => expiryOf(about, path, each, thresholdsOf(each), now) ?? []);
  return verdicts.find(({ problem }) => problem.level === 'critical') ?? verdicts[0] ?? null;
}

function expiryOf(
  about: About,
  path: readonly X509Certificate[],
  first: X509Certificate,
  thresholds: ExpiryThresholds,
  now: Date,
): ExpiryVerdict | null {
  const which = nameWithin(about, first);
  const days = daysUntil(first.validToDate, now);
  const left = first.validToDate.getTime() - now.getTime();
  const figures = { aspect: 'expiry', reason: null, value: days, unit: 'days' } as const;
  const on = day(first.validToDate);
  if (left <= 0) {
    const what = first === about.leaf ? 'renew it now' : replaceIt;
    // Whole days that have passed: it did not expire before it did.
    const message = `${which} expired on ${on} (${counted(Math.trunc(-left / dayInMs), 'day')} ago); ${what}.`;
    return { status: 'expired', problem: { ...figures, level: 'critical', threshold: 0, message } };
  }
  const early = path.find((certificate) => certificate.validFromDate > now);
  if (early !== undefined) {
    const from = early.validFromDate.toISOString();
    const message = `${nameWithin(about, early)} is not valid before ${from}; use the one before it until then, or set this machine's clock right.`;
    return { status: 'not_yet_valid', problem: { ...figures, level: 'critical', message } };
  }
  if (left > thresholds.warnDays * dayInMs) return null;
  const critical = left <= thresholds.criticalDays * dayInMs;
  const message = `${which} expires on ${on} (in ${counted(days, 'day')}); ${first === about.leaf ? 'renew it' : replaceIt}.`;
  const threshold = critical ? thresholds.criticalDays : thresholds.warnDays;
  return {
    status: 'expiring',
    problem: { ...figures, level: critical ? 'critical' : 'warning', threshold, message },
  };
}

/** What can be done about the certificate of somebody else. */
const replaceIt = 'put the current one of that authority in its place, or have the certificate issued again';

export function chainProblems(about: About, built: CertificatePath, orderMatters: boolean): Problem[] {
  const problems: Problem[] = [];
  const last = built.path.at(-1) ?? about.leaf;
  if (built.end === 'self_signed') {
    const what =
      last === about.leaf
        ? `The certificate of ${about.domain} ${place(about)} is self-signed`
        : `The chain ${place(about)} ends at ${distinguishedName(last.subject)}, which is not a known authority`;
    problems.push({
      aspect: 'chain',
      reason: 'self_signed',
      level: 'warning',
      message: `${what}; have it issued by a known authority, or name that authority in certificates.ca or --ca.`,
    });
  } else if (built.end === 'open') {
    problems.push({
      aspect: 'chain',
      reason: 'chain_incomplete',
      level: 'critical',
      message: `The chain ${place(about)} lacks the certificate of ${distinguishedName(last.issuer)}; add it after the others, or, if it is your own authority, name it in certificates.ca or --ca.`,
    });
  }
  if (orderMatters && !built.ordered) {
    problems.push({
      aspect: 'chain',
      reason: 'wrong_order',
      level: 'warning',
      message: `The certificates ${place(about)} are not in order; put that of ${about.domain} first and after each its issuer.`,
    });
  }
  return problems;
}

export function hostProblem(about: About, host: string, names: readonly string[]): Problem[] {
  if (coversHost(about.leaf, host)) return [];
  const held =
    names.length === 0
      ? 'it has no alternative names, and browsers ignore the common name'
      : `it is for ${names.slice(0, 5).join(', ')}${names.length > 5 ? ' and others' : ''}`;
  // An address is mostly a short way to a service that is known by a name.
  const instead =
    about.kind === 'endpoint' && isIP(host) !== 0
      ? ', or look at it by the name that its clients use (certificates.endpoints, --domain, --host)'
      : '';
  const message = `The certificate ${place(about)} is not valid for ${host}: ${held}; have one issued that names ${host}${instead}.`;
  return [{ aspect: 'host', reason: 'host_mismatch', level: 'critical', message }];
}

export function strengthProblems(about: About, path: readonly X509Certificate[]): Problem[] {
  const problems: Problem[] = [];
  for (const certificate of path) {
    const which = nameWithin(about, certificate);
    const { weakKey, weakSignature } = factsOf(certificate);
    if (weakKey !== null) {
      const advice =
        certificate === about.leaf
          ? 'make a new one (RSA from 2048 bits, or P-256) and have it certified'
          : 'have the certificate issued by an authority with a stronger one';
      const message = `${which} has a weak key (${weakKey}); ${advice}.`;
      problems.push({ aspect: 'strength', reason: 'weak_key', level: 'warning', message });
    }
    // Nobody checks the signature of a root: it is trusted by itself.
    const digest = certificate !== about.leaf && isSelfSigned(certificate) ? null : weakSignature;
    if (digest !== null) {
      const message = `${which} is signed with ${digest}, which browsers refuse; have it issued again with SHA-256.`;
      problems.push({ aspect: 'strength', reason: 'weak_signature', level: 'warning', message });
    }
  }
  return problems;
}

export function keyProblems(about: About, state: KeyState): { verdict: Certificate['key']; problems: Problem[] } {
  if (state.kind === 'none') return { verdict: 'unknown', problems: [] };
  if (state.kind === 'encrypted') {
    const message = `The private key ${state.file} is encrypted; set certificates.password to have it compared with its certificate.`;
    return { verdict: 'unknown', problems: [{ aspect: 'key', reason: 'needs_password', level: 'ok', message }] };
  }
  const matches = about.leaf.checkPrivateKey(state.key);
  if (!matches && !state.belongs) return { verdict: 'unknown', problems: [] };
  const problems: Problem[] = [];
  if (!matches) {
    const message = `The private key ${state.file} is not that of the certificate ${place(about)}; put the pair that belongs together in place before the service restarts.`;
    problems.push({ aspect: 'key', reason: 'key_mismatch', level: 'critical', message });
  }
  if (state.worldReadable) {
    const message = `The private key ${state.file} can be read by every user of this machine; run chmod 600 on it.`;
    problems.push({ aspect: 'key', reason: 'key_world_readable', level: 'critical', message });
  }
  return { verdict: matches ? 'match' : 'mismatch', problems };
}

/** `2024-03-15`, in UTC. */
export function day(date: Date): string {
  return date.toISOString().slice(0, 10);
}

export function nameWithin(about: About, certificate: X509Certificate): string {
  if (certificate === about.leaf) return `The certificate of ${about.domain} ${place(about)}`;
  const subject = distinguishedName(certificate.subject);
  return about.given.includes(certificate)
    ? `The certificate ${subject} of the chain ${place(about)}`
    : `The certificate of the authority ${subject}, to which the chain ${place(about)} leads,`;
}

/** `in FILE` or `at ENDPOINT` */
function place(about: About): string {
  return `${about.kind === 'file' ? 'in' : 'at'} ${about.source}`;
}
