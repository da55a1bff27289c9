import assert from 'node:assert/strict';
import { maxAnswerBytes, maxMessageBytes, maxOutputBytes, methods } from '../../agent/protocol/methods.ts';

/** Whether the parameters of a request would be taken. */
const takes = (name: keyof typeof methods, params: unknown): boolean => methods[name].params.safeParse(params).success;

describe('methods of the wire', () => {
  it('V14: let a viewer look, and no more: what starts, stops or changes something needs another role', () => {
    const forViewers = Object.entries(methods).flatMap(([name, { role }]) => (role === 'viewer' ? [name] : []));
    assert.deepEqual(forViewers.sort(), [
      'events.subscribe',
      'hello',
      'runbooks.get',
      'runs.get',
      'runs.list',
      'runs.output',
      'samples.list',
      'snapshot',
      'windows.list',
    ]);
  });

  it('V14: leave what is not in the configuration to admins: any procedure, any text of a block', () => {
    const forAdmins = Object.entries(methods).flatMap(([name, { role }]) => (role === 'admin' ? [name] : []));
    assert.deepEqual(forAdmins.sort(), ['procedures.run', 'runbooks.runBlock']);
  });

  it('V12: drop parameters that they do not know, so that none reaches a job', () => {
    const params = { task: 'job', requestId: 'request-1', uid: 0, env: { LD_PRELOAD: '/tmp/x.so' }, shell: true };
    assert.deepEqual(methods['tasks.run'].params.parse(params), { task: 'job', requestId: 'request-1' });
  });

  it('F21: that start something take a request id of 8 to 64 characters, without which a repeat would start it again', () => {
    const starting = {
      'tasks.run': { task: 'job' },
      'procedures.run': { procedure: 'health-check', options: {} },
      'windows.open': { reason: 'upgrade', minutes: 30 },
      'runbooks.runBlock': { runbook: 'a.md', index: 0, language: 'sh', text: 'true', sha256: '0'.repeat(64) },
    } as const;
    for (const [name, params] of Object.entries(starting) as [keyof typeof starting, object][]) {
      const answers = [undefined, 'short', 'x'.repeat(8), 'x'.repeat(64), 'x'.repeat(65)].map((requestId) =>
        takes(name, { ...params, requestId }),
      );
      assert.deepEqual(answers, [false, false, true, true, false], name);
    }
  });

  it('bound what one request may ask for', () => {
    for (const [name, good, bad] of [
      ['runs.output', { runId: 'r', offset: 0, limit: maxOutputBytes }, { limit: maxOutputBytes + 1 }],
      ['runs.output', { runId: 'r', offset: 0 }, { offset: -1 }],
      ['runs.list', { limit: 500 }, { limit: 501 }],
      ['windows.open', { requestId: 'request-1', reason: 'x', minutes: 7 * 24 * 60 }, { minutes: 7 * 24 * 60 + 1 }],
      ['windows.open', { requestId: 'request-1', reason: 'x', minutes: 1 }, { reason: '' }],
      ['windows.extend', { windowId: 'w', minutes: 1 }, { minutes: 0 }],
      ['samples.list', { from: '2026-03-01T02:00:00.000Z', points: 1000 }, { points: 1001 }],
      ['runs.cancel', { runId: 'r', reason: 'x'.repeat(2000) }, { reason: 'x'.repeat(2001) }],
    ] as const) {
      assert.equal(takes(name, good), true, `${name} ${JSON.stringify(good).slice(0, 80)}`);
      assert.equal(takes(name, { ...good, ...bad }), false, `${name} ${JSON.stringify(bad).slice(0, 80)}`);
    }
  });

  it('have answers that hold the largest piece of output, whatever its bytes are in JSON', () => {
    // A control character takes six characters of JSON (`\\u0001`), base64 4 for 3 bytes.
    const worst = JSON.stringify({ text: '\u0001'.repeat(maxOutputBytes) }).length;
    assert.ok(worst < maxAnswerBytes, String(worst));
    assert.ok(maxMessageBytes < maxAnswerBytes);
  });

  it('hold a block of the largest size in a request that the agent accepts', () => {
    const params = { requestId: 'request-1', runbook: 'a.md', index: 0, language: 'sh', sha256: '0'.repeat(64) };
    const largest = 256 * 1024;
    assert.equal(takes('runbooks.runBlock', { ...params, text: 'x'.repeat(largest) }), true);
    assert.equal(takes('runbooks.runBlock', { ...params, text: 'x'.repeat(largest + 1) }), false);
    assert.ok(JSON.stringify({ ...params, text: '"'.repeat(largest) }).length < maxMessageBytes);
  });
});
