/** When a certificate counts as expiring. */

export const dayInMs = 86_400_000;

export interface ExpiryThresholds {
  /** Days left below which it is expiring. */
  readonly warnDays: number;
  /** Days left below which that is critical. */
  readonly criticalDays: number;
}

/** Authorities live for decades: a third of that would warn for years. */
const longestAuthorityWarningDays = 90;

/**
 * A given number of days (critical from half of it), else a share of the lifetime: a third, critical from a sixth. A fixed 30
 * days would be always for a certificate of 6 days, and no time to act for the paperwork of one of two years.
 */
export function expiryThresholds(
  lifetime: { readonly notBefore: Date; readonly notAfter: Date; readonly authority: boolean },
  warnDays?: number,
): ExpiryThresholds {
  if (warnDays !== undefined) return { warnDays, criticalDays: warnDays / 2 };
  const days = Math.max(0, (lifetime.notAfter.getTime() - lifetime.notBefore.getTime()) / dayInMs);
  const warn = lifetime.authority ? Math.min(days / 3, longestAuthorityWarningDays) : days / 3;
  return { warnDays: tenths(warn), criticalDays: tenths(warn / 2) };
}

/** Whole days until `notAfter`, negative once it is past. */
export function daysUntil(notAfter: Date, now: Date): number {
  return Math.floor((notAfter.getTime() - now.getTime()) / dayInMs);
}

function tenths(days: number): number {
  return Math.round(days * 10) / 10;
}
