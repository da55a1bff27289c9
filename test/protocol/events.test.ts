import assert from 'node:assert/strict';
import { eventEnvelope, eventSchemas, parseEvent } from '../../agent/protocol/events.ts';

const at = '2026-03-01T02:00:00.000Z';

describe('events of the wire', () => {
  it('are read as what they are, with their number and time', () => {
    const data = { startedAt: at, version: '1.2.3' };
    assert.deepEqual(parseEvent({ seq: 7, at, type: 'agent.started', data }), {
      seq: 7,
      at,
      type: 'agent.started',
      data,
    });
  });

  it('V28: of a newer agent are passed by, as are names that every object has', () => {
    for (const type of ['volcano.erupted', '__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      assert.equal(parseEvent({ seq: 1, at, type, data: {} }), null, type);
    }
  });

  it('lose fields of a newer agent and keep the others', () => {
    const event = parseEvent({ seq: 1, at, type: 'report.removed', data: { id: 'health', mood: 'good' } });
    assert.deepEqual(event?.data, { id: 'health' });
  });

  it('of a known type with other data are refused, and the error names the field', () => {
    for (const type of Object.keys(eventSchemas)) {
      assert.throws(() => parseEvent({ seq: 1, at, type, data: {} }), /"path"/, type);
    }
    assert.throws(
      () => parseEvent({ seq: 1, at, type: 'agent.started', data: { startedAt: 'yesterday', version: '1' } }),
      /startedAt/,
    );
  });

  it('have a whole number and an instant in UTC with milliseconds around them', () => {
    const good = { seq: 1, at, type: 'x', data: null };
    assert.deepEqual(eventEnvelope.parse(good), good);
    for (const bad of [{ seq: 1.5 }, { seq: '1' }, { at: '2026-03-01T02:00:00Z' }, { at: '2026-03-01' }, { type: 1 }]) {
      assert.equal(eventEnvelope.safeParse({ ...good, ...bad }).success, false, JSON.stringify(bad));
    }
  });
});
