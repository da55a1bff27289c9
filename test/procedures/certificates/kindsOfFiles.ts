/** Keys beside certificates, formats and places of files, with what the check must say of each. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, truncateSync } from 'node:fs';
import { changed, fresh, type Kind } from './kinds.ts';
import type { Openssl } from './openssl.ts';

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

export const keys: Readonly<Record<string, Kind>> = {
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
  'an EC key in its old form, with its curve before it': {
    make: withKey(
      (openssl, name) =>
        openssl.run('ecparam', '-name', 'prime256v1').toString() + openssl.run('ec', '-in', `${name}.key`).toString(),
    ),
    status: 'ok',
    key: 'match',
  },
  'its key in the same file, which everybody may read': {
    make: (openssl) => {
      const path = changed((pem, _openssl, name) => openssl.read(`${name}.key`) + pem)(openssl);
      chmodSync(path, 0o644);
      return path;
    },
    status: 'bad',
    reasons: ['key_world_readable'],
    key: 'match',
  },
  'its encrypted key in the same file': {
    make: changed((pem, openssl, name) => pem + encryptedKey(openssl, name).toString()),
    status: 'ok',
    reasons: ['needs_password'],
    key: 'unknown',
  },
  'a key encrypted in the old way and its password': {
    make: withKey((openssl, name) =>
      openssl.run('ec', '-in', `${name}.key`, '-aes256', '-passout', 'pass:open sesame'),
    ),
    password: 'open sesame',
    status: 'ok',
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

const pkcs12Arguments = [
  ...['pkcs12', '-export', '-in', 'NAME.crt', '-inkey', 'NAME.key', '-certfile', 'intermediate.crt', '-passout'],
];
const pkcs12 = binary(...pkcs12Arguments, 'pass:open sesame');

const revoked = [
  'ca',
  '-gencrl',
  '-config',
  'openssl.cnf',
  '-cert',
  'root.crt',
  '-keyfile',
  'root.key',
  '-crldays',
  '9',
  '-md',
  'sha256',
];

export const formats: Readonly<Record<string, Kind>> = {
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
  'PKCS#12 in the old way (3DES, SHA-1)': {
    make: changed(
      binary(
        ...pkcs12Arguments,
        'pass:open sesame',
        '-keypbe',
        'PBE-SHA1-3DES',
        '-certpbe',
        'PBE-SHA1-3DES',
        '-macalg',
        'sha1',
      ),
      '.pfx',
    ),
    password: 'open sesame',
    status: 'ok',
    key: 'match',
  },
  'PKCS#12 with an empty password': {
    make: changed(binary(...pkcs12Arguments, 'pass:'), '.p12'),
    status: 'ok',
    key: 'match',
  },
  'PKCS#12 that is not encrypted': {
    make: changed(binary(...pkcs12Arguments, 'pass:', '-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac'), '.p12'),
    status: 'ok',
    key: 'match',
  },
  'PKCS#12 without a key': {
    make: changed(
      binary(
        'pkcs12',
        '-export',
        '-nokeys',
        '-in',
        'NAME.crt',
        '-certfile',
        'intermediate.crt',
        '-passout',
        'pass:open sesame',
      ),
      '.p12',
    ),
    password: 'open sesame',
    status: 'ok',
    key: 'unknown',
  },
  'PEM with rubbish behind it': { make: changed((pem) => `${pem}\0\u00ff rubbish -----BEGIN\n`), status: 'ok' },
  'DER with rubbish behind it': {
    make: changed(
      (_pem, openssl, name) =>
        Buffer.concat([openssl.run('x509', '-in', `${name}.crt`, '-outform', 'DER'), Buffer.from('rubbish')]),
      '.der',
    ),
    status: 'bad',
    reasons: ['chain_incomplete'],
  },
  'PEM that is indented': {
    make: changed((pem) => pem.replace(/^/gm, '    ')),
    status: 'unparsable',
    message: /certificate 1 in it is not read by OpenSSL/,
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
    message: /it is a PKCS#7 bundle, of which openssl pkcs7/,
  },
  'PEM in UTF-16': {
    make: changed((pem) => Buffer.from(pem, 'utf16le')),
    status: 'unparsable',
    message: /it is text in UTF-16, of which iconv/,
  },
  'PEM that is cut off': {
    make: changed((pem) => pem.slice(0, 300)),
    status: 'unparsable',
    message: /has no END line/,
  },
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
  'a request in DER': {
    make: changed(binary('req', '-in', 'NAME.csr', '-outform', 'DER'), '.der'),
    status: 'unparsable',
    message: /it is a request for a certificate \(DER\)/,
  },
  'a list of what was revoked': {
    make: changed(binary(...revoked), '.crl.pem'),
    status: 'unparsable',
    message: /no certificate but an X509 CRL, the list of what an authority revoked/,
  },
  'a list of what was revoked in DER': {
    make: (openssl) => {
      openssl.run(...revoked, '-out', 'revoked.crl');
      return openssl.write('revoked.der', openssl.run('crl', '-in', 'revoked.crl', '-outform', 'DER'));
    },
    status: 'unparsable',
    message: /it is a list of what an authority revoked \(CRL, DER\)/,
  },
  'a public key': {
    make: changed(binary('pkey', '-in', 'NAME.key', '-pubout')),
    status: 'unparsable',
    message: /no certificate but a PUBLIC KEY/,
  },
  'a public key in DER': {
    make: changed(binary('pkey', '-in', 'NAME.key', '-pubout', '-outform', 'DER'), '.der'),
    status: 'unparsable',
    message: /it is a public key \(DER\)/,
  },
  'a key in DER': {
    make: changed(binary('pkcs8', '-topk8', '-nocrypt', '-in', 'NAME.key', '-outform', 'DER'), '.der'),
    status: 'unparsable',
    message: /it is a private key \(DER\)/,
  },
  'an encrypted key alone': {
    make: changed((_pem, openssl, name) => encryptedKey(openssl, name)),
    status: 'unparsable',
    message: /no certificate but a PRIVATE KEY/,
  },
  'a Java key store': {
    // What keytool writes first: magic, version 2, one entry.
    make: (openssl) => openssl.write('store.pem', Buffer.from('feedfeed0000000200000001', 'hex')),
    status: 'unparsable',
    message: /it is a Java key store, of which keytool -importkeystore/,
  },
  'nothing at all': { make: (openssl) => openssl.write('empty.pem', ''), status: 'unparsable', message: /is empty/ },
  'random bytes': { make: (openssl) => openssl.write('random.der', openssl.run('rand', '500')), status: 'unparsable' },
};

export const places: Readonly<Record<string, Kind>> = {
  'no file': { make: (openssl) => openssl.path('nowhere.pem'), status: 'unreadable', reasons: ['missing'] },
  'an empty folder': {
    make: (openssl) => {
      mkdirSync(openssl.path('folder'));
      return openssl.path('folder');
    },
    status: 'unreadable',
    reasons: ['missing'],
  },
  'a file of a gigabyte': {
    make: (openssl) => {
      truncateSync(openssl.write('huge.pem', ''), 2 ** 30);
      return openssl.path('huge.pem');
    },
    status: 'unreadable',
    message: /larger than 10 MB/,
  },
  'a device': { make: () => '/dev/zero', status: 'unreadable', message: /not a regular file/ },
  'a folder of keys and requests alone': {
    make: (openssl) => {
      mkdirSync(openssl.path('keys'));
      openssl.copy('root.key', 'keys/root.pem');
      openssl.copy('shared.csr', 'keys/shared.pem');
      return openssl.path('keys');
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
