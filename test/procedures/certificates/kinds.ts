/** Certificates good and bad, with what the check must say of each: chains, strength and names. Keys, formats and places are in the test. */
import type { Certificate } from '../../../agent/protocol/nouns.ts';
import type { Openssl } from './openssl.ts';

export interface Kind {
  /** Makes it, and gives its path. */
  readonly make: (openssl: Openssl) => string;
  readonly status: Certificate['status'];
  readonly reasons?: Certificate['reasons'];
  readonly key?: Certificate['key'];
  readonly message?: RegExp;
  readonly host?: string;
  readonly password?: string;
}

let number = 0;
/** A fresh name for the files of one kind. */
export function fresh(): string {
  return `kind${(number += 1)}`;
}

/** A leaf with its intermediate behind it. */
function chained(...options: Parameters<Openssl['leaf']> extends [string, ...infer Rest] ? Rest : never) {
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
      const options = {
        subject: 'Ending',
        names: null,
        by: 'root',
        extensions: 'authority',
        from: -700,
        to: 40,
      } as const;
      const intermediate = openssl.leaf(above, options);
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: above, to: 300 }) + intermediate);
    },
    status: 'expiring',
    message: /CN=Ending of the chain .* expires on/,
  },
  'an intermediate that has expired': {
    make: (openssl) => {
      const [name, above] = [fresh(), fresh()];
      const intermediate = openssl.leaf(above, {
        subject: 'Gone',
        names: null,
        by: 'root',
        extensions: 'authority',
        from: -90,
        to: -1,
      });
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
        chain =
          openssl.leaf(above, { subject: `Level ${level}`, names: null, by, extensions: 'authority', to: 2000 }) +
          chain;
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
  },
  'the intermediate twice': { make: changed((pem, openssl) => pem + openssl.read('intermediate.crt')), status: 'ok' },
  'a stranger behind the chain': { make: changed((pem, openssl) => pem + openssl.read('rsa-root.crt')), status: 'ok' },
  'a stranger instead of the intermediate': {
    make: changed((_pem, openssl, name) => openssl.read(`${name}.crt`) + openssl.read('rsa-root.crt')),
    status: 'bad',
    reasons: ['chain_incomplete'],
  },
  'an authority that may issue for these names only': {
    make: (openssl) => {
      const [name, above] = [fresh(), fresh()];
      const intermediate = openssl.leaf(above, {
        subject: 'Constrained',
        names: null,
        by: 'root',
        extensions: 'constrained',
        to: 2000,
      });
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: above }) + intermediate);
    },
    status: 'ok',
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
  },
  'a subject in UTF-8': { make: chained({ subject: 'Bücherei Zürich' }), status: 'ok' },
  'two hundred names': {
    make: chained({ names: Array.from({ length: 200 }, (_, index) => `DNS:host${index}.example.test`).join(',') }),
    host: 'host199.example.test',
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
