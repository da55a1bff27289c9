/** Chains that break a rule of RFC 5280, 6, and chains that could go several ways, with what the check must say of each. */
import { chained, fresh, type Kind } from './kinds.ts';
import type { LeafOptions, Openssl } from './openssl.ts';

/** A leaf of an authority with `limits`, which the root has certified. */
function under(limits: readonly string[], leaf: LeafOptions = {}) {
  return (openssl: Openssl): string => {
    const [name, above] = [fresh(), fresh()];
    const authority = openssl.authority(above, { by: 'root', limits });
    return openssl.write(`${name}.pem`, openssl.leaf(name, { ...leaf, by: above }) + authority);
  };
}

/** A leaf of something with these extensions, which the root has certified. */
function issuedBy(extensions: readonly string[], leaf: LeafOptions = {}) {
  return (openssl: Openssl): string => {
    const [name, above] = [fresh(), fresh()];
    const issuer = openssl.authority(above, { by: 'root', extensions: [...extensions, 'subjectKeyIdentifier = hash'] });
    return openssl.write(`${name}.pem`, openssl.leaf(name, { ...leaf, by: above }) + issuer);
  };
}

/** A leaf two authorities below one with `limits`. */
function farUnder(limits: readonly string[], leaf: LeafOptions = {}) {
  return (openssl: Openssl): string => {
    const [name, below, above] = [fresh(), fresh(), fresh()];
    const top = openssl.authority(above, { by: 'root', limits });
    const middle = openssl.authority(below, { by: above });
    return openssl.write(`${name}.pem`, openssl.leaf(name, { ...leaf, by: below }) + middle + top);
  };
}

const server = ['basicConstraints = CA:FALSE', 'authorityKeyIdentifier = keyid'];
const bad: Pick<Kind, 'status' | 'reasons'> = { status: 'bad', reasons: ['chain_incomplete'] };
const forbidden: Pick<Kind, 'status' | 'reasons' | 'faults'> = { ...bad, faults: ['name_constraints'] };
const organisation = ['nameConstraints = critical, permitted;dirName:upkeep', '[upkeep]', 'organizationName = Upkeep'];

export const constrained: Readonly<Record<string, Kind>> = {
  'a name that its authority may certify': {
    make: under(['nameConstraints = critical, permitted;DNS:example.test'], {
      names: 'DNS:example.test,DNS:*.example.test',
    }),
    status: 'ok',
  },
  'a name outside of what its authority may certify': {
    make: under(['nameConstraints = critical, permitted;DNS:example.test'], {
      names: 'DNS:a.example.test,DNS:www.bank.test',
    }),
    ...forbidden,
    message:
      /CN=Authority \w+ of the chain in .* may not certify www\.bank\.test, only example\.test \(name constraints\), so clients refuse/,
  },
  'a name that ends like what its authority may certify': {
    make: under(['nameConstraints = critical, permitted;DNS:example.test'], { names: 'DNS:badexample.test' }),
    ...forbidden,
  },
  'a name within what its authority may not certify': {
    make: under(['nameConstraints = critical, excluded;DNS:bank.test'], { names: 'DNS:www.bank.test' }),
    ...forbidden,
    message: /may not certify www\.bank\.test \(name constraints\)/,
  },
  'a name beside what its authority may not certify': {
    make: under(['nameConstraints = critical, excluded;DNS:bank.test'], { names: 'DNS:bank.test.example' }),
    status: 'ok',
  },
  'a name outside of what an authority further up may certify': {
    make: farUnder(['nameConstraints = critical, permitted;DNS:example.test'], { names: 'DNS:www.bank.test' }),
    ...forbidden,
  },
  'a name where its authority may certify addresses alone of all addresses': {
    make: under(['nameConstraints = critical, permitted;IP:10.0.0.0/255.0.0.0']),
    status: 'ok',
  },
  'an address that its authority may certify': {
    make: under(['nameConstraints = critical, permitted;IP:10.0.0.0/255.0.0.0'], { names: 'IP:10.1.2.3' }),
    status: 'ok',
  },
  'an address outside of what its authority may certify': {
    make: under(['nameConstraints = critical, permitted;IP:10.0.0.0/255.0.0.0'], { names: 'IP:192.168.1.1' }),
    ...forbidden,
    message: /may not certify 192\.168\.1\.1, only 10\.0\.0\.0\/255\.0\.0\.0/,
  },
  'an IPv6 address within what its authority may not certify': {
    make: under(['nameConstraints = critical, excluded;IP:2001:db8::/ffff:ffff::'], { names: 'IP:2001:db8::1' }),
    ...forbidden,
  },
  'an organisation that its authority may certify, in other letters': {
    make: under(organisation, { subject: '/O=UPKEEP/CN=a.example.test' }),
    status: 'ok',
  },
  'no organisation where its authority may certify one alone': {
    make: under(organisation),
    ...forbidden,
    message: /may not certify a\.example\.test, only Upkeep/,
  },
  'an e-mail address of another host': {
    make: under(['nameConstraints = critical, permitted;email:example.test'], { names: 'email:ops@bank.test' }),
    ...forbidden,
  },
  'an e-mail address of the host that its authority may certify': {
    make: under(['nameConstraints = critical, permitted;email:example.test'], { names: 'email:ops@Example.test' }),
    status: 'ok',
  },
  'a URI within what its authority may not certify': {
    make: under(['nameConstraints = critical, excluded;URI:.bank.test'], { names: 'URI:https://www.bank.test/x' }),
    ...forbidden,
  },
};

export const rules: Readonly<Record<string, Kind>> = {
  'as many authorities as one above allows': {
    make: farUnder(['basicConstraints = critical, CA:TRUE, pathlen:1']),
    status: 'ok',
  },
  'more authorities than one above allows': {
    make: farUnder(['basicConstraints = critical, CA:TRUE, pathlen:0']),
    ...bad,
    faults: ['path_length'],
    message: /allows no further authorities below it/,
  },
  'a server as issuer': {
    make: issuedBy(['basicConstraints = critical, CA:FALSE', 'keyUsage = critical, digitalSignature']),
    ...bad,
    faults: ['not_an_authority'],
    message: /is not that of an authority \(basic constraints\)/,
  },
  'a server as issuer whose key may do everything': {
    make: issuedBy(['basicConstraints = CA:FALSE']),
    ...bad,
    faults: ['not_an_authority'],
  },
  'an issuer that does not say that it is an authority': { make: issuedBy([]), ...bad, faults: ['not_an_authority'] },
  'an authority whose key may not sign certificates': {
    make: issuedBy(['basicConstraints = critical, CA:TRUE', 'keyUsage = critical, cRLSign']),
    ...bad,
    faults: ['key_usage'],
    message: /may not sign certificates \(key usage\)/,
  },
  'a client where a server is asked for': {
    make: chained({ extensions: [...server, 'extendedKeyUsage = clientAuth'] }),
    host: 'a.example.test',
    ...bad,
    faults: ['purpose'],
    message: /is for clients alone \(extended key usage\) and so not for a server/,
  },
  'a client where nobody asks for a server': {
    make: chained({ extensions: [...server, 'extendedKeyUsage = clientAuth'] }),
    status: 'ok',
  },
  'a server and client': {
    make: chained({ extensions: [...server, 'extendedKeyUsage = serverAuth, clientAuth'] }),
    host: 'a.example.test',
    status: 'ok',
  },
  'no purpose at all, so every one': { make: chained({ extensions: server }), host: 'a.example.test', status: 'ok' },
  'a key that may only sign certificates where a server is asked for': {
    make: chained({ extensions: [...server, 'keyUsage = critical, keyCertSign'] }),
    host: 'a.example.test',
    ...bad,
    faults: ['key_usage'],
  },
  'an authority for clients': {
    make: under(['extendedKeyUsage = clientAuth']),
    host: 'a.example.test',
    ...bad,
    faults: ['purpose'],
    message: /may certify for clients alone/,
  },
  'a critical extension that nobody knows': {
    make: chained({ extensions: [...server, '1.2.3.4 = critical, ASN1:NULL'] }),
    ...bad,
    faults: ['critical_extension'],
    message: /critical extension that clients do not know \(1\.2\.3\.4\)/,
  },
  'a critical extension of its authority that nobody knows': {
    make: under(['1.2.3.4 = critical, ASN1:NULL']),
    ...bad,
    faults: ['critical_extension'],
  },
  'an extension that nobody needs to know': {
    make: chained({ extensions: [...server, '1.2.3.4 = ASN1:NULL'] }),
    status: 'ok',
  },
  'OCSP that must be stapled': {
    make: chained({ extensions: [...server, 'tlsfeature = status_request'] }),
    host: 'a.example.test',
    status: 'ok',
  },
};

/** One authority that two roots have certified; the older root has ended or is nobody's. */
function crossed(openssl: Openssl): {
  readonly leaf: string;
  readonly gone: string;
  readonly alien: string;
  readonly good: string;
} {
  const [name, one] = [fresh(), fresh()];
  const subject = `Crossed ${one}`;
  openssl.authority(`${one}-old`, { from: -900, to: -5 });
  openssl.authority(`${one}-alien`);
  const good = openssl.authority(one, { subject, by: 'root' });
  const again = { subject, keyOf: one } as const;
  const gone = openssl.authority(`${one}-gone`, { ...again, by: `${one}-old`, from: -800, to: -5 });
  const alien = openssl.authority(`${one}-strange`, { ...again, by: `${one}-alien` });
  return { leaf: openssl.leaf(name, { by: one }), gone, alien, good };
}

function sent(order: (way: ReturnType<typeof crossed>, openssl: Openssl) => readonly string[]) {
  return (openssl: Openssl): string => openssl.write(`${fresh()}.pem`, order(crossed(openssl), openssl).join(''));
}

export const ways: Readonly<Record<string, Kind>> = {
  'an authority certified twice, first by one that has ended': {
    make: sent(({ leaf, gone, good }) => [leaf, gone, good]),
    status: 'ok',
  },
  'an authority certified twice, first by a stranger': {
    make: sent(({ leaf, alien, good }) => [leaf, alien, good]),
    status: 'bad',
    reasons: ['wrong_order'],
    // It takes the first and does not come back, as many clients do: so the order matters here.
    openssl: /unable to get (local )?issuer certificate/,
  },
  'an authority certified twice, last by a stranger': {
    make: sent(({ leaf, alien, good }) => [leaf, good, alien]),
    status: 'ok',
  },
  'an authority certified twice, last by one that has ended': {
    make: sent(({ leaf, gone, good }) => [leaf, good, gone]),
    status: 'ok',
  },
  'an authority certified by a stranger alone': { make: sent(({ leaf, alien }) => [leaf, alien]), ...bad },
  'a known root that an older one has certified too, as the last one sent': {
    make: (openssl) => {
      const [name, old, crossing] = [fresh(), fresh(), fresh()];
      openssl.authority(old, { from: -900, to: -5 });
      const again = openssl.authority(crossing, { subject: 'Test Root', keyOf: 'root', by: old, from: -800, to: -5 });
      const chain = openssl.leaf(name) + openssl.read('intermediate.crt') + again;
      return openssl.write(`${name}.pem`, chain);
    },
    status: 'ok',
  },
  'a root that has ended': {
    make: (openssl) => {
      openssl.authority('ended-root', { from: -900, to: -5 });
      const name = fresh();
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: 'ended-root' }));
    },
    trusted: ['ended-root'],
    status: 'expired',
    message:
      /The certificate of the authority CN=Authority ended-root, to which the chain in .* leads, expired on .* put the current one/,
  },
  'an intermediate that ends soon, but after its leaf': {
    make: (openssl) => {
      const [name, above] = [fresh(), fresh()];
      const authority = openssl.authority(above, { by: 'root', from: -700, to: 85 });
      return openssl.write(`${name}.pem`, openssl.leaf(name, { by: above }) + authority);
    },
    status: 'ok',
  },
  'a root of which nobody knows, behind the chain': {
    make: (openssl) => {
      openssl.authority('unknown-root');
      const name = fresh();
      return openssl.write(
        `${name}.pem`,
        openssl.leaf(name, { by: 'unknown-root' }) + openssl.read('unknown-root.crt'),
      );
    },
    status: 'bad',
    reasons: ['self_signed'],
  },
};
