import assert from 'node:assert/strict';
import type { Run } from '../../agent/protocol/nouns.ts';
import { launch, type Launch } from '../../agent/run/directory.ts';
import { followUpsOf } from '../../agent/run/followUps.ts';
import { newRun } from '../../agent/run/request.ts';
import { defaultSettings, type CleanUp } from '../../agent/run/settings.ts';
import { request } from './harness.ts';

const now = Date.parse('2026-03-01T02:00:00Z');
const given = { now, random: 0.5, claims: ['lock:db'] };
const retries = { count: 2, delayMs: 60_000, backoff: 2, longestMs: 3_600_000, jitter: 0 };
const onAbort: CleanUp = {
  task: 'job.on_abort',
  command: ['clean'],
  self: false,
  options: null,
  script: null,
  procedure: null,
  timeoutMs: 1000,
  locks: [],
  user: null,
  environmentOf: 'job',
};

function ended(more: Partial<Run>, settings: Partial<Launch['settings']>): { run: Run; item: Launch } {
  const fresh = newRun(request(['x'], { scheduledFor: now, settings: { retries } }), now);
  const run: Run = { ...fresh, state: 'ended', startedAt: new Date(now).toISOString(), ...more };
  const item = launch.parse({
    run,
    command: ['x'],
    deadline: null,
    alertOn: 'failure',
    settings: { ...defaultSettings, ...settings },
  });
  return { run, item };
}

describe('what follows from the end of a run', () => {
  it('is its next attempt at the same instant of the schedule, later and later', () => {
    const { run, item } = ended({ outcome: 'failed' }, { retries });
    const [first, ...others] = followUpsOf(run, item, given);
    assert.deepEqual(others, []);
    assert.deepEqual(
      [first?.kind, first?.notBefore, first?.launch.run.scheduledFor, first?.launch.run.retryOf],
      ['retry', now + 60_000, '2026-03-01T02:00:00.000Z', run.id],
    );
    const second = followUpsOf({ ...(first?.launch.run ?? run), outcome: 'failed' }, item, given)[0];
    assert.deepEqual(
      [second?.notBefore, second?.launch.run.attempt, second?.launch.run.retryOf],
      [now + 120_000, 3, run.id],
    );
    assert.deepEqual(second?.launch.variables, { UPKEEP_ATTEMPT: '3' });
    assert.deepEqual(followUpsOf({ ...second.launch.run, outcome: 'failed' }, item, given), []);
  });

  it('is nothing after a run that went well', () => {
    const { run, item } = ended({ outcome: 'changed' }, { retries, onAbort });
    assert.deepEqual(followUpsOf(run, item, given), []);
  });

  for (const [outcome, words] of [
    ['cancelled', 'cancelled'],
    ['timed-out', 'timed out'],
  ] as const) {
    it(`is the clean-up after one that was ${words}, which goes first and keeps the locks`, () => {
      const { run, item } = ended({ outcome, windowId: 'window-1' }, { onAbort });
      const [cleanUp] = followUpsOf(run, item, given);
      assert.deepEqual([cleanUp?.kind, cleanUp?.notBefore, cleanUp?.launch.ahead], ['clean-up', null, true]);
      assert.deepEqual([cleanUp?.launch.claims, cleanUp?.launch.run.windowId], [['lock:db'], 'window-1']);
      assert.equal(cleanUp?.launch.run.reason, `clean-up after the run ${run.id}, which was ${words}`);
      assert.deepEqual(cleanUp.launch.variables, {
        UPKEEP_ABORTED_RUN: run.id,
        UPKEEP_ABORTED_TASK: 'job',
        UPKEEP_ABORTED_OUTCOME: outcome,
      });
    });
  }

  it('is no clean-up after one that had not started, or that only looked', () => {
    for (const more of [{ startedAt: null }, { dryRun: true }]) {
      const { run, item } = ended({ outcome: 'cancelled', ...more }, { onAbort });
      assert.deepEqual(followUpsOf(run, item, given), []);
    }
  });
});
