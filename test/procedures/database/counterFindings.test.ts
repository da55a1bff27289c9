import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { activityBetween, activityFindings } from '../../../agent/procedures/database/counterFindings.ts';

const base = { id: 1, commits: 1000, rollbacks: 10, deadlocks: 2, blocksHit: 900, blocksRead: 100, statsReset: null };
const before = { ...base, at: '2026-11-25T10:00:00.000Z' };

describe('the activity of a database', () => {
  it('is the difference to the check before', () => {
    const now = { ...base, commits: 1500, rollbacks: 60, deadlocks: 3, blocksHit: 1800 };
    assert.deepEqual(activityBetween(before, now), {
      since: before.at,
      transactions: 550,
      rollbacks: 50,
      deadlocks: 1,
      blocks: 900,
      cacheHitPercent: 100,
    });
  });

  it('begins anew when the counters were reset, lost in a crash, or belong to another database', () => {
    const others = [
      { ...base, statsReset: '2026-11-25T11:00:00+00:00' },
      { ...base, commits: 5 },
      { ...base, id: 2 },
    ];
    for (const now of others) assert.equal(activityBetween(before, now).since, null);
    assert.equal(activityBetween(null, base).deadlocks, 2);
  });

  it('warns of deadlocks and many rollbacks since the check before, never of older ones', () => {
    const levels = (since: string | null) =>
      activityFindings('shop', {
        since,
        transactions: 1000,
        rollbacks: 200,
        deadlocks: 1,
        blocks: 1_000_000,
        cacheHitPercent: 50,
      }).map(({ level }) => level);
    assert.deepEqual(levels(before.at), ['warning', 'warning', 'warning']);
    assert.deepEqual(levels(null), ['ok', 'ok', 'warning']);
  });

  it('does not judge a cache by a few blocks, and says nothing of one that was not asked', () => {
    const quiet = { since: null, transactions: 0, rollbacks: 0, deadlocks: 0 };
    assert.equal(activityFindings('shop', { ...quiet, blocks: 1000, cacheHitPercent: 10 })[2]?.level, 'ok');
    assert.equal(activityFindings('shop', { ...quiet, blocks: 0, cacheHitPercent: null }).length, 2);
  });
});
