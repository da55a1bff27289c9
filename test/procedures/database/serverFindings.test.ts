import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { durationText, serverFindings } from '../../../agent/procedures/database/serverFindings.ts';
import type { ServerState } from '../../../agent/procedures/database/serverState.ts';
import { codes } from './context.ts';

function findingsOf(given: Partial<ServerState>) {
  const state: ServerState = {
    databases: [],
    counters: null,
    checksums: [],
    standbys: [],
    prepared: [],
    recovery: null,
    loopback: true,
    dataDirectory: null,
    tablespaces: [],
    seesAll: true,
    ...given,
  };
  return serverFindings(state, { name: 'shop', user: 'upkeep' }, 60);
}

const standby = { name: 'replica', address: '10.0.0.2', state: 'streaming', lagBytes: 0, lagSeconds: null };

describe('the findings about a server', () => {
  it('warn of ids that run out, by the oldest database and the kind of id', () => {
    const databases = [
      { name: 'young', xid: 10, mxid: 10 },
      { name: 'old', xid: 1e9, mxid: 1.2e9 },
    ];
    const [finding] = findingsOf({ databases });
    assert.deepEqual([finding?.level, finding?.subject, finding?.value], ['warning', 'shop', 55.9]);
    assert.match(
      finding?.message ?? '',
      /^Database old on the server of shop has used 55\.9 % of the multixact ids: run VACUUM \(FREEZE\)/,
    );
    assert.deepEqual(codes(findingsOf({ databases: [{ name: 'x', xid: 1.7e9, mxid: 0 }] })), [
      'critical database.wraparound',
    ]);
    assert.deepEqual(codes(findingsOf({ databases: [{ name: 'x', xid: 2e8, mxid: 0 }] })), ['ok database.wraparound']);
  });

  it('tell standbys that are late by time or by bytes from those that have caught up', () => {
    const level = (lagBytes: number) => findingsOf({ standbys: [{ ...standby, lagBytes }] })[0]?.level;
    assert.deepEqual([level(0), level(2 ** 31)], ['ok', 'warning']);
  });

  it('measure a standby against the configured lag, ten times of it is critical', () => {
    const level = (lagSeconds: number) => findingsOf({ standbys: [{ ...standby, lagSeconds }] })[0]?.level;
    assert.deepEqual([level(59), level(60), level(600)], ['ok', 'warning', 'critical']);
    const recovery = (lagSeconds: number, streaming: boolean) =>
      findingsOf({ recovery: { lagSeconds, lagBytes: 0, streaming } })[0];
    assert.equal(recovery(0, true)?.level, 'ok');
    assert.equal(recovery(70, true)?.level, 'warning');
    assert.match(recovery(0, false)?.message ?? '', /no WAL is being streamed to it; see its log/);
  });

  it('warn of prepared transactions that nobody finishes', () => {
    const prepared = (seconds: number) =>
      findingsOf({ prepared: [{ name: 'tx\n1', owner: 'app', database: 'shop', seconds }] });
    assert.deepEqual(prepared(30), []);
    assert.match(
      prepared(1200)[0]?.message ?? '',
      /Prepared transaction tx\\u\{a\}1 of app in shop is open for 20 minutes/,
    );
    assert.equal(prepared(100_000)[0]?.level, 'critical');
  });

  it('are critical for pages that fail their checksum', () => {
    const [finding] = findingsOf({ checksums: [{ name: 'shop', failures: 3, last: '2026-11-25T10:00:00+00:00' }] });
    assert.deepEqual([finding?.level, finding?.code, finding?.value], ['critical', 'database.checksum', 3]);
  });

  it('say what a role without pg_monitor misses', () => {
    assert.match(findingsOf({ seesAll: false })[0]?.message ?? '', /Role upkeep .* grant it pg_monitor/);
    const [hidden] = findingsOf({ standbys: [{ ...standby, state: null, lagBytes: null }] });
    assert.equal(hidden?.level, 'info');
  });

  it('tell durations in the unit that people would use', () => {
    assert.deepEqual([40, 119, 150, 7_200, 200_000].map(durationText), [
      '40 s',
      '119 s',
      '3 minutes',
      '2 hours',
      '2 days',
    ]);
  });
});
