import assert from 'node:assert/strict';
import { certificateSettings, endpointName, parseEndpoint } from '../../agent/config/certificates.ts';

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
    'ftp://host',
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
});
