import assert from 'node:assert/strict';
import type { LookupAddress } from 'node:dns';
import { guardedLookup, refuseHost, refuseTarget } from '../agent/outbound.ts';

describe('whom the agent talks to', () => {
  const refused = [
    'http://169.254.169.254/latest/meta-data/',
    'http://2852039166/',
    'http://0xA9FEA9FE/',
    'http://0251.0376.0251.0376/',
    'http://169.254.1/',
    'http://[::ffff:169.254.169.254]/',
    'http://[fe80::1]/',
    'http://[64:ff9b::169.254.169.254]/',
    'http://[2002:a9fe:a9fe::1]/',
    'http://[fd00:ec2::254]/',
    'http://100.100.100.200/',
    'http://0.0.0.0:80/',
    'http://[::]/',
    'http://255.255.255.255/',
    'http://[ff02::1]/',
    'file:///etc/shadow',
    'gopher://127.0.0.1:25/_HELO',
    'unix:/run/docker.sock',
    'ftp://example.org/',
    'data:text/plain,x',
  ];
  for (const url of refused) {
    it(`V30: is not ${url}`, () => {
      assert.throws(() => {
        refuseTarget(new URL(url));
      }, /RefusedTarget: .* is not talked to/);
    });
  }

  for (const url of [
    'http://127.0.0.1:8080/',
    'http://localhost/',
    'https://10.1.2.3/',
    'http://[::1]/',
    'https://x.org/',
  ]) {
    it(`V30: may be ${url}`, () => {
      refuseTarget(new URL(url));
    });
  }

  it('V30: is judged by the address of this very connection, whatever a name was before', () => {
    const answers: LookupAddress[][] = [
      [{ address: '127.0.0.1', family: 4 }],
      [{ address: '169.254.169.254', family: 4 }],
      [
        { address: '127.0.0.1', family: 4 },
        { address: 'fe80::1', family: 6 },
      ],
    ];
    const lookup = guardedLookup((_host, _options, done) => {
      done(null, answers.shift() ?? []);
    });
    const seen: string[] = [];
    for (const all of [false, true, true]) {
      lookup('rebind.example', { all }, (error, address) => {
        seen.push(error?.message ?? JSON.stringify(address));
      });
    }
    assert.equal(seen[0], '"127.0.0.1"');
    assert.match(seen[1] ?? '', /169\.254\.169\.254 is a link-local address/);
    assert.match(seen[2] ?? '', /fe80::1 is a link-local address/);
  });

  it('V30: knows a zone of an address', () => {
    assert.throws(() => {
      refuseHost('fe80::1%eth0');
    }, /link-local/);
  });
});
