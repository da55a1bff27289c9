/**
 * Dialogues before TLS as real servers hold them on Debian 12: Exim 4.96, Dovecot 2.3.19 with Pigeonhole, INN 2.7.1, vsftpd
 * 3.0.3, ProFTPD 1.3.8, Prosody 0.12.3, OpenLDAP 2.5.13, MariaDB 10.11.19 and PostgreSQL 18, each without its certificate for
 * the refusals. integration/starttlsServers.test.ts asks the servers themselves.
 */
import type { StartTls } from '../../../agent/config/endpoints.ts';

/** What is said in turn, the server first (`''` = it waits); binary as `hex` does it. The client says exactly this. */
export type Turns = readonly (string | Buffer)[];

const hex = (text: string): Buffer => Buffer.from(text, 'hex');

const imapReady =
  '* OK [CAPABILITY IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE LITERAL+ STARTTLS AUTH=PLAIN] Dovecot (Debian) ready.\r\n';
const sieveReady = (...further: readonly string[]): string =>
  [
    '"IMPLEMENTATION" "Dovecot (Debian) Pigeonhole"',
    '"SIEVE" "fileinto reject envelope encoded-character vacation subaddress comparator-i;ascii-numeric relational regex"',
    ...['"NOTIFY" "mailto"', '"SASL" "PLAIN"', ...further, '"VERSION" "1.0"', 'OK "Dovecot (Debian) ready."', ''],
  ].join('\r\n');
const smtpHello = (...further: readonly string[]): string =>
  ['Hello localhost [127.0.0.1]', 'SIZE 52428800', '8BITMIME', 'PIPELINING', 'CHUNKING', ...further, 'SMTPUTF8']
    .map((word) => `250-${word}\r\n`)
    .join('') + '250 HELP\r\n';
const ldapRequest = hex('301d02010177188016312e332e362e312e342e312e313436362e3230303337');
const postgresRequest = hex('0000000804d2162f');
const mysqlGreeting = (capabilities: string): Buffer =>
  hex(
    '640000000a352e352e352d31302e31312e31392d4d6172696144422d302b64656231327531000400000064293b2f772d7837' +
      `00${capabilities}080200ff81150000000000001d000000494664446654552c783a582f006d7973716c5f6e61746976655f70617373776f726400`,
  );
const mysqlRequest = hex('20000001018a0000000000012d0000000000000000000000000000000000000000000000');
const xmppOpens = (kind: 'client' | 'server'): string =>
  `<?xml version='1.0'?><stream:stream xmlns='jabber:${kind}' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>`;
const xmppStream = (kind: 'client' | 'server'): string =>
  `<?xml version='1.0'?><stream:stream id='4730c5ba-8632-400e-ae2a-35eeaf347b06' from='localhost' version='1.0' xmlns='jabber:${kind}' xmlns:stream='http://etherx.jabber.org/streams' xml:lang='en'>`;
const xmppRequest = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const xmppRequired = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>";
const dialback = "<dialback xmlns='urn:xmpp:features:dialback'/>";
const proceed = "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/** TLS follows. */
export const willing: Readonly<Record<StartTls, Turns>> = {
  smtp: [
    '220 mail.example.test ESMTP Exim 4.96 Thu, 26 Nov 2026 02:38:11 +0000\r\n',
    'EHLO localhost\r\n',
    smtpHello('STARTTLS'),
    'STARTTLS\r\n',
    '220 TLS go ahead\r\n',
  ],
  lmtp: [
    '220 mail Dovecot (Debian) ready.\r\n',
    'LHLO localhost\r\n',
    '250-mail\r\n250-8BITMIME\r\n250-CHUNKING\r\n250-ENHANCEDSTATUSCODES\r\n250-PIPELINING\r\n250 STARTTLS\r\n',
    'STARTTLS\r\n',
    '220 2.0.0 Begin TLS negotiation now.\r\n',
  ],
  imap: [imapReady, 'a1 STARTTLS\r\n', 'a1 OK Begin TLS negotiation now.\r\n'],
  pop3: ['+OK Dovecot (Debian) ready.\r\n', 'STLS\r\n', '+OK Begin TLS negotiation now.\r\n'],
  sieve: [sieveReady('"STARTTLS"'), 'STARTTLS\r\n', 'OK "Begin TLS negotiation now."\r\n'],
  nntp: [
    '200 news.example.test InterNetNews NNRP server INN 2.7.1 ready (posting ok)\r\n',
    'STARTTLS\r\n',
    '382 Begin TLS negotiation now\r\n',
  ],
  ftp: ['220 (vsFTPd 3.0.3)\r\n', 'AUTH TLS\r\n', '234 Proceed with negotiation.\r\n'],
  ldap: ['', ldapRequest, hex('300c02010178070a010004000400')],
  'xmpp-client': [
    '',
    xmppOpens('client'),
    `${xmppStream('client')}<stream:features>${xmppRequired}</stream:features>`,
    xmppRequest,
    proceed,
  ],
  'xmpp-server': [
    '',
    xmppOpens('server'),
    `${xmppStream('server')}<stream:features>${xmppRequired}${dialback}</stream:features>`,
    xmppRequest,
    proceed,
  ],
  postgres: ['', postgresRequest, 'S'],
  mysql: [mysqlGreeting('feff'), mysqlRequest, ''],
};

/** What is told of those that have TLS switched off, or do not know the name. */
export const unwilling: readonly { readonly protocol: StartTls; readonly turns: Turns; readonly told: RegExp }[] = [
  {
    protocol: 'smtp',
    turns: ['220 mail.example.test ESMTP Exim 4.96\r\n', 'EHLO localhost\r\n', smtpHello()],
    told: /it offers no STARTTLS; enable STARTTLS there/,
  },
  {
    protocol: 'lmtp',
    turns: ['220 mail Dovecot (Debian) ready.\r\n', 'LHLO localhost\r\n', '250-mail\r\n250 PIPELINING\r\n'],
    told: /it offers no STARTTLS/,
  },
  {
    protocol: 'imap',
    turns: [imapReady, 'a1 STARTTLS\r\n', "a1 BAD TLS support isn't enabled.\r\n"],
    told: /it refuses STARTTLS and says “a1 BAD TLS support isn't enabled\.”/,
  },
  {
    protocol: 'pop3',
    turns: ['+OK Dovecot (Debian) ready.\r\n', 'STLS\r\n', "-ERR TLS support isn't enabled.\r\n"],
    told: /it refuses STLS and says “-ERR TLS support isn't enabled\.”/,
  },
  { protocol: 'sieve', turns: [sieveReady()], told: /it offers no STARTTLS/ },
  {
    protocol: 'nntp',
    turns: ['200 INN 2.7.1 ready (posting ok)\r\n', 'STARTTLS\r\n', '580 Error initializing TLS\r\n'],
    told: /it refuses STARTTLS and says “580 Error initializing TLS”/,
  },
  {
    protocol: 'nntp',
    turns: ['400 NNTP server unavailable.  Try later!\r\n'],
    told: /it turns the connection away and says “400 NNTP server unavailable\. Try later!”/,
  },
  {
    protocol: 'ftp',
    turns: ['220 (vsFTPd 3.0.3)\r\n', 'AUTH TLS\r\n', '530 Please login with USER and PASS.\r\n'],
    told: /it refuses AUTH TLS and says “530 Please login with USER and PASS\.”/,
  },
  {
    protocol: 'ftp',
    turns: ['220 ProFTPD Server (ProFTPD) [127.0.0.1]\r\n', 'AUTH TLS\r\n', '500 AUTH not understood\r\n'],
    told: /it refuses AUTH TLS and says “500 AUTH not understood”/,
  },
  {
    protocol: 'ldap',
    turns: [
      '',
      ldapRequest,
      hex('302a02010178250a01020400041e756e737570706f7274656420657874656e646564206f7065726174696f6e'),
    ],
    told: /it refuses StartTLS \(result code 2\) and says “unsupported extended operation”/,
  },
  {
    protocol: 'xmpp-client',
    turns: [
      '',
      xmppOpens('client'),
      `${xmppStream('client')}<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>This server does not serve localhost</text></stream:error></stream:stream>`,
    ],
    told: /it serves no XMPP domain of that name and says “host-unknown This server does not serve localhost”; name the domain by --host\./,
  },
  {
    protocol: 'xmpp-client',
    turns: [
      '',
      xmppOpens('client'),
      `${xmppStream('client')}<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/><text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>No stream features to proceed with</text></stream:error></stream:stream>`,
    ],
    told: /it turns the connection away and says “undefined-condition No stream features to proceed with”/,
  },
  {
    protocol: 'xmpp-server',
    turns: ['', xmppOpens('server'), `${xmppStream('server')}<stream:features>${dialback}</stream:features>`],
    told: /it offers no STARTTLS/,
  },
  { protocol: 'postgres', turns: ['', postgresRequest, 'N'], told: /TLS switched off \(ssl = off\); enable TLS there/ },
  { protocol: 'mysql', turns: [mysqlGreeting('fef7')], told: /TLS switched off \(have_ssl\); enable TLS there/ },
  {
    protocol: 'mysql',
    turns: [
      Buffer.concat([
        hex('6a000000ff6904'),
        Buffer.from(
          "Host '127.0.0.3' is blocked because of many connection errors; unblock with 'mariadb-admin flush-hosts'",
        ),
      ]),
    ],
    told: /it turns the connection away and says “Host '127\.0\.0\.3' is blocked because of many connection errors; unblock with 'mariadb-admin flush-hosts'”/,
  },
];
