import assert from 'node:assert/strict';
import { parseAddress } from '../../../extension/client/transport.ts';

describe('parseAddress', () => {
  it('reads ws, wss and unix addresses', () => {
    assert.deepEqual(parseAddress('ws://127.0.0.1:7433'), { scheme: 'ws', url: 'ws://127.0.0.1:7433/' });
    assert.deepEqual(parseAddress('wss://db.example.test'), { scheme: 'wss', url: 'wss://db.example.test/' });
    assert.deepEqual(parseAddress('unix:/run/upkeep.sock'), {
      scheme: 'unix',
      url: 'unix:/run/upkeep.sock',
      path: '/run/upkeep.sock',
    });
    assert.equal(parseAddress('unix:///run/upkeep.sock').url, 'unix:/run/upkeep.sock');
  });

  for (const [text, message] of [
    ['', /is not an address/],
    ['db-01', /is not an address/],
    ['http://db-01', /is not a scheme/],
    ['javascript:alert(1)', /is not a scheme/],
    ['ws://me:secret@db-01', /no user, password or token/],
    ['ws://db-01/?token=secret', /no user, password or token/],
    ['unix:relative.sock', /is not a socket/],
    ['unix:/tmp/a:b', /is not a socket/],
  ] as const)
    it(`refuses "${text}"`, () => {
      assert.throws(() => parseAddress(text), message);
    });
});
