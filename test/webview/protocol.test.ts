import assert from 'node:assert/strict';
import { parseHostMessage, parsePageMessage, parsePageState } from '../../webview/protocol.ts';

describe('protocol of the pages', () => {
  it('reads the messages of a page', () => {
    const messages = [
      { type: 'ready' },
      { type: 'selectHost', host: 'db-01' },
      { type: 'command', command: { name: 'endWindow', host: 'db-01', windowId: 'w' } },
      { type: 'problem', message: 'x' },
    ];
    for (const message of messages) assert.deepEqual(parsePageMessage(message), { message });
  });

  it('refuses what it does not know, saying where it is wrong', () => {
    const problemOf = (data: unknown): string => {
      const parsed = parsePageMessage(data);
      return 'problem' in parsed ? parsed.problem : 'none';
    };
    assert.match(problemOf(undefined), /^the message: /);
    assert.match(problemOf({ type: 'open' }), /^type: /);
    assert.match(problemOf({ type: 'command', command: { name: 'exit' } }), /^command\.name: /);
    assert.match(problemOf({ type: 'command', command: { name: 'runChecks', host: 7 } }), /^command\.host: /);
    assert.notEqual(problemOf({ type: 'ready', more: 1 }), 'none');
  });

  it('refuses a dashboard of another shape', () => {
    assert.ok('problem' in parseHostMessage({ type: 'dashboard', dashboard: { hosts: [] } }));
    assert.ok('problem' in parseHostMessage({ type: 'ready' }));
  });

  it('takes a kept state that it can not read for none', () => {
    assert.deepEqual(parsePageState({ host: 'db-01' }), { host: 'db-01' });
    for (const data of [undefined, null, 'db-01', {}, { host: 7 }])
      assert.deepEqual(parsePageState(data), { host: null });
  });
});
