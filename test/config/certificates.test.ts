import assert from 'node:assert/strict';
import { certificateSettings, domainName } from '../../agent/config/certificates.ts';

describe('programs and targets of certificates', () => {
  const to = { cert: 'a.pem', key: 'a.key' };

  it('take a program as a text, split at blanks, or as words that stay as they are', () => {
    const { deploy, renew_command } = certificateSettings.parse({
      renew_command: '  /opt/renew   --quiet ',
      deploy: [{ domain: 'a.example.org', to, validate: 'nginx -t', reload: ['sh', 'a b', ''] }],
    });
    assert.deepEqual(renew_command, ['/opt/renew', '--quiet']);
    assert.deepEqual(
      [deploy[0]?.validate, deploy[0]?.reload],
      [
        ['nginx', '-t'],
        ['sh', 'a b', ''],
      ],
    );
    for (const wrong of ['', '  ', [], [''], ['a\0b']]) {
      assert.equal(certificateSettings.safeParse({ renew_command: wrong }).success, false, JSON.stringify(wrong));
    }
  });

  it('have certificate and key together, or both in one file', () => {
    const good = [to, { combined: 'a' }, { ...to, chain: 'c', combined: 'd' }];
    const bad = [{}, { cert: 'a' }, { key: 'a' }, { chain: 'a' }, { cert: 'a', combined: 'b' }];
    for (const [targets, expected] of [
      [good, true],
      [bad, false],
    ] as const) {
      for (const target of targets) {
        const { success } = certificateSettings.safeParse({ deploy: [{ domain: 'a.example.org', to: target }] });
        assert.equal(success, expected, JSON.stringify(target));
      }
    }
  });

  it('V13: are for domains alone, and for accounts and modes that are some', () => {
    const target = { domain: 'a.example.org', to };
    for (const wrong of [
      { domain: '-a.example.org' },
      { domain: 'a b' },
      { domain: 'a.*' },
      { domain: 'a.example.org.' },
      { owner: '-root' },
      { group: 'a:b' },
      { mode: '600' + '0' },
      { mode: 'u+s' },
      { endpoint: '--help' },
    ]) {
      const { success } = certificateSettings.safeParse({ deploy: [{ ...target, ...wrong }] });
      assert.equal(success, false, JSON.stringify(wrong));
    }
    for (const domain of ['a', '*.example.org', 'xn--bcher-kva.example', '_a.example.org', '127.0.0.1', 'A.Example']) {
      assert.equal(domainName.safeParse(domain).success, true, domain);
    }
  });
});
