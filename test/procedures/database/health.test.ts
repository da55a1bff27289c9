import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { connectionFindings, databaseHealthFindings } from '../../../agent/procedures/database/health.ts';
import { codes, makeConfig } from './context.ts';

const counts = { used: 50, idleInTransaction: 0, oldest: 0, maximum: 100, reserved: 3 };

describe('connections of a server', () => {
  it('are fine below the threshold, a warning from it on, critical when only reserved slots are left', () => {
    assert.deepEqual(codes(connectionFindings('shop', counts, 80)), ['ok database.connections']);
    assert.deepEqual(codes(connectionFindings('shop', { ...counts, used: 80 }, 80)), ['warning database.connections']);
    assert.deepEqual(codes(connectionFindings('shop', { ...counts, used: 97 }, 80)), ['critical database.connections']);
  });

  it('are told with value, threshold and unit, those idle in transaction apart', () => {
    const [finding] = connectionFindings('shop', { ...counts, used: 85, idleInTransaction: 7 }, 80);
    assert.deepEqual([finding?.value, finding?.threshold, finding?.unit], [85, 80, '%']);
    assert.match(
      finding?.message ?? '',
      /^85 of 100 connections of shop are in use \(85 %\), 7 idle in transaction; close/,
    );
  });

  it('are a warning of their own when idle in transaction for ten minutes', () => {
    const findings = connectionFindings('shop', { ...counts, idleInTransaction: 1, oldest: 600 }, 80);
    assert.deepEqual(codes(findings), ['ok database.connections', 'warning database.idle_in_transaction']);
  });
});

describe('the health of databases', () => {
  it('has nothing to say on a host without any', async () => {
    assert.deepEqual(await databaseHealthFindings(makeConfig(), { env: {}, signal: new AbortController().signal }), []);
  });
});
