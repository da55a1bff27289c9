import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { type Authority, createAuthority, issue, type Issued } from './authority.ts';
import { check, checkOne, Folder, valid } from './harness.ts';
import { Servers } from './servers.ts';

describe('check-certificates, endpoints with STARTTLS', () => {
  const folder = new Folder();
  const servers = new Servers();
  let root: Authority;
  let issued: Issued;
  let ca: string;

  before(async () => {
    root = await createAuthority({ name: 'Test Root' });
    issued = await issue(root, { names: ['127.0.0.1'], ...valid });
  });
  beforeEach(async () => {
    await folder.create();
    ca = await folder.write('authority.txt', root.certPem);
  });
  afterEach(async () => {
    await servers.close();
    await folder.remove();
  });

  const ldapRequest = '301d02010177188016312e332e362e312e342e312e313436362e3230303337';
  const ldapConsent = '300c02010178070a010004000400';
  const postgresRequest = '0000000804d2162f';

  /** As recorded from Exim 4.96, Dovecot 2.3.19, PostgreSQL 18 and OpenLDAP 2.5.13. */
  const willing: Readonly<Record<string, { greeting: string; dialogue: (said: Buffer, socket: Socket) => boolean }>> = {
    smtp: {
      greeting: '220 mail.example.test ESMTP Exim 4.96 Wed, 25 Nov 2026 22:37:52 +0000\r\n',
      dialogue: (said, socket) => {
        if (/^EHLO \S+\r\n$/.test(said.toString()))
          socket.write(
            '250-mail.example.test Hello localhost [127.0.0.1]\r\n250-SIZE 52428800\r\n250-8BITMIME\r\n250-PIPELINING\r\n' +
              '250-PIPECONNECT\r\n250-CHUNKING\r\n250-STARTTLS\r\n250-SMTPUTF8\r\n250 HELP\r\n',
          );
        else if (said.toString() === 'STARTTLS\r\n') return socket.write('220 TLS go ahead\r\n');
        return false;
      },
    },
    imap: {
      greeting:
        '* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS AUTH=PLAIN] Dovecot (Debian) ready.\r\n',
      dialogue: (said, socket) => {
        const match = /^(\S+) STARTTLS\r\n$/.exec(said.toString());
        return match !== null && socket.write(`${String(match[1])} OK Begin TLS negotiation now.\r\n`);
      },
    },
    postgres: {
      greeting: '',
      dialogue: (said, socket) => said.toString('hex') === postgresRequest && socket.write('S'),
    },
    ldap: {
      greeting: '',
      dialogue: (said, socket) => said.toString('hex') === ldapRequest && socket.write(Buffer.from(ldapConsent, 'hex')),
    },
  };
  for (const [protocol, { greeting, dialogue }] of Object.entries(willing)) {
    it(`are reached through the dialogue of ${protocol}`, async () => {
      const { port } = await servers.startTls(issued, greeting, dialogue);
      const found = await checkOne({ domain: [`${protocol}://127.0.0.1:${port}`], ca });
      assert.deepEqual([found.status, found.source], ['ok', `${protocol}://127.0.0.1:${port}`]);
    });
  }

  it('are reached where greetings and consents take several lines', async () => {
    const smtp = await servers.startTls(issued, '220-mail.example.test\r\n220 ESMTP ready\r\n', (said, socket) => {
      if (said.toString().startsWith('EHLO')) socket.write('250-mail.example.test\r\n250 STARTTLS\r\n');
      return said.toString() === 'STARTTLS\r\n' && socket.write('220-go\r\n220 ahead\r\n');
    });
    const imap = await servers.startTls(issued, '* PREAUTH IMAP4rev1 ready\r\n', (_, socket) =>
      socket.write('* CAPABILITY IMAP4rev1\r\na1 OK begin TLS\r\n'),
    );
    const domain = [`smtp://127.0.0.1:${smtp.port}`, `imap://127.0.0.1:${imap.port}`];
    const { certificates } = await check({ domain, ca });
    assert.deepEqual(
      certificates.map(({ status }) => status),
      ['ok', 'ok'],
    );
  });

  const refusals: readonly { protocol: string; answers: readonly string[]; message: RegExp }[] = [
    { protocol: 'smtp', answers: ['220 ready\r\n', '250 mail.example.test\r\n'], message: /offers no STARTTLS/ },
    {
      protocol: 'smtp',
      answers: ['554 go \u001b[2Jaway\r\n'],
      message: /does not answer 220 but says “554 go \?\[2Jaway”/,
    },
    { protocol: 'smtp', answers: ['220 x\r\n', '250 STARTTLS\r\n', '454 not now\r\n'], message: /says “454 not now”/ },
    { protocol: 'imap', answers: ['* BYE\r\n'], message: /does not speak IMAP/ },
    {
      protocol: 'imap',
      answers: ['* OK\r\n', 'a1 BAD what?\r\n'],
      message: /refuses STARTTLS but says “a1 BAD what\?”/,
    },
    { protocol: 'postgres', answers: ['', 'N'], message: /TLS switched off/ },
    { protocol: 'postgres', answers: ['', 'HTTP/1.1 400'], message: /does not speak the PostgreSQL protocol/ },
    {
      protocol: 'ldap',
      answers: ['', Buffer.from('300c02010178070a013504000400', 'hex').toString('latin1')],
      message: /result code 53/,
    },
    { protocol: 'ldap', answers: ['', '0\u0003\u0002\u0001\u0001'], message: /does not speak LDAP/ },
    { protocol: 'postgres', answers: ['', 'Sgotcha'], message: /sends more than its consent/ },
    {
      protocol: 'smtp',
      answers: ['220 x\r\n', '250 STARTTLS\r\n', '220 ok\r\n250 injected\r\n'],
      message: /sends more than its consent/,
    },
    { protocol: 'imap', answers: ['* OK\r\n', `* ${'x'.repeat(70_000)}\r\n`], message: /talks on and on/ },
    { protocol: 'imap', answers: ['* OK'], message: /did not answer in the imap dialogue within 400 ms/ },
  ];
  for (const { protocol, answers, message } of refusals) {
    it(`that refuse are named: ${protocol}, ${message.source}`, async () => {
      const { port } = await servers.tcp((socket) => {
        const rest = [...answers];
        const answer = (): void => {
          const next = rest.shift();
          if (next !== undefined) socket.write(next, 'latin1');
        };
        answer();
        socket.on('data', answer);
      });
      const options = { domain: [`${protocol}://127.0.0.1:${port}`], ca };
      const { findings, outcome } = await check(options, { timeout: '400ms' });
      assert.equal(outcome, 'failed');
      assert.match(findings[0]?.message ?? '', message);
    });
  }

  it('that hang up before TLS are named', async () => {
    const { port } = await servers.tcp((socket) => socket.end('220 x\r\n'));
    const found = await checkOne({ domain: [`smtp://127.0.0.1:${port}`], ca });
    assert.match(found.message, /closes the connection before TLS starts/);
  });
});
