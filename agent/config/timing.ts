/** Scalars of the configuration that say when a task runs. */
import { duration } from './units.ts';

const day = 86_400_000;

/** What becomes of runs that were due while nobody could start them. */
export const missedPolicies = ['once', 'skip', 'all'] as const;

/** Milliseconds, 1 s to 366 d. */
export const taskInterval = duration.refine((ms) => ms >= 1000 && ms <= 366 * day, {
  error: 'between 1s and 366d',
});

/** Milliseconds, at most a day. */
export const taskJitter = duration.refine((ms) => ms <= day, { error: 'at most 1d' });
