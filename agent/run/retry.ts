/** Whether and when a run that ended badly is tried again: pure. */
import type { Run } from '../protocol/nouns.ts';
import type { RetryPolicy } from './settings.ts';

/**
 * Milliseconds until the next attempt; null = there is none. Only what is known to have failed is repeated: a lost run may
 * still be at work, and one that was cancelled or skipped was not wanted. `random` is from 0 up to 1.
 */
export function retryAfter(
  run: Pick<Run, 'outcome' | 'attempt' | 'dryRun'>,
  policy: RetryPolicy | null,
  random: number,
): number | null {
  if (policy === null || run.dryRun || run.attempt > policy.count) return null;
  if (run.outcome !== 'failed' && run.outcome !== 'timed-out') return null;
  return retryDelay(policy, run.attempt, random);
}

/** Delay after attempt `attempt` (from 1): delay × backoff^(attempt − 1), at most the longest, moved by the jitter. */
export function retryDelay(policy: RetryPolicy, attempt: number, random: number): number {
  const plain = Math.min(policy.longestMs, policy.delayMs * policy.backoff ** (attempt - 1));
  return Math.round(plain * (1 + policy.jitter * (2 * random - 1)));
}
