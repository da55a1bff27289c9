/** Certificates good and bad, with what the check must say of each: chains, strength and names. What chains must not break is in kindsOfChains.ts; keys, formats and places are in the test. */
import type { Certificate, ChainFault } from '../../../agent/protocol/nouns.ts';
import type { Openssl } from './openssl.ts';

export interface Kind {
  /** Makes it, and gives its path. */
  readonly make: (openssl: Openssl) => string;
  readonly status: Certificate['status'];
  readonly reasons?: Certificate['reasons'];
  readonly faults?: readonly ChainFault[];
  readonly key?: Certificate['key'];
  readonly message?: RegExp;
  readonly host?: string;
  readonly password?: string;
  /** Whose certificates are trusted; by default the two roots. */
  readonly trusted?: readonly string[];
  /** What `openssl verify` says of it where that is something else than what its status and reasons stand for. */
  readonly openssl?: RegExp;
}

let number = 0;
/** A fresh name for the files of one kind. */
export function fresh(): string {
  return `kind${(number += 1)}`;
}

/** A leaf with its intermediate behind it. */
export function chained(...options: Parameters<Openssl['leaf']> extends [string, ...infer Rest] ? Rest : never) {
  return (openssl: Openssl): string => {
    const name = fresh();
    return openssl.write(`${name}.pem`, openssl.leaf(name, ...options) + openssl.read('intermediate.crt'));
  };
}

/** A leaf with its intermediate, and what `change` makes of that text. */
export function changed(change: (pem: string, openssl: Openssl, name: string) => string | Buffer, ending = '.pem') {
  return (openssl: Openssl): string => {
    const name = fresh();
    const pem = openssl.leaf(name) + openssl.read('intermediate.crt');
    // The key would be found beside it: only kinds that are about it have it there.
    return openssl.write(`at-${name}${ending}`, change(pem, openssl, name));
  };
}

export const whole: Readonly<Record<string, Kind>> = {
  'a sound chain': { make: chained(), status: 'ok' },
  'a chain with its root': { make: changed((pem, openssl) => pem + openssl.read('root.crt')), status: 'ok' },
  'a third of the lifetime left': {
    make: chained({ from: -61, to: 29 }),
    status: 'expiring',
    message: /expires on .*renew it/,
  },
  'a sixth of the lifetime left': { make: chained({ from: -76, to: 14 }), status: 'expiring' },
  'six days, three left': { make: chained({ from: -3, to: 3 }), status: 'ok' },
  'one that has expired': { make: chained({ from: -90, to: -2 }), status: 'expired', message: /renew it now/ },
  'one that is valid tomorrow': { make: chained({ from: 1, to: 90 }), status: 'not_yet_valid' },
  'one that ends in 2055 (GeneralizedTime)': { make: chained({ end: '20550101000000Z' }), status: 'ok' },
  'one that never ends (RFC 5280, 4.1.2.5)': { make: chained({ end: '99991231235959Z' }), status: 'ok' },
  'an intermediate that ends long before its leaf, and far from now': {
    make: chained({ end: '20450101000000Z' }),
    status: 'ok',
  },
  'an intermediate that ends soon': {
    make: (openssl) => {
      const [name, above] = [fresh(), fresh()];
      const intermediate = openssl.authority(above, { subject: 'Ending', by: 'root', from: -700, to: 40 });
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: above, to: 300 }) + intermediate);
    },
    status: 'expiring',
    message: /CN=Ending of the chain .* expires on/,
  },
  'an intermediate that has expired': {
    make: (openssl) => {
      const [name, above] = [fresh(), fresh()];
      const intermediate = openssl.authority(above, { subject: 'Gone', by: 'root', from: -90, to: -1 });
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: above }) + intermediate);
    },
    status: 'expired',
    message: /CN=Gone of the chain/,
  },
  'five intermediates': {
    make: (openssl) => {
      let [by, chain] = ['root', ''];
      for (let level = 0; level < 5; level += 1) {
        const above = fresh();
        chain = openssl.authority(above, { subject: `Level ${level}`, by }) + chain;
        by = above;
      }
      const name = fresh();
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by }) + chain);
    },
    status: 'ok',
  },
  'no intermediate': {
    make: changed((_pem, openssl, name) => openssl.read(`${name}.crt`)),
    status: 'bad',
    reasons: ['chain_incomplete'],
  },
  'the intermediate first': {
    make: changed((_pem, openssl, name) => openssl.read('intermediate.crt') + openssl.read(`${name}.crt`)),
    status: 'bad',
    reasons: ['wrong_order'],
    // A file has its order for servers, which send it so; who verifies it does not mind.
    openssl: /^OK$/,
  },
  'the leaf twice': {
    make: changed((pem, openssl, name) => openssl.read(`${name}.crt`) + pem),
    status: 'bad',
    reasons: ['wrong_order'],
    openssl: /^OK$/,
  },
  'the intermediate twice': { make: changed((pem, openssl) => pem + openssl.read('intermediate.crt')), status: 'ok' },
  'a stranger behind the chain': { make: changed((pem, openssl) => pem + openssl.read('rsa-root.crt')), status: 'ok' },
  'a stranger instead of the intermediate': {
    make: changed((_pem, openssl, name) => openssl.read(`${name}.crt`) + openssl.read('rsa-root.crt')),
    status: 'bad',
    reasons: ['chain_incomplete'],
  },
  'a self-signed server': {
    make: (openssl) => {
      const name = fresh();
      openssl.key(name);
      openssl.run(
        ...['req', '-x509', '-key', `${name}.key`, '-subj', '/CN=a.example.test', '-days', '90', '-out', `${name}.pem`],
        ...['-addext', 'subjectAltName=DNS:a.example.test'],
      );
      return openssl.path(`${name}.pem`);
    },
    status: 'bad',
    reasons: ['self_signed'],
  },
  'authorities alone': { make: (openssl) => openssl.path('root.crt'), status: 'ok' },
};

export const strength: Readonly<Record<string, Kind>> = {
  'RSA with 2048 bits': { make: chained({ key: 'rsa2048' }), status: 'ok' },
  'RSA with 2047 bits': {
    make: chained({ key: 'rsa2047' }),
    status: 'bad',
    reasons: ['weak_key'],
    message: /RSA with 2047 bits/,
    // It rounds up to the strength of 2048; authorities issue nothing below that (CA/Browser Forum, 6.1.5).
    openssl: /^OK$/,
  },
  'an RSA key for RSASSA-PSS alone': { make: chained({ key: 'rsaPss' }), status: 'ok' },
  'RSA with 1024 bits': {
    make: chained({ key: 'rsa1024' }),
    status: 'bad',
    reasons: ['weak_key'],
    message: /RSA with 1024 bits/,
  },
  'DSA with 1024 bits': {
    make: chained({ key: 'dsa1024' }),
    status: 'bad',
    reasons: ['weak_key'],
    message: /DSA with 1024 bits/,
  },
  'P-192': { make: chained({ key: 'P-192' }), status: 'bad', reasons: ['weak_key'] },
  'P-224': { make: chained({ key: 'P-224' }), status: 'ok' },
  secp256k1: { make: chained({ key: 'secp256k1' }), status: 'ok' },
  brainpoolP256r1: { make: chained({ key: 'brainpool' }), status: 'ok' },
  'P-384': { make: chained({ key: 'P-384' }), status: 'ok' },
  'P-521': { make: chained({ key: 'P-521' }), status: 'ok' },
  Ed25519: { make: chained({ key: 'ed25519' }), status: 'ok' },
  Ed448: { make: chained({ key: 'ed448' }), status: 'ok' },
  'a signature with SHA-1': {
    make: chained({ signature: ['-md', 'sha1'] }),
    status: 'bad',
    reasons: ['weak_signature'],
    message: /SHA-1/,
  },
  'a signature with MD5': {
    make: (openssl) => {
      const name = fresh();
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: 'rsa-root', signature: ['-md', 'md5'] }));
    },
    status: 'bad',
    reasons: ['weak_signature'],
    message: /MD5/,
  },
  'a signature by RSASSA-PSS': {
    make: (openssl) => {
      const name = fresh();
      const signature = ['-md', 'sha256', '-sigopt', 'rsa_padding_mode:pss'];
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: 'rsa-root', signature }));
    },
    status: 'ok',
  },
  'a signature by RSASSA-PSS with SHA-1': {
    make: (openssl) => {
      const name = fresh();
      const signature = ['-md', 'sha1', '-sigopt', 'rsa_padding_mode:pss'];
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: 'rsa-root', signature }));
    },
    status: 'bad',
    reasons: ['weak_signature'],
    message: /SHA-1/,
  },
  'an intermediate signed with SHA-1': {
    make: (openssl) => {
      const [name, above] = [fresh(), fresh()];
      openssl.authority(above, { by: 'rsa-root', signature: ['-md', 'sha1'] });
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: above }) + openssl.read(`${above}.crt`));
    },
    status: 'bad',
    reasons: ['weak_signature'],
    message: /CN=Authority \w+ of the chain .* signed with SHA-1/,
  },
  'a root signed with SHA-1, which nobody checks': {
    make: (openssl) => {
      openssl.authority('sha1-root', { keyOf: 'rsa-root', signature: ['-md', 'sha1'] });
      const name = fresh();
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: 'sha1-root' }) + openssl.read('sha1-root.crt'));
    },
    trusted: ['sha1-root'],
    status: 'ok',
  },
  'a root with RSA and 1024 bits': {
    make: (openssl) => {
      openssl.authority('small-root', { key: 'rsa1024' });
      const name = fresh();
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: 'small-root' }));
    },
    trusted: ['small-root'],
    status: 'bad',
    reasons: ['weak_key'],
    message: /authority CN=Authority small-root, to which the chain .* leads, has a weak key/,
  },
};

export const names: Readonly<Record<string, Kind>> = {
  'a wildcard that covers the host': {
    make: chained({ names: 'DNS:*.example.test' }),
    host: 'b.example.test',
    status: 'ok',
  },
  'a wildcard one level too high': {
    make: chained({ names: 'DNS:*.example.test' }),
    host: 'c.b.example.test',
    status: 'bad',
    reasons: ['host_mismatch'],
  },
  'a wildcard for what stands above it': {
    make: chained({ names: 'DNS:*.example.test' }),
    host: 'example.test',
    status: 'bad',
    reasons: ['host_mismatch'],
  },
  'a wildcard of a part of a label': {
    make: chained({ names: 'DNS:f*.example.test' }),
    host: 'foo.example.test',
    status: 'bad',
    reasons: ['host_mismatch'],
    // Browsers refuse it (RFC 9525, 6.3), openssl(1) does not by itself.
    openssl: /^OK$/,
  },
  'a wildcard for everything': {
    make: chained({ names: 'DNS:*' }),
    host: 'localhost',
    status: 'bad',
    reasons: ['host_mismatch'],
  },
  'a name in capitals': { make: chained({ names: 'DNS:A.Example.TEST' }), host: 'a.example.test', status: 'ok' },
  'an address as if it were a name': {
    make: chained({ names: 'DNS:10.1.2.3' }),
    host: '10.1.2.3',
    status: 'bad',
    reasons: ['host_mismatch'],
  },
  'nothing but an e-mail address': {
    make: chained({ names: 'email:ops@example.test' }),
    host: 'example.test',
    status: 'bad',
    reasons: ['host_mismatch'],
  },
  'another host': { make: chained(), host: 'b.example.test', status: 'bad', reasons: ['host_mismatch'] },
  'an address': { make: chained({ names: 'IP:10.1.2.3,IP:2001:db8::1' }), host: '2001:db8::1', status: 'ok' },
  'another address': {
    make: chained({ names: 'IP:10.1.2.3' }),
    host: '10.1.2.4',
    status: 'bad',
    reasons: ['host_mismatch'],
  },
  'an international name': {
    make: chained({ names: 'DNS:xn--bcher-kva.example' }),
    host: 'bücher.example',
    status: 'ok',
  },
  'no alternative name': {
    make: chained({ names: null }),
    host: 'a.example.test',
    status: 'bad',
    reasons: ['host_mismatch'],
    message: /browsers ignore the common name/,
    // openssl(1) still takes the common name where there is no other.
    openssl: /^OK$/,
  },
  'a subject in UTF-8': { make: chained({ subject: 'Bücherei Zürich' }), status: 'ok' },
  'two hundred names': {
    make: chained({ names: Array.from({ length: 200 }, (_, index) => `DNS:host${index}.example.test`).join(',') }),
    host: 'host199.example.test',
    status: 'ok',
  },
  'a serial number of twenty octets': {
    make: (openssl) => {
      openssl.write('serial', `7${'F'.repeat(39)}\n`);
      const path = chained()(openssl);
      openssl.write('serial', 'ABCD00\n');
      return path;
    },
    status: 'ok',
  },
  'a negative serial number': {
    make: (openssl) => {
      const name = fresh();
      openssl.leaf(name);
      openssl.run(
        ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'root.crt', '-CAkey', 'root.key', '-set_serial', '-5'],
        ...['-days', '90', '-copy_extensions', 'copy', '-out', `${name}.pem`],
      );
      return openssl.path(`${name}.pem`);
    },
    status: 'ok',
  },
};
