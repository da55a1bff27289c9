import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { check, Folder } from './harness.ts';
import { changed, fresh, type Kind, names, strength, whole } from './kinds.ts';
import { Openssl } from './openssl.ts';

/** A leaf with `NAME.key` beside it as `change` leaves it. */
function withKey(change: (openssl: Openssl, name: string) => string | Buffer, mode = 0o600) {
  return (openssl: Openssl): string => {
    const name = fresh();
    const path = openssl.write(`at-${name}.pem`, openssl.leaf(name) + openssl.read('intermediate.crt'));
    openssl.write(`at-${name}.key`, change(openssl, name), mode);
    return path;
  };
}

function binary(...args: readonly string[]) {
  return (_: string, openssl: Openssl, name: string): Buffer =>
    openssl.run(...args.map((each) => each.replaceAll('NAME', name)));
}

const keys: Readonly<Record<string, Kind>> = {
  'its key beside it': { make: withKey((openssl, name) => openssl.read(`${name}.key`)), status: 'ok', key: 'match' },
  'its key in the same file': {
    make: changed((pem, openssl, name) => openssl.read(`${name}.key`) + pem),
    status: 'ok',
    key: 'match',
  },
  'another key': {
    make: withKey((openssl) => openssl.read('root.key')),
    status: 'bad',
    reasons: ['key_mismatch'],
    key: 'mismatch',
  },
  'a key that everybody may read': {
    make: withKey((openssl, name) => openssl.read(`${name}.key`), 0o644),
    status: 'bad',
    reasons: ['key_world_readable'],
    key: 'match',
  },
  'an encrypted key and no password': {
    make: withKey(encryptedKey),
    status: 'ok',
    reasons: ['needs_password'],
    key: 'unknown',
  },
  'an encrypted key and its password': {
    make: withKey(encryptedKey),
    password: 'open sesame',
    status: 'ok',
    key: 'match',
  },
  'an encrypted key and another password': {
    make: withKey(encryptedKey),
    password: 'wrong',
    status: 'ok',
    reasons: ['needs_password'],
    key: 'unknown',
  },
};

function encryptedKey(openssl: Openssl, name: string): Buffer {
  return openssl.run('pkcs8', '-topk8', '-in', `${name}.key`, '-v2', 'aes-256-cbc', '-passout', 'pass:open sesame');
}

const pkcs12 = binary(
  ...['pkcs12', '-export', '-in', 'NAME.crt', '-inkey', 'NAME.key', '-certfile', 'intermediate.crt'],
  ...['-passout', 'pass:open sesame'],
);

const formats: Readonly<Record<string, Kind>> = {
  DER: {
    make: changed(binary('x509', '-in', 'NAME.crt', '-outform', 'DER'), '.der'),
    status: 'bad',
    reasons: ['chain_incomplete'],
  },
  'PKCS#12 and its password': { make: changed(pkcs12, '.p12'), password: 'open sesame', status: 'ok', key: 'match' },
  'PKCS#12 and no password': { make: changed(pkcs12, '.p12'), status: 'unreadable', reasons: ['needs_password'] },
  'PKCS#12 and another password': {
    make: changed(pkcs12, '.p12'),
    password: 'wrong',
    status: 'unreadable',
    reasons: ['needs_password'],
  },
  'PEM with CRLF': { make: changed((pem) => pem.replaceAll('\n', '\r\n')), status: 'ok' },
  'PEM with a byte order mark': { make: changed((pem) => `\u{FEFF}${pem}`), status: 'ok' },
  'PEM with text before it': {
    make: changed(
      (_pem, openssl, name) =>
        openssl.run('x509', '-in', `${name}.crt`, '-text').toString() + openssl.read('intermediate.crt'),
    ),
    status: 'ok',
  },
  'the trusted form of OpenSSL': {
    make: changed(
      (_pem, openssl, name) =>
        openssl.run('x509', '-in', `${name}.crt`, '-trustout').toString() + openssl.read('intermediate.crt'),
    ),
    status: 'ok',
  },
  'PKCS#7 as PEM': {
    make: changed(binary('crl2pkcs7', '-nocrl', '-certfile', 'NAME.crt')),
    status: 'unparsable',
    message: /no certificate but a PKCS7/,
  },
  'PKCS#7 as DER': {
    make: changed(binary('crl2pkcs7', '-nocrl', '-certfile', 'NAME.crt', '-outform', 'DER')),
    status: 'unparsable',
    message: /neither a certificate nor PKCS#12/,
  },
  'PEM in UTF-16': {
    make: changed((pem) => Buffer.from(pem, 'utf16le')),
    status: 'unparsable',
    message: /neither PEM nor DER/,
  },
  'PEM that is cut off': { make: changed((pem) => pem.slice(0, 300)), status: 'unparsable', message: /neither PEM/ },
  'DER that is cut off': {
    make: changed(
      (_pem, openssl, name) => openssl.run('x509', '-in', `${name}.crt`, '-outform', 'DER').subarray(0, 200),
      '.der',
    ),
    status: 'unparsable',
  },
  'a certificate with a changed byte': {
    make: changed((pem) => pem.replace(/\n.{10}/, '\n!!!!!!!!!!')),
    status: 'unparsable',
    message: /certificate 1 in it is damaged/,
  },
  'a key alone': {
    make: (openssl) => openssl.copy('root.key', 'alone.pem'),
    status: 'unparsable',
    message: /no certificate but a PRIVATE KEY/,
  },
  'a request': {
    make: changed((_pem, openssl, name) => openssl.read(`${name}.csr`)),
    status: 'unparsable',
    message: /CERTIFICATE REQUEST/,
  },
  'nothing at all': { make: (openssl) => openssl.write('empty.pem', ''), status: 'unparsable', message: /is empty/ },
  'random bytes': { make: (openssl) => openssl.write('random.der', openssl.run('rand', '500')), status: 'unparsable' },
};

const places: Readonly<Record<string, Kind>> = {
  'no file': { make: (openssl) => openssl.path('nowhere.pem'), status: 'unreadable', reasons: ['missing'] },
  'an empty folder': {
    make: (openssl) => {
      mkdirSync(openssl.path('folder'));
      return openssl.path('folder');
    },
    status: 'unreadable',
    reasons: ['missing'],
  },
  'a FIFO': {
    make: (openssl) => {
      execFileSync('mkfifo', [openssl.path('fifo.pem')]);
      return openssl.path('fifo.pem');
    },
    status: 'unreadable',
    message: /not a regular file/,
  },
  'a link to nowhere': {
    make: (openssl) => {
      symlinkSync('nowhere.pem', openssl.path('dangling.pem'));
      return openssl.path('dangling.pem');
    },
    status: 'unreadable',
    reasons: ['missing'],
  },
  'a link to itself': {
    make: (openssl) => {
      symlinkSync('loop.pem', openssl.path('loop.pem'));
      return openssl.path('loop.pem');
    },
    status: 'unreadable',
    message: /go in a circle/,
  },
};

describe('check-certificates, kinds of certificates made by openssl', () => {
  const folder = new Folder();
  let openssl: Openssl;
  let ca: string;

  before(async () => {
    await folder.create();
    openssl = new Openssl(folder.path());
    ca = openssl.write('authorities.txt', openssl.read('root.crt') + openssl.read('rsa-root.crt'));
  });
  after(() => folder.remove());

  for (const kinds of [whole, strength, names, keys, formats, places]) {
    for (const [title, { make, status, reasons = [], key, message, host, password }] of Object.entries(kinds)) {
      it(`${title}: ${[status, ...reasons].join(', ')}`, async () => {
        const path = make(openssl);
        const options = { path: [path], ca, ...(host === undefined ? {} : { host }) };
        const settings = password === undefined ? {} : { password };
        // openssl dates some of them by its own clock, which is a little later than the tests' own.
        const soon = new Date(Date.now() + 60_000);
        const { certificates, findings, outcome } = await check(options, settings, undefined, soon);
        const [found, ...more] = certificates;
        assert.equal(more.length, 0);
        assert.deepEqual([found?.status, found?.reasons], [status, reasons]);
        if (key !== undefined) assert.equal(found?.key, key);
        if (message !== undefined) assert.match(findings[0]?.message ?? '', message);
        const lost = status === 'unreadable' || status === 'unparsable';
        assert.equal(outcome, lost ? 'failed' : status === 'ok' ? 'unchanged' : 'warning');
        assert.equal(found?.source, path);
      });
    }
  }
});
