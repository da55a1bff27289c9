import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { startTlsProtocols, type StartTls } from '../../../agent/config/endpoints.ts';
import { type Authority, createAuthority, issue, type Issued } from './authority.ts';
import { check, checkOne, Folder, valid } from './harness.ts';
import { type Turns, unwilling, willing } from './recorded.ts';
import { beginTls, Servers } from './servers.ts';

const host = 'localhost';
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

describe('check-certificates, endpoints with STARTTLS', () => {
  const folder = new Folder();
  const servers = new Servers();
  let root: Authority;
  let issued: Issued;
  let ca: string;

  before(async () => {
    root = await createAuthority({ name: 'Test Root' });
    issued = await issue(root, { names: [host], ...valid });
  });
  beforeEach(async () => {
    await folder.create();
    ca = await folder.write('authority.txt', root.certPem);
  });
  afterEach(async () => {
    await servers.close();
    await folder.remove();
  });

  /** What is told of each endpoint, in their order. */
  async function told(domain: readonly string[], timeout = '5s'): Promise<string[]> {
    const { certificates, findings, outcome } = await check({ domain, ca, host }, { timeout });
    assert.equal(outcome, 'failed');
    assert.deepEqual(
      certificates.map(({ status }) => status),
      domain.map(() => 'unreadable'),
    );
    return findings.map(({ message }) => message);
  }

  async function everyProtocol(serve: (protocol: StartTls) => Promise<{ port: number }>): Promise<string[]> {
    return Promise.all(
      startTlsProtocols.map(async (protocol) => `${protocol}://127.0.0.1:${(await serve(protocol)).port}`),
    );
  }

  for (const protocol of startTlsProtocols) {
    it(`are reached through the dialogue of ${protocol}, and get nothing else`, async () => {
      const { port } = await servers.play(willing[protocol], beginTls(issued));
      const found = await checkOne({ domain: [`${protocol}://127.0.0.1:${port}`], ca, host });
      assert.deepEqual([found.status, found.source], ['ok', `${protocol}://127.0.0.1:${port}`], found.message);
    });
  }

  it('are asked for the name by SNI', async () => {
    const other = await issue(root, { names: ['b.example.test'], ...valid });
    const served = await servers.play(willing.smtp, beginTls(issued, { 'b.example.test': other }));
    const found = await checkOne({ domain: [`smtp://127.0.0.1:${served.port}`], ca, host: 'b.example.test' });
    assert.deepEqual([found.status, found.names], ['ok', ['b.example.test']]);
  });

  if (hasIpv6) {
    it('are reached by IPv6', async () => {
      const { port } = await servers.play(willing.pop3, beginTls(issued), '::1');
      const found = await checkOne({ domain: [`pop3://[::1]:${port}`], ca, host });
      assert.deepEqual([found.status, found.source], ['ok', `pop3://[::1]:${port}`]);
    });
  }

  it('are asked for an XMPP domain as people write it', async () => {
    const name = 'bücher.example';
    const named = await issue(root, { names: ['xn--bcher-kva.example'], ...valid });
    const turns = willing['xmpp-client'].map((turn) => String(turn).replaceAll("'localhost'", `'${name}'`));
    const { port } = await servers.play(turns, beginTls(issued, { 'xn--bcher-kva.example': named }));
    const domain = [`xmpp://127.0.0.1:${port}`];
    assert.equal((await checkOne({ domain, ca, host: 'xn--bcher-kva.example' })).status, 'ok');
  });

  const wordy: readonly { title: string; protocol: StartTls; turns: Turns }[] = [
    {
      title: 'smtp with several lines everywhere',
      protocol: 'smtp',
      turns: [
        ...['220-mail.example.test\r\n220 ESMTP ready\r\n', 'EHLO localhost\r\n', '250-mail\r\n250 starttls\r\n'],
        ...['STARTTLS\r\n', '220-go\r\n220 ahead\r\n'],
      ],
    },
    {
      title: 'imap with untagged answers',
      protocol: 'imap',
      turns: ['* PREAUTH IMAP4rev1 ready\r\n', 'a1 STARTTLS\r\n', '* CAPABILITY IMAP4rev1\r\na1 OK begin TLS\r\n'],
    },
    {
      title: 'ftp that is not ready at first, with free lines in its greeting (RFC 959, 4.2)',
      protocol: 'ftp',
      turns: [
        '120 Ready in 1 minute\r\n220-Welcome.\r\n530 of you were here today\r\n  220 at most\r\n220 \r\n',
        ...['AUTH TLS\r\n', '234-Yes\r\n234 AUTH TLS successful\r\n'],
      ],
    },
    {
      title: 'ftp with a greeting of 40 kB in short lines',
      protocol: 'ftp',
      turns: [`${'220-Welcome to the files of example.org\r\n'.repeat(1000)}220 Ready\r\n`, ...willing.ftp.slice(1)],
    },
    {
      title: 'mysql with the greeting that the documentation of MySQL shows',
      protocol: 'mysql',
      turns: [
        Buffer.from(
          '360000000a352e352e322d6d320052000000223d4e502975395600ffff08' +
            '020000000000000000000000000000296440525c55787a7c21294b00',
          'hex',
        ),
        ...willing.mysql.slice(1),
      ],
    },
    {
      title: 'sieve with literals (RFC 5804, 4)',
      protocol: 'sieve',
      turns: [
        '"IMPLEMENTATION" {7}\r\nOK mind\r\n{8}\r\nSTARTTLS\r\n"SASL" {0}\r\n\r\nOK {5+}\r\nready\r\n',
        ...['STARTTLS\r\n', 'OK (WARNINGS) {6}\r\nbegin!\r\n'],
      ],
    },
    {
      title: 'xmpp with other quotes, prefixes and room between',
      protocol: 'xmpp-client',
      turns: [
        ...willing['xmpp-client'].slice(0, 2),
        '<?xml version="1.0"?>\n<s:stream xmlns:s="http://etherx.jabber.org/streams" from="a>b" version="1.0">\n' +
          '<s:features><compression/><t:starttls xmlns:t="urn:ietf:params:xml:ns:xmpp-tls"/></s:features>',
        willing['xmpp-client'][3] ?? '',
        '<proceed xmlns="urn:ietf:params:xml:ns:xmpp-tls"></proceed>',
      ],
    },
  ];
  for (const { title, protocol, turns } of wordy) {
    it(`are reached where they are wordy: ${title}`, async () => {
      const { port } = await servers.play(turns, beginTls(issued));
      const found = await checkOne({ domain: [`${protocol}://127.0.0.1:${port}`], ca, host });
      assert.equal(found.status, 'ok', found.message);
    });
  }

  it('are reached though they greet late, and are in the meantime looked at whether they speak TLS at once', async () => {
    const waiting: Socket[] = [];
    const { port } = await servers.tcp((socket) => {
      waiting.push(socket);
      if (waiting.length === 1) return;
      const [first] = waiting;
      let turn = 0;
      first?.write(willing.smtp[0]!);
      const onData = (): void => {
        first?.write(willing.smtp[(turn += 2)]!);
        if (turn < 4) return;
        first?.off('data', onData);
        if (first !== undefined) beginTls(issued)(first);
      };
      first?.on('data', onData);
    });
    const found = await checkOne({ domain: [`smtp://127.0.0.1:${port}`], ca, host }, { timeout: '2s' });
    assert.deepEqual([found.status, waiting.length], ['ok', 2], found.message);
  });

  for (const { protocol, turns, told: expected } of unwilling) {
    it(`that are not willing are named: ${protocol}, ${expected.source}`, async () => {
      const { port } = await servers.play(turns, () => undefined);
      const [message] = await told([`${protocol}://127.0.0.1:${port}`]);
      assert.match(message ?? '', expected);
    });
  }

  it('that speak TLS at once are named, with what to write instead', async () => {
    const domain = await everyProtocol(() => servers.tls(issued));
    const messages = await told(domain, '2s');
    for (const [index, protocol] of startTlsProtocols.entries()) {
      assert.match(
        messages[index] ?? '',
        new RegExp(`: it speaks TLS at once; write 127\\.0\\.0\\.1:\\d+ without ${protocol}://\\.$`),
      );
    }
  });

  it('that answer by an alert of TLS and can not be looked at so are named', async () => {
    const alert = Buffer.from('15030100020246', 'hex');
    const domain = await everyProtocol(() => servers.tcp((socket) => void socket.write(alert)));
    for (const message of await told(domain)) assert.match(message, /: it answers by an alert of TLS;/);
  });

  it('that send more than their consent are refused, as the bytes of an intruder would be read as protected', async () => {
    const domain = await everyProtocol((protocol) => {
      const turns = willing[protocol].map((turn) => Buffer.from(turn));
      // What MySQL sends last in the clear is its greeting.
      const at = protocol === 'mysql' ? 0 : turns.length - 1;
      turns[at] = Buffer.concat([turns[at] ?? Buffer.alloc(0), Buffer.from('250 injected\r\n')]);
      return servers.play(at === 0 ? turns.slice(0, 1) : turns, beginTls(issued));
    });
    for (const message of await told(domain)) assert.match(message, /it sends more than its consent to TLS/);
  });

  it('that consent and go on in the clear are named', async () => {
    const domain = await everyProtocol((protocol) =>
      servers.play(
        willing[protocol],
        (socket) => void socket.once('data', () => socket.write('250 injected\r\n')).resume(),
      ),
    );
    for (const message of await told(domain)) {
      assert.match(message, /it agrees to TLS but goes on in the clear; look into the log of the service\.$/);
    }
  });

  it('that hang up at any moment are named', async () => {
    const cut = startTlsProtocols.flatMap((protocol) =>
      willing[protocol].flatMap((_, at) =>
        at % 2 === 0 ? [{ protocol, turns: willing[protocol].slice(0, at + 1) }] : [],
      ),
    );
    const domain = await Promise.all(
      cut.map(async ({ protocol, turns }) => {
        const { port } = await servers.play(turns, (socket) => socket.end());
        return `${protocol}://127.0.0.1:${port}`;
      }),
    );
    const messages = await told(domain);
    for (const [index, { protocol, turns }] of cut.entries()) {
      // MySQL has no answer before TLS.
      const consented = protocol === 'mysql' || turns.length === willing[protocol].length;
      const expected = consented
        ? /(closes the connection|reset).* the TLS handshake/
        : /it closes the connection before TLS/;
      assert.match(messages[index] ?? '', expected, `${protocol} after ${turns.length} turns`);
    }
  });

  it('that never stop talking are cut off after some kilobytes', async () => {
    const closed: Promise<unknown>[] = [];
    const endless = (start: Buffer): Promise<{ port: number }> =>
      servers.tcp((socket) => {
        socket.write(start);
        const pour = (): void => {
          while (!socket.destroyed && socket.write(Buffer.alloc(65_536, 'x')));
        };
        closed.push(
          new Promise((resolve) => {
            socket.on('close', resolve);
          }),
        );
        socket.on('drain', pour);
        pour();
      });
    const begun: Readonly<Partial<Record<StartTls, Buffer>>> = {
      ldap: Buffer.from('30847fffffff', 'hex'),
      sieve: Buffer.from('"SASL" {999999999}\r\n'),
    };
    const domain = await everyProtocol((protocol) => endless(begun[protocol] ?? Buffer.from('220-')));
    for (const message of await told(domain, '30s')) {
      assert.match(
        message,
        /it talks on and on instead of starting TLS|it does not speak the (PostgreSQL|MySQL) protocol/,
      );
    }
    assert.equal((await Promise.all(closed)).length, domain.length);
  });

  it('that talk rubbish and wait are named, and no byte of it reaches the terminal', async () => {
    const rubbish = Buffer.concat([
      Buffer.from('\u001b[2J\u202e'),
      Buffer.from(Array.from({ length: 256 }, (_, at) => at)),
    ]);
    const domain = await everyProtocol(() => servers.tcp((socket) => void socket.write(rubbish)));
    for (const message of await told(domain, '600ms')) {
      assert.match(message, /it does not speak|it did not answer in the \S+ dialogue within 600 ms/);
      assert.doesNotMatch(message, /[\p{Cc}\p{Cf}]/u);
    }
  });

  const odd: readonly { protocol: StartTls; turns: Turns; message: RegExp }[] = [
    {
      protocol: 'smtp',
      turns: ['554 go \u001b[2Jaway\r\n'],
      message: /turns the connection away and says “554 go \?\[2Jaway”/,
    },
    {
      protocol: 'smtp',
      turns: ['220-mail\r\n554-No service\r\n'],
      message: /turns the connection away and says “220-mail 554-No service”/,
    },
    {
      protocol: 'smtp',
      turns: ['220 x\r\n', 'EHLO localhost\r\n', '550 who?\r\n'],
      message: /refuses EHLO localhost and says “550 who\?”/,
    },
    {
      protocol: 'smtp',
      turns: [...willing.smtp.slice(0, 4), `454 ${'é'.repeat(3000)}\r\n`],
      message: /refuses STARTTLS and says “454 é{116}…”/,
    },
    {
      protocol: 'smtp',
      turns: ['SSH-2.0-OpenSSH_9.2\r\n'],
      message: /does not speak SMTP and says “SSH-2\.0-OpenSSH_9\.2”/,
    },
    { protocol: 'imap', turns: ['* BYE too many of you\r\n'], message: /away and says “\* BYE too many of you”/ },
    { protocol: 'imap', turns: ['220 mail\r\n'], message: /does not speak IMAP and says “220 mail”/ },
    {
      protocol: 'imap',
      turns: ['* OK\r\n', 'a1 STARTTLS\r\n', '* BYE now\r\n'],
      message: /refuses STARTTLS and says “\* BYE now”/,
    },
    {
      protocol: 'imap',
      turns: [''],
      message:
        /within 600 ms; see to it that it answers, or write 127\.0\.0\.1:\d+ without imap:\/\/ if it speaks TLS at once\./,
    },
    {
      protocol: 'imap',
      turns: ['* OK'],
      message: /did not answer in the imap dialogue within 600 ms, but for “\* OK”/,
    },
    { protocol: 'sieve', turns: ['BYE (TRYLATER) "busy"\r\n'], message: /away and says “BYE \(TRYLATER\) "busy"”/ },
    { protocol: 'xmpp-client', turns: ['HTTP/1.1 400 <b>\r\n'], message: /does not speak XMPP/ },
    {
      protocol: 'xmpp-client',
      turns: [
        ...willing['xmpp-client'].slice(0, 4),
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>",
      ],
      message: /refuses STARTTLS and says “<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'\/>”/,
    },
    {
      protocol: 'postgres',
      turns: ['HTTP/1.1 400 Bad Request\r\n'],
      message: /PostgreSQL protocol and says “HTTP\/1\.1 400 Bad Request”/,
    },
    {
      protocol: 'mysql',
      turns: ['220 mail ready\r\n'],
      message: /does not speak the MySQL protocol and says “220 mail ready”/,
    },
    { protocol: 'mysql', turns: [Buffer.from('0200000009ff', 'hex')], message: /does not speak the MySQL protocol;/ },
    { protocol: 'ldap', turns: ['0\u0003\u0002\u0001\u0001'], message: /does not speak LDAP/ },
    { protocol: 'ldap', turns: ['220 mail\r\n'], message: /does not speak LDAP and says “220 mail”/ },
  ];
  for (const { protocol, turns, message } of odd) {
    it(`that behave oddly are named: ${protocol}, ${message.source}`, async () => {
      const { port } = await servers.play(turns, () => undefined);
      const timeout = message.source.includes('within 600 ms') ? '600ms' : '1h';
      assert.match((await told([`${protocol}://127.0.0.1:${port}`], timeout))[0] ?? '', message);
    });
  }
});
