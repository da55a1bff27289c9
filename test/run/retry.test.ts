import assert from 'node:assert/strict';
import { retryAfter, retryDelay } from '../../agent/run/retry.ts';

const policy = { count: 3, delayMs: 1000, backoff: 2, longestMs: 3000, jitter: 0 };

describe('retry', () => {
  it('waits longer each time, up to the longest delay', () => {
    assert.deepEqual(
      [1, 2, 3, 9].map((attempt) => retryDelay(policy, attempt, 0.5)),
      [1000, 2000, 3000, 3000],
    );
  });

  it('is moved by the jitter to both sides', () => {
    const varied = { ...policy, jitter: 0.2 };
    assert.deepEqual(
      [retryDelay(varied, 1, 0), retryDelay(varied, 1, 0.5), retryDelay(varied, 1, 1)],
      [800, 1000, 1200],
    );
  });

  it('comes after a failure or time-out as often as it was asked for', () => {
    for (const outcome of ['failed', 'timed-out'] as const) {
      assert.equal(retryAfter({ outcome, attempt: 3, dryRun: false }, policy, 0.5), 3000);
      assert.equal(retryAfter({ outcome, attempt: 4, dryRun: false }, policy, 0.5), null);
    }
  });

  it('does not come after anything else: what is lost may still be at work', () => {
    for (const outcome of ['changed', 'unchanged', 'warning', 'cancelled', 'lost', 'skipped', 'missed'] as const) {
      assert.equal(retryAfter({ outcome, attempt: 1, dryRun: false }, policy, 0.5), null);
    }
    assert.equal(retryAfter({ outcome: 'failed', attempt: 1, dryRun: true }, policy, 0.5), null);
    assert.equal(retryAfter({ outcome: 'failed', attempt: 1, dryRun: false }, null, 0.5), null);
  });
});
