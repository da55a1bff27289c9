import assert from 'node:assert/strict';
import { certificateCall } from '../../../extension/views/certificateActions.ts';
import { makeCertificate, makeProcedure } from '../nouns.ts';

describe('what can be done about a certificate', () => {
  const all = ['verify-certificate', 'check-certificates', 'renew-certificate', 'deploy-certificate'];
  const data = { procedures: all.map((name) => makeProcedure({ name })) };

  it('verifies a file by its path and an endpoint by its address', () => {
    assert.deepEqual(certificateCall('verify', makeCertificate({ source: '/etc/ssl/api.pem' }), data), {
      procedure: 'verify-certificate',
      options: { cert: '/etc/ssl/api.pem' },
    });
    assert.deepEqual(certificateCall('verify', makeCertificate({ source: 'smtp://mail:25' }), data), {
      procedure: 'check-certificates',
      options: { domain: ['smtp://mail:25'] },
    });
  });

  for (const [names, domain] of [
    [['api.example.test', 'www.example.test'], 'api.example.test'],
    [['127.0.0.1', '::1', '*.example.test', 'example.test'], 'example.test'],
    [['*.example.test'], null],
    [[], null],
  ] as const) {
    it(`renews and deploys ${names.join(', ') || 'no name'} ${domain === null ? 'not at all' : `as ${domain}`}`, () => {
      const certificate = makeCertificate({ names: [...names] });
      for (const action of ['renew', 'deploy'] as const) {
        const call = domain === null ? null : { procedure: `${action}-certificate`, options: { domain } };
        assert.deepEqual(certificateCall(action, certificate, data), call);
      }
    });
  }

  it('offers nothing that the agent has no procedure for', () => {
    for (const action of ['verify', 'renew', 'deploy'] as const)
      assert.equal(certificateCall(action, makeCertificate(), { procedures: [] }), null);
  });
});
