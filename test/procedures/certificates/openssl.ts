/** Certificates as openssl makes them: an authority of the test with a root and an intermediate, and whatever it is asked for. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type OpensslKey = 'ec' | 'P-192' | 'P-384' | 'P-521' | 'rsa1024' | 'rsa2048' | 'ed25519' | 'ed448' | 'dsa1024';

export interface LeafOptions {
  /** `DNS:a.example.test,IP:127.0.0.1`; null = no alternative names. */
  readonly names?: string | null;
  readonly subject?: string;
  /** Days from now. */
  readonly from?: number;
  readonly to?: number;
  /** Instead of `to`: as `openssl ca -enddate` takes it. */
  readonly end?: string;
  readonly key?: OpensslKey;
  /** Arguments that choose digest and padding of the signature. */
  readonly signature?: readonly string[];
  readonly by?: string;
  /** Section of extensions. */
  readonly extensions?: 'leaf' | 'authority' | 'constrained';
}

const keyArguments: Readonly<Record<OpensslKey, readonly string[]>> = {
  ec: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
  'P-192': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:prime192v1'],
  'P-384': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp384r1'],
  'P-521': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp521r1'],
  rsa1024: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'],
  rsa2048: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  ed25519: ['-algorithm', 'ED25519'],
  ed448: ['-algorithm', 'ED448'],
  dsa1024: [],
};

export class Openssl {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    writeFileSync(this.path('index.txt'), '');
    writeFileSync(this.path('serial'), '1000\n');
    mkdirSync(this.path('issued'));
    writeFileSync(this.path('openssl.cnf'), configuration);
    this.#selfSign('root', 'Test Root');
    this.#selfSign('rsa-root', 'Test RSA Root', 'rsa2048');
    this.leaf('intermediate', {
      subject: 'Test Intermediate',
      names: null,
      by: 'root',
      extensions: 'authority',
      to: 3000,
    });
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

  key(name: string, type: OpensslKey = 'ec'): void {
    if (type === 'dsa1024') {
      this.run(
        'genpkey',
        '-genparam',
        '-algorithm',
        'DSA',
        '-pkeyopt',
        'dsa_paramgen_bits:1024',
        '-out',
        `${name}.param`,
      );
      this.run('genpkey', '-paramfile', `${name}.param`, '-out', `${name}.key`);
    } else this.run('genpkey', ...keyArguments[type], '-out', `${name}.key`);
  }

  /** `NAME.key`, `NAME.csr` and `NAME.crt`, of the intermediate authority unless `by` names another; its PEM. */
  leaf(name: string, options: LeafOptions = {}): string {
    const { names = 'DNS:a.example.test', subject = 'a.example.test', from = -10, to = 80, end, key } = options;
    const { by = 'intermediate', extensions = 'leaf', signature = ['-md', 'sha256'] } = options;
    this.key(name, key);
    const asked = names === null ? [] : ['-addext', `subjectAltName=${names}`];
    this.run(
      'req',
      '-new',
      '-utf8',
      '-config',
      'openssl.cnf',
      '-key',
      `${name}.key`,
      '-subj',
      `/CN=${subject}`,
      ...asked,
      '-out',
      `${name}.csr`,
    );
    this.run(
      ...['ca', '-batch', '-notext', '-config', 'openssl.cnf', '-in', `${name}.csr`, '-out', `${name}.crt`],
      ...['-cert', `${by}.crt`, '-keyfile', `${by}.key`, '-extensions', extensions, ...signature],
      ...['-startdate', stamp(from), '-enddate', end ?? stamp(to)],
    );
    return this.read(`${name}.crt`);
  }

  #selfSign(name: string, subject: string, key?: OpensslKey): void {
    this.key(name, key);
    this.run(
      ...['req', '-x509', '-new', '-config', 'openssl.cnf', '-extensions', 'authority', '-key', `${name}.key`],
      ...['-subj', `/CN=${subject}`, '-days', '3650', '-out', `${name}.crt`],
    );
  }
}

/** `20240115020000Z` */
function stamp(days: number): string {
  const time = new Date(Date.now() + days * 86_400_000).toISOString();
  return `${time.slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
}

const configuration = `
[ca]
default_ca = main
[main]
database = index.txt
serial = serial
new_certs_dir = issued
default_md = sha256
policy = anything
unique_subject = no
copy_extensions = copy
string_mask = utf8only
[anything]
commonName = supplied
[req]
distinguished_name = name
string_mask = utf8only
[name]
[leaf]
basicConstraints = CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[constrained]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, permitted;DNS:example.test
`;
