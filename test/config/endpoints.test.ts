import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { certificateSettings } from '../../agent/config/certificates.ts';
import { endpointName, parseEndpoint, startTlsAt, startTlsProtocols } from '../../agent/config/endpoints.ts';
import { checkCertificates } from '../../agent/procedures/certificates/checkCertificates.ts';

describe('endpoints of certificates', () => {
  const accepted = [
    ['api.example.org', 'api.example.org:443'],
    ['api.example.org:8443', 'api.example.org:8443'],
    ['https://api.example.org/', 'api.example.org:443'],
    ['tls://10.0.0.1:1', '10.0.0.1:1'],
    ['[::1]:8443', '[::1]:8443'],
    ['smtp://mail.example.org', 'smtp://mail.example.org:25'],
    ['smtps://mail.example.org', 'mail.example.org:465'],
    ['imap://mail.example.org', 'imap://mail.example.org:143'],
    ['postgresql://db_1', 'postgres://db_1:5432'],
    ['ldap://[::1]', 'ldap://[::1]:389'],
    ['bücher.example', 'bücher.example:443'],
    ['submission://mail.example.org', 'smtp://mail.example.org:587'],
    ['submissions://mail.example.org', 'mail.example.org:465'],
    ['lmtp://mail.example.org', 'lmtp://mail.example.org:24'],
    ['pop3://[::1]', 'pop3://[::1]:110'],
    ['pop3s://mail.example.org', 'mail.example.org:995'],
    ['sieve://mail.example.org', 'sieve://mail.example.org:4190'],
    ['nntp://news.example.org', 'nntp://news.example.org:119'],
    ['nntps://news.example.org', 'news.example.org:563'],
    ['ftp://files.example.org', 'ftp://files.example.org:21'],
    ['ftps://files.example.org', 'files.example.org:990'],
    ['xmpp://chat.example.org', 'xmpp-client://chat.example.org:5222'],
    ['xmpp-server://chat.example.org', 'xmpp-server://chat.example.org:5269'],
    ['mysql://db.example.org', 'mysql://db.example.org:3306'],
    ['mariadb://db.example.org:3307', 'mysql://db.example.org:3307'],
  ] as const;
  for (const [text, name] of accepted) {
    it(`read ${text} as ${name}`, () => {
      const endpoint = parseEndpoint(text);
      assert.equal(endpoint === null ? null : endpointName(endpoint), name);
    });
  }

  const refused = [
    '',
    ':443',
    'host:0',
    'host:65536',
    'host:https',
    'sftp://host',
    'pop://host',
    'xmpp-://host',
    '-smtp://host',
    'ftp://user@host',
    'constructor://host',
    'https://host/path',
    'https://user@host',
    '-oProxyCommand=touch pwned',
    '$(touch pwned)',
    'host;touch pwned',
    'host\nother',
    'host\0',
    '*.example.org',
    '[host]',
    '@file',
  ];
  for (const text of refused) {
    it(`refuse ${JSON.stringify(text)}`, () => {
      assert.equal(parseEndpoint(text), null);
      assert.equal(certificateSettings.safeParse({ endpoints: [text] }).success, false);
    });
  }

  it('are told with all protocols wherever they are asked for', () => {
    const options = z.toJSONSchema(checkCertificates.options);
    const settings = z.toJSONSchema(certificateSettings, { io: 'input' });
    const [wrong] = certificateSettings.safeParse({ endpoints: ['gopher://host'] }).error?.issues ?? [];
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const texts = { options, settings, readme, wrong: wrong?.message ?? '' };
    for (const [where, text] of Object.entries(texts)) {
      for (const protocol of startTlsProtocols) {
        assert.ok(JSON.stringify(text).includes(`${protocol}://`), `${where}: ${protocol}`);
      }
    }
  });

  it('are suggested by the port at which a protocol usually begins in the clear', () => {
    assert.deepEqual([110, 587, 5432, 443, 995].map(startTlsAt), ['pop3', 'smtp', 'postgres', null, null]);
  });
});
