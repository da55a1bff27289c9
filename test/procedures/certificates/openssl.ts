/** Certificates as openssl makes them: an authority of the test with a root and an intermediate, and whatever it is asked for. */
import { generateKeyPairSync } from 'node:crypto';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { domainToASCII } from 'node:url';

export type OpensslKey = keyof typeof keyArguments;

export interface LeafOptions {
  /** `DNS:a.example.test,IP:127.0.0.1`; null = no alternative names. */
  readonly names?: string | null;
  /** Common name, or `/O=Upkeep/CN=a.example.test`. */
  readonly subject?: string;
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
  /** Instead of `to`: as `openssl ca -enddate` takes it. */
  readonly end?: string;
  readonly key?: OpensslKey;
  /** Name of the one whose key it has; by default one that servers share, and one that authorities share. */
  readonly keyOf?: string;
  /** Arguments that choose digest and padding of the signature. */
  readonly signature?: readonly string[];
  /** By default the intermediate; its own name = self-signed. */
  readonly by?: string;
  /** Lines of extensions; by default those of a server. */
  readonly extensions?: readonly string[];
}

const curve = (name: string): readonly string[] => ['-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${name}`];
const rsa = (bits: number, algorithm = 'RSA'): readonly string[] => [
  ...['-algorithm', algorithm, '-pkeyopt', `rsa_keygen_bits:${bits}`],
];
const keyArguments = {
  ec: curve('prime256v1'),
  'P-192': curve('prime192v1'),
  'P-224': curve('secp224r1'),
  'P-384': curve('secp384r1'),
  'P-521': curve('secp521r1'),
  secp256k1: curve('secp256k1'),
  brainpool: curve('brainpoolP256r1'),
  rsa1024: rsa(1024),
  rsa2047: rsa(2047),
  rsa2048: rsa(2048),
  rsaPss: rsa(2048, 'RSA-PSS'),
  ed25519: ['-algorithm', 'ED25519'],
  ed448: ['-algorithm', 'ED448'],
  dsa1024: [],
} as const satisfies Record<string, readonly string[]>;

export class Openssl {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    writeFileSync(this.path('index.txt'), '');
    writeFileSync(this.path('serial'), '1000\n');
    mkdirSync(this.path('issued'));
    writeFileSync(this.path('openssl.cnf'), configuration);
    for (const shared of ['shared', 'authority']) this.#request(shared, { key: 'ec' });
    this.authority('root', { subject: 'Test Root', to: 3650, key: 'ec' });
    this.authority('rsa-root', { subject: 'Test RSA Root', to: 3650, key: 'rsa2048' });
    this.authority('intermediate', { subject: 'Test Intermediate', by: 'root', to: 3000 });
    this.leaf('usual', {});
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  write(name: string, content: string | Buffer, mode = 0o600): string {
    writeFileSync(this.path(name), content, { mode });
    return this.path(name);
  }

  copy(from: string, to: string): string {
    copyFileSync(this.path(from), this.path(to));
    return this.path(to);
  }

  /** `openssl` with these arguments; what it writes to standard output. */
  run(...args: readonly string[]): Buffer {
    return execFileSync('openssl', args, { cwd: this.#folder, stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** Without a type P-256, made in this process: to start openssl(1) takes longer than to make the key. */
  key(name: string, type: OpensslKey = 'ec'): void {
    if (type === 'ec') {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
      this.write(`${name}.key`, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    } else if (type === 'dsa1024') {
      const parameters = ['-genparam', '-algorithm', 'DSA', '-pkeyopt', 'dsa_paramgen_bits:1024'];
      this.run('genpkey', ...parameters, '-out', `${name}.param`);
      this.run('genpkey', '-paramfile', `${name}.param`, '-out', `${name}.key`);
    } else this.run('genpkey', ...keyArguments[type], '-out', `${name}.key`);
  }

  /** `NAME.key`, `NAME.csr` and `NAME.crt`, of the intermediate authority unless `by` names another; its PEM. Without options always the same. */
  leaf(name: string, options?: LeafOptions): string {
    if (options === undefined) {
      for (const ending of ['key', 'csr', 'crt']) this.copy(`usual.${ending}`, `${name}.${ending}`);
      return this.read(`${name}.crt`);
    }
    const { names = 'DNS:a.example.test', subject = 'a.example.test', from = -10, to = 80, end } = options;
    const { by = 'intermediate', extensions = server, signature = ['-md', 'sha256'] } = options;
    this.#request(name, options);
    const asked = names === null ? [] : [`subjectAltName = ${names}`];
    this.write(`${name}.ext`, ['[own]', ...asked, ...extensions, ''].join('\n'));
    this.run(
      ...['ca', '-batch', '-notext', '-utf8', '-config', 'openssl.cnf', '-in', `${name}.csr`, '-out', `${name}.crt`],
      ...[
        '-extfile',
        `${name}.ext`,
        '-extensions',
        'own',
        '-subj',
        subject.startsWith('/') ? subject : `/CN=${subject}`,
      ],
      ...(by === name ? ['-selfsign', '-keyfile', `${by}.key`] : ['-cert', `${by}.crt`, '-keyfile', `${by}.key`]),
      ...[...signature, '-startdate', stamp(from), '-enddate', end ?? stamp(to)],
    );
    return this.read(`${name}.crt`);
  }

  /** `NAME.key` and `NAME.csr`: to ask for a certificate costs a process, so servers share both unless they need their own. */
  #request(
    name: string,
    { key, keyOf = key === undefined ? 'shared' : undefined }: Pick<LeafOptions, 'key' | 'keyOf'>,
  ): void {
    if (keyOf !== undefined) {
      for (const ending of ['key', 'csr']) this.copy(`${keyOf}.${ending}`, `${name}.${ending}`);
      return;
    }
    this.key(name, key);
    this.run(
      ...['req', '-new', '-config', 'openssl.cnf', '-key', `${name}.key`, '-subj', '/CN=asked', '-out', `${name}.csr`],
    );
  }

  /** An authority of `by`, or a root, all with one key; its PEM. `limits`: further lines of extensions, or all of them instead of the usual ones. */
  authority(name: string, options: LeafOptions & { readonly limits?: readonly string[] } = {}): string {
    const { limits = [], ...rest } = options;
    const subject = `Authority ${name}`;
    const usual = { subject, names: null, by: name, to: 2000, extensions: [...authority, ...limits] };
    return this.leaf(name, { ...usual, ...(rest.key === undefined ? { keyOf: 'authority' } : {}), ...rest });
  }

  /** What `openssl verify` says of the certificate in `leaf` with those of `chain` to help, for servers: `OK`, or what is wrong. */
  verdict(leaf: string, chain: string, trusted: readonly string[], host?: string): string {
    const byName = host === undefined || isIP(host) === 0;
    const asked = byName ? ['-verify_hostname', domainToASCII(host ?? '')] : ['-verify_ip', host];
    const files = {
      roots: this.write('judged-roots.pem', trusted.join('')),
      chain: this.write('judged-chain.pem', chain),
      leaf: this.write('judged.pem', leaf),
    };
    const args = [
      ...['verify', '-auth_level', '2', '-no-CApath', '-no-CAstore', '-CAfile', files.roots, '-untrusted', files.chain],
      ...(host === undefined ? [] : ['-purpose', 'sslserver', ...asked]),
      files.leaf,
    ];
    const { status, stderr, stdout } = spawnSync('openssl', args, { cwd: this.#folder, encoding: 'utf8' });
    return status === 0 ? stdout.trim().replace(/^.*: /, '') : stderr;
  }
}

/** `20240115020000Z` */
function stamp(days: number): string {
  const time = new Date(Date.now() + days * 86_400_000).toISOString();
  return `${time.slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
}

const server = [
  'basicConstraints = CA:FALSE',
  'keyUsage = critical, digitalSignature',
  'extendedKeyUsage = serverAuth',
  'authorityKeyIdentifier = keyid',
];
const authority = [
  'basicConstraints = critical, CA:TRUE',
  'keyUsage = critical, keyCertSign, cRLSign',
  'subjectKeyIdentifier = hash',
];

const configuration = `
[ca]
default_ca = main
[main]
database = index.txt
serial = serial
new_certs_dir = issued
policy = anything
unique_subject = no
string_mask = utf8only
[anything]
organizationName = optional
commonName = supplied
[req]
distinguished_name = name
[name]
`;
