/**
 * The lifetime of a certificate at a moment: how urgent it is, in words, colour and shares. The one model behind the tree, its
 * tooltips, the choices of commands and the bars of the dashboard. Pure.
 */
import type { Certificate, FindingLevel } from '../../agent/protocol/nouns.ts';
import { isFileSource } from './certificateActions.ts';
import { severity } from './levels.ts';
import { toneOfLevel, type Tone } from './node.ts';
import { counted } from './text.ts';

/** Shares of the time from `notBefore` to `notAfter`, from 0 to 1. */
export interface LifetimeSpan {
  readonly notBefore: string;
  readonly notAfter: string;
  /** When it begins to count as expiring, and when that is critical. */
  readonly warnsFrom: string;
  readonly criticalFrom: string;
  readonly elapsed: number;
  readonly warnAt: number;
  readonly criticalAt: number;
}

export interface CertificateLifetime {
  /** What the agent saw, or worse where a threshold has passed since. */
  readonly level: FindingLevel;
  readonly tone: Tone;
  /** Name of a codicon. */
  readonly icon: 'verified' | 'clock' | 'warning' | 'error';
  /** `12 days left`, `expired 3 days ago`, `can not be read`. */
  readonly text: string;
  /** Milliseconds until it, or what expires first of its chain, ends; negative when past, null when that is not known. */
  readonly left: number | null;
  /** Null when its dates are not known. */
  readonly span: LifetimeSpan | null;
}

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

export function lifetimeAt(certificate: Certificate, now: Date): CertificateLifetime {
  const end = endOf(certificate);
  const left = end === null ? null : end.at - now.getTime();
  const level = levelAt(certificate, now);
  return {
    level,
    tone: toneOfLevel[level],
    icon: iconOf(certificate, level, left),
    text: textOf(certificate, end?.ofChain === true, left),
    left,
    span: spanOf(certificate, now),
  };
}

/** The most urgent first: by level, then by what ends first; what can not be read before what can. Stable. */
export function byUrgency(one: Certificate, other: Certificate, now: Date): number {
  return (
    severity(levelAt(other, now)) - severity(levelAt(one, now)) ||
    (endOf(one)?.at ?? -Infinity) - (endOf(other)?.at ?? -Infinity) ||
    one.source.localeCompare(other.source)
  );
}

/** Certificates are looked at every few hours: what expires meanwhile is told all the same. */
function levelAt({ level, notAfter, warnDays, criticalDays }: Certificate, now: Date): FindingLevel {
  if (notAfter === null) return level;
  const days = (Date.parse(notAfter) - now.getTime()) / dayMs;
  const byTime = days <= Math.max(0, criticalDays) ? 'critical' : days <= warnDays ? 'warning' : 'ok';
  return severity(byTime) > severity(level) ? byTime : level;
}

/** The agent judges the whole path: where the leaf does not explain what it says, a certificate above it ends before. */
function endOf(certificate: Certificate): { readonly at: number; readonly ofChain: boolean } | null {
  const { notAfter, daysLeft, warnDays, chain } = certificate;
  if (notAfter === null) return null;
  const own = Date.parse(notAfter);
  const above = Math.min(...chain.slice(1).map((one) => Date.parse(one.notAfter)));
  const distant = (daysLeft ?? 0) > warnDays;
  // Of one that is bad for other reasons too the status does not tell whether it expires: then the leaf's own measure is taken.
  const seenAt = own - (daysLeft ?? 0) * dayMs;
  const explains: Partial<Record<Certificate['status'], boolean>> = {
    expired: (daysLeft ?? 0) >= 0,
    expiring: distant,
    bad: distant && above - seenAt <= warnDays * dayMs,
  };
  return explains[certificate.status] === true && above < own
    ? { at: above, ofChain: true }
    : { at: own, ofChain: false };
}

function textOf({ status, source, reasons }: Certificate, ofChain: boolean, left: number | null): string {
  if (status === 'unparsable') return 'holds no certificate that can be read';
  if (left === null) {
    if (reasons.includes('missing') || reasons.includes('needs_password')) return '';
    return isFileSource(source) ? 'can not be read' : 'shows no certificate';
  }
  if (status === 'not_yet_valid') return 'not yet valid';
  return ofChain ? `chain: ${timeText(left)}` : timeText(left);
}

/** Whole days, and hours of the last one: nothing is announced too early, and nothing said to be over that is not. */
function timeText(left: number): string {
  const [days, hours] = [Math.trunc(Math.abs(left) / dayMs), Math.trunc(Math.abs(left) / hourMs)];
  if (left < 0) return days > 0 ? `expired ${counted(days, 'day')} ago` : `expired ${hoursText(hours)} ago`;
  return days > 0 ? `${counted(days, 'day')} left` : `expires in ${hoursText(hours)}`;
}

function hoursText(hours: number): string {
  return hours === 0 ? 'less than an hour' : counted(hours, 'hour');
}

function iconOf({ status }: Certificate, level: FindingLevel, left: number | null): CertificateLifetime['icon'] {
  if (level === 'ok' || level === 'info') return 'verified';
  if (left !== null && left < 0) return 'error';
  if (status === 'expiring' || status === 'ok') return 'clock';
  return level === 'critical' ? 'error' : 'warning';
}

function spanOf({ notBefore, notAfter, warnDays, criticalDays }: Certificate, now: Date): LifetimeSpan | null {
  if (notBefore === null || notAfter === null) return null;
  const from = Date.parse(notBefore);
  const to = Date.parse(notAfter);
  const share = (instant: number): number =>
    to <= from ? 1 : Math.min(1, Math.max(0, (instant - from) / (to - from)));
  const warns = to - warnDays * dayMs;
  const critical = to - criticalDays * dayMs;
  return {
    notBefore,
    notAfter,
    warnsFrom: new Date(warns).toISOString(),
    criticalFrom: new Date(critical).toISOString(),
    elapsed: share(now.getTime()),
    warnAt: share(warns),
    criticalAt: share(critical),
  };
}
