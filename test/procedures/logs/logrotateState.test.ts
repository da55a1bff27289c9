import assert from 'node:assert/strict';
import path from 'node:path';
import { parseState, readState } from '../../../agent/procedures/logs/logrotateState.ts';

describe("logrotate's state file", () => {
  it('gives the last rotation of each log in local time', () => {
    const text = 'logrotate state -- version 2\n"/v/a.log" 2024-1-31-7:5:9\n"/v/b.log" 2024-12-1-23:59:59\n';
    const state = parseState(text);
    assert.deepEqual(state.get('/v/a.log'), new Date(2024, 0, 31, 7, 5, 9));
    assert.deepEqual(state.get('/v/b.log'), new Date(2024, 11, 1, 23, 59, 59));
  });

  it('reads names with blanks, quotation marks, backslashes and line breaks', () => {
    const state = parseState(
      String.raw`logrotate state -- version 2` + '\n' + String.raw`"/v/a \"b\" \\ \n.log" 2024-1-2-3:4:5`,
    );
    assert.deepEqual([...state.keys()], ['/v/a "b" \\ \n.log']);
  });

  it('reads version 1, which has days only', () => {
    const state = parseState('logrotate state -- version 1\n"/v/a.log" 2024-2-3\n');
    assert.deepEqual(state.get('/v/a.log'), new Date(2024, 1, 3));
  });

  it('skips lines that it cannot read', () => {
    assert.equal(parseState('logrotate state -- version 2\ngarbage\n"/v/a.log" never\n').size, 0);
  });

  it('knows nothing when there is no file yet', async () => {
    assert.equal((await readState(path.join(import.meta.dirname, 'no-such-state'))).size, 0);
  });
});
