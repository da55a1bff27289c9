import assert from 'node:assert/strict';
import {
  backOffMs,
  idle,
  nextConnectionState,
  problemOfClose,
  problemOfStatus,
  type ConnectionAction,
  type ConnectionState,
  type Problem,
} from '../../../extension/client/connectionState.ts';

const passing: Problem = { message: 'connection refused', code: null, final: false };
const final = { message: 'the token was revoked', code: 4001, final: true };

function lost(attempt: number, now = 0, problem = passing): ConnectionAction {
  return { type: 'lost', attempt, now, random: 0, problem };
}
function after(...actions: ConnectionAction[]): ConnectionState {
  return actions.reduce(nextConnectionState, idle);
}

describe('connection state', () => {
  it('connects, waits after a loss, and dials again when due', () => {
    assert.deepEqual(after({ type: 'start' }), { kind: 'connecting', attempt: 1, failures: 0 });
    const waiting = after({ type: 'start' }, lost(1, 1000));
    assert.deepEqual(waiting, { kind: 'waiting', attempt: 1, failures: 1, retryAt: 1250, problem: passing });
    assert.deepEqual(nextConnectionState(waiting, { type: 'due', attempt: 1 }), {
      kind: 'connecting',
      attempt: 2,
      failures: 1,
    });
  });

  it('changes nothing on what belongs to another attempt, and on illegal moves', () => {
    const connecting = after({ type: 'start' }, { type: 'start' });
    const online = nextConnectionState(connecting, { type: 'ready', attempt: 2, now: 5 });
    for (const action of [lost(1), { type: 'ready', attempt: 1, now: 0 }, { type: 'due', attempt: 2 }] as const) {
      assert.equal(nextConnectionState(connecting, action), connecting);
      assert.equal(nextConnectionState(online, action), online);
    }
    assert.equal(nextConnectionState(idle, { type: 'stop' }), idle);
    assert.equal(nextConnectionState(idle, { type: 'ready', attempt: 0, now: 0 }), idle);
  });

  it('gives up on final problems until a person starts again', () => {
    const failed = after({ type: 'start' }, lost(1, 0, final));
    assert.deepEqual(failed, { kind: 'failed', attempt: 1, problem: final });
    assert.equal(nextConnectionState(failed, { type: 'due', attempt: 1 }), failed);
    assert.equal(nextConnectionState(failed, { type: 'start' }).kind, 'connecting');
  });

  it('counts failures across short-lived connections and forgets them after a stable one', () => {
    const twice = after({ type: 'start' }, lost(1), { type: 'due', attempt: 1 }, { type: 'ready', attempt: 2, now: 0 });
    const short = nextConnectionState(twice, lost(2, 19_999));
    const long = nextConnectionState(twice, lost(2, 20_000));
    assert.ok(short.kind === 'waiting' && short.failures === 2);
    assert.ok(long.kind === 'waiting' && long.failures === 1);
  });

  it('makes what was under way stale on stop', () => {
    const stopped = after({ type: 'start' }, { type: 'stop' });
    assert.deepEqual(stopped, { kind: 'idle', attempt: 2 });
    assert.equal(nextConnectionState(stopped, { type: 'ready', attempt: 1, now: 0 }), stopped);
  });

  it('doubles the delay up to 30 s and spreads half of it', () => {
    assert.deepEqual(
      [0, 1, 2, 5, 6, 1000].map((failures) => backOffMs(failures, 0)),
      [250, 500, 1000, 8000, 15_000, 15_000],
    );
    assert.equal(backOffMs(0, 0.999_999), 500);
    assert.equal(backOffMs(6, 0.5), 22_500);
  });

  it('knows which closes and statuses a retry does not heal', () => {
    assert.deepEqual(
      [1000, 1001, 1006, 1008, 1011, 4001, 4002, 4003].filter((code) => problemOfClose(code, '').final),
      [1008, 4001, 4002],
    );
    assert.deepEqual(
      [401, 403, 404, 429, 500, 502, 503].filter((status) => problemOfStatus(status).final),
      [401, 403, 404],
    );
  });
});
