import assert from 'node:assert/strict';
import { ticketOf, waitText } from '../../agent/run/locks.ts';
import {
  emptyQueue,
  nextTurn,
  nextWake,
  reduceQueue,
  waitsOf,
  type Limits,
  type QueueState,
  type Ticket,
} from '../../agent/run/queue.ts';
import { newRun } from '../../agent/run/request.ts';
import { defaultSettings } from '../../agent/run/settings.ts';
import { randomFrom } from '../random.ts';
import { request } from './harness.ts';

const unlimited: Limits = { total: 1000, groups: {} };

function ticket(id: string, more: Partial<Ticket> = {}): Ticket {
  return {
    id,
    key: `task:${id}`,
    claims: [],
    group: null,
    counted: true,
    ahead: false,
    notBefore: null,
    approved: true,
    ...more,
  };
}

function queued(...tickets: Ticket[]): QueueState {
  return tickets.reduce((state, one) => reduceQueue(state, { type: 'join', ticket: one }), emptyQueue);
}

/** Starts all who can, in their order. */
function startAll(state: QueueState, limits = unlimited, now = 0): { state: QueueState; started: string[] } {
  const started: string[] = [];
  let current = state;
  for (let next = nextTurn(current, limits, now); next !== null; next = nextTurn(current, limits, now)) {
    current = reduceQueue(current, { type: 'start', id: next.id });
    started.push(next.id);
  }
  return { state: current, started };
}

describe('the place of a run in the queue', () => {
  const run = newRun(request(['x']), 0);
  const more = { notBefore: null, ahead: false };

  it('is one of its group, or of its task where it has none', () => {
    assert.equal(ticketOf(run, defaultSettings, more).key, 'task:job');
    assert.equal(ticketOf(run, { ...defaultSettings, group: 'nightly' }, more).key, 'group:nightly');
  });

  it('holds the turn of its task and its locks, once each; a dry run and a block hold no turn', () => {
    const settings = { ...defaultSettings, overlap: 'queue' as const, locks: ['db', 'db'] };
    assert.deepEqual(ticketOf(run, settings, more).claims, ['task:job', 'lock:db']);
    assert.deepEqual(ticketOf({ ...run, kind: 'block' }, settings, more).claims, ['lock:db']);
    assert.deepEqual(ticketOf({ ...run, dryRun: true }, settings, more).claims, []);
  });

  it('is told in words', () => {
    assert.match(waitText({ for: 'limit', group: null }), /`runs\.concurrency`/);
    assert.match(waitText({ for: 'limit', group: 'nightly' }), /the group "nightly" as `runs\.groups` allows/);
    assert.match(waitText({ for: 'retry', until: 0 }), /its next attempt/);
  });
});

describe('queue', () => {
  it('puts a clean-up before all that waits, behind the clean-ups before it, and starts it first', () => {
    const ahead = { ahead: true };
    const state = queued(ticket('a'), ticket('x', ahead), ticket('y', ahead), ticket('b'));
    assert.deepEqual(
      state.waiting.map(({ id }) => id),
      ['x', 'y', 'a', 'b'],
    );
    assert.deepEqual(startAll(state).started, ['x', 'y', 'a', 'b']);
    assert.deepEqual(
      queued(ticket('x', ahead), ticket('y', ahead)).waiting.map(({ id }) => id),
      ['x', 'y'],
    );
  });

  it('starts a clean-up before one whose turn it is', () => {
    const served = startAll(queued(ticket('one', { key: 'task:a' }), ticket('two', { key: 'task:b' }))).state;
    const state = [ticket('other', { key: 'task:c' }), ticket('clean', { key: 'task:b', ahead: true })].reduce(
      (before, one) => reduceQueue(before, { type: 'join', ticket: one }),
      served,
    );
    assert.equal(nextTurn(state, unlimited, 0)?.id, 'clean');
  });

  it('starts everybody in the order of arrival when nothing is in the way', () => {
    assert.deepEqual(startAll(queued(ticket('a'), ticket('b'), ticket('c'))).started, ['a', 'b', 'c']);
  });

  it('gives a lock to one at a time, to the first who came', () => {
    const lock = { claims: ['lock:db'] };
    const first = startAll(queued(ticket('a', lock), ticket('b', lock), ticket('c', lock), ticket('d')));
    assert.deepEqual(first.started, ['a', 'd']);
    assert.deepEqual(waitsOf(first.state, unlimited, 0).get('b'), { for: 'lock', lock: 'db' });
    const second = startAll(reduceQueue(first.state, { type: 'leave', id: 'a' }));
    assert.deepEqual(second.started, ['b']);
  });

  it('does not starve a run that needs two locks by runs that need one', () => {
    const both = ticket('both', { claims: ['lock:x', 'lock:y'] });
    const first = startAll(queued(ticket('x1', { claims: ['lock:x'] }), both, ticket('y1', { claims: ['lock:y'] })));
    assert.deepEqual(first.started, ['x1']);
    const second = startAll(reduceQueue(first.state, { type: 'leave', id: 'x1' }));
    assert.deepEqual(second.started, ['both']);
  });

  it('lets others pass one that waits for a person or for its next attempt', () => {
    const lock = { claims: ['lock:db'] };
    const state = queued(
      ticket('p', { ...lock, approved: false }),
      ticket('r', { ...lock, notBefore: 50 }),
      ticket('n', lock),
    );
    const { started, state: after } = startAll(state, unlimited, 10);
    assert.deepEqual(started, ['n']);
    assert.deepEqual(
      [...waitsOf(after, unlimited, 10)],
      [
        ['p', { for: 'approval' }],
        ['r', { for: 'retry', until: 50 }],
      ],
    );
    assert.equal(nextWake(after, 10), 50);
    const free = reduceQueue(after, { type: 'leave', id: 'n' });
    assert.deepEqual(startAll(reduceQueue(free, { type: 'approve', id: 'p' }), unlimited, 60).started, ['p']);
  });

  it('keeps to the limits of all and of a group, which do not concern what a person runs now', () => {
    const group = { group: 'db', key: 'group:db' };
    const limits = { total: 2, groups: { db: 1 } };
    const state = queued(
      ticket('a', group),
      ticket('b', group),
      ticket('c'),
      ticket('d'),
      ticket('e', { counted: false }),
    );
    const first = startAll(state, limits);
    assert.deepEqual(first.started, ['a', 'c', 'e']);
    assert.deepEqual(waitsOf(first.state, limits, 0).get('b'), { for: 'limit', group: 'db' });
    assert.deepEqual(waitsOf(first.state, limits, 0).get('d'), { for: 'limit', group: null });
  });

  it('serves the tasks in turns, so that a hundred runs of one do not keep the others waiting', () => {
    const many = Array.from({ length: 100 }, (_, index) => ticket(`m${index}`, { key: 'many' }));
    const one = { total: 1, groups: {} };
    let { state } = startAll(queued(...many, ticket('rare', { key: 'rare' })), one);
    const order: string[] = [];
    for (let left = 0; left < 5; left += 1) {
      const busy = state.busy[0] ?? assert.fail('nobody is at work');
      order.push(busy.id);
      ({ state } = startAll(reduceQueue(state, { type: 'leave', id: busy.id }), one));
    }
    assert.deepEqual(order, ['m0', 'rare', 'm1', 'm2', 'm3']);
  });

  it('lets a clean-up go before all others that want what it holds', () => {
    const lock = { claims: ['lock:db'] };
    const waiting = startAll(queued(ticket('a', lock), ticket('b', lock))).state;
    const cleaning = reduceQueue(waiting, { type: 'join', ticket: ticket('clean', { ...lock, ahead: true }) });
    assert.deepEqual(startAll(reduceQueue(cleaning, { type: 'leave', id: 'a' })).started, ['clean']);
  });

  it('is not changed by moves that make no sense', () => {
    const state = queued(ticket('a'));
    assert.equal(reduceQueue(state, { type: 'start', id: 'nobody' }), state);
    assert.equal(reduceQueue(state, { type: 'leave', id: 'nobody' }), state);
    assert.equal(reduceQueue(state, { type: 'join', ticket: ticket('a') }), state);
    assert.equal(reduceQueue(state, { type: 'resume', ticket: ticket('a') }), state);
  });

  it('counts what an earlier agent has started', () => {
    const resumed = reduceQueue(emptyQueue, { type: 'resume', ticket: ticket('old', { claims: ['lock:db'] }) });
    const state = reduceQueue(resumed, { type: 'join', ticket: ticket('new', { claims: ['lock:db'] }) });
    assert.deepEqual(startAll(state).started, []);
  });

  it('holds of a thousand random courses: no lock is held twice, no limit is broken, everybody has a turn', () => {
    const random = randomFrom(7);
    for (let course = 0; course < 200; course += 1) {
      const limits = { total: 1 + random(4), groups: { g: 1 + random(2) } };
      let state = emptyQueue;
      let waitingFor = 0;
      const over = new Set<string>();
      for (let step = 0; step < 60; step += 1) {
        if (step < 30) {
          const claims = ['lock:a', 'lock:b', 'lock:c'].filter(() => random(3) === 0);
          const group = random(2) === 0 ? 'g' : null;
          const id = `${course}-${waitingFor}`;
          waitingFor += 1;
          state = reduceQueue(state, { type: 'join', ticket: ticket(id, { claims, group, key: `k${random(3)}` }) });
        }
        ({ state } = startAll(state, limits, step));
        const held = state.busy.flatMap(({ claims }) => claims);
        assert.equal(new Set(held).size, held.length);
        assert.ok(state.busy.length <= limits.total);
        assert.ok(state.busy.filter(({ group }) => group === 'g').length <= limits.groups.g);
        const leaving = state.busy[random(state.busy.length)];
        if (leaving !== undefined) {
          over.add(leaving.id);
          state = reduceQueue(state, { type: 'leave', id: leaving.id });
        }
      }
      for (; state.busy.length + state.waiting.length > 0;) {
        ({ state } = startAll(state, limits, 100));
        const leaving = state.busy[0] ?? assert.fail('somebody waits for ever');
        over.add(leaving.id);
        state = reduceQueue(state, { type: 'leave', id: leaving.id });
      }
      assert.equal(over.size, waitingFor);
    }
  });
});
