/** How health-check asks many things at once: each by itself, each within its time. */
import type { Finding } from '../../protocol/nouns.ts';
import { messageOf } from '../../thrown.ts';

export interface HealthCheck<Measured = unknown> {
  /** `<component>.<check>`, the code of the finding when it cannot look. */
  readonly code: string;
  readonly subject: string;
  readonly timeoutMs: number;
  readonly run: (signal: AbortSignal) => Promise<CheckResult<Measured>>;
}

export interface CheckResult<Measured = unknown> {
  readonly findings: readonly Finding[];
  readonly measured: Measured;
}

/**
 * Runs one check; null, after a warning, when it failed or its time was up: what hangs is left behind and delays nobody.
 * Throws only the reason of `signal`.
 */
export async function runCheck<Measured>(
  check: HealthCheck<Measured>,
  report: (finding: Finding) => void,
  signal: AbortSignal,
): Promise<CheckResult<Measured> | null> {
  signal.throwIfAborted();
  const timeUp = new AbortController();
  const timer = setTimeout(() => {
    timeUp.abort(new Error('its time is up'));
  }, check.timeoutMs);
  const limit = AbortSignal.any([signal, timeUp.signal]);
  try {
    const result = await Promise.race([check.run(limit), rejectionOf(limit)]);
    signal.throwIfAborted();
    for (const finding of result.findings) report(finding);
    return result;
  } catch (error) {
    signal.throwIfAborted();
    const why = limit.aborted ? `no answer within ${check.timeoutMs / 1000} s` : clauseOf(error);
    report({
      level: 'warning',
      code: check.code,
      subject: check.subject,
      message: `Could not look at ${check.subject}: ${why}.`,
    });
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** For the middle of a sentence: without full stop. */
export function clauseOf(error: unknown): string {
  return messageOf(error).replace(/\.$/, '');
}

/** A share as percent with one decimal. */
export function percentOf(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.round((part / whole) * 1000) / 10;
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power] ?? 'B'}`;
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => {
      reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
