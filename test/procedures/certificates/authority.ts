/**
 * Certificates for tests and for the sandbox: authorities, intermediate authorities and what they issue, of any age.
 * Times are truncated to seconds, as X.509 keeps them (RFC 5280, 4.1.2.5).
 */
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** `rsa1024` and `ec192` are weak on purpose. Only `ec`, `rsa2048` and `rsa1024` can sign, so only they suit an authority. */
export type KeyType = 'ec' | 'ec192' | 'rsa1024' | 'rsa2048' | 'ed25519';

export interface Authority {
  readonly name: string;
  readonly certPem: string;
  readonly keyPem: string;
  /** What its leaves must be served with: empty for a root; else its own certificate and those above, without the root. */
  readonly chainPem: string;
}

export interface AuthorityOptions {
  readonly name: string;
  /** The authority above; without it the new one is a self-signed root. */
  readonly issuer?: Authority;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly keyType?: KeyType;
}

export interface IssueOptions {
  /** DNS names and IP addresses; the first is also the common name. */
  readonly names: readonly string[];
  readonly commonName?: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly keyType?: KeyType;
  /** By default a server. */
  readonly usage?: 'server' | 'client';
  /** Digest of the signature; `SHA-1` (weak on purpose) needs an authority with an RSA key. */
  readonly hash?: 'SHA-1' | 'SHA-256';
  /** PEM of the private key to certify; by default a new one is made. */
  readonly keyPem?: string;
}

export interface Issued {
  readonly certPem: string;
  readonly keyPem: string;
  /** Leaf and intermediates in the order in which a server sends them. */
  readonly chainPem: string;
}

const day = 86_400_000;

export async function createAuthority(options: AuthorityOptions): Promise<Authority> {
  const { name, issuer } = options;
  const key = await newKey(options.keyType ?? 'ec');
  const keyPem = pemOf(key);
  const certPem = await sign({
    subject: name,
    key,
    issuer: issuer ?? { name, keyPem, certPem: null },
    notBefore: options.notBefore ?? new Date(Date.now() - 365 * day),
    notAfter: options.notAfter ?? new Date(Date.now() + 3650 * day),
    hash: 'SHA-256',
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return { name, keyPem, certPem, chainPem: issuer === undefined ? '' : certPem + issuer.chainPem };
}

/** A server certificate of `authority`. */
export async function issue(authority: Authority, options: IssueOptions): Promise<Issued> {
  const issued = await leaf(authority, options);
  return { ...issued, chainPem: issued.certPem + authority.chainPem };
}
export { issue as issueCertificate };

/** A server certificate that vouches for itself. */
export async function selfSigned(options: IssueOptions): Promise<Issued> {
  const issued = await leaf(null, options);
  return { ...issued, chainPem: issued.certPem };
}

async function leaf(authority: Authority | null, options: IssueOptions): Promise<Omit<Issued, 'chainPem'>> {
  const key = options.keyPem === undefined ? await newKey(options.keyType ?? 'ec') : createPrivateKey(options.keyPem);
  const keyPem = pemOf(key);
  const subject = options.commonName ?? options.names[0] ?? 'no name';
  const certPem = await sign({
    subject,
    key,
    issuer: authority ?? { name: subject, keyPem, certPem: null },
    notBefore: options.notBefore,
    notAfter: options.notAfter,
    hash: options.hash ?? 'SHA-256',
    extensions: [
      new BasicConstraintsExtension(false),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([options.usage === 'client' ? '1.3.6.1.5.5.7.3.2' : '1.3.6.1.5.5.7.3.1']),
      new SubjectAlternativeNameExtension(
        options.names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }) as const),
      ),
    ],
  });
  return { certPem, keyPem };
}

interface Signing {
  readonly subject: string;
  readonly key: KeyObject;
  /** `certPem` is null when the certificate signs itself. */
  readonly issuer: { readonly name: string; readonly keyPem: string; readonly certPem: string | null };
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly hash: string;
  readonly extensions: readonly Extension[];
}

async function sign(signing: Signing): Promise<string> {
  const issuerKey = createPrivateKey(signing.issuer.keyPem);
  const algorithm =
    issuerKey.asymmetricKeyType === 'ec'
      ? { name: 'ECDSA', namedCurve: 'P-256', hash: signing.hash }
      : { name: 'RSASSA-PKCS1-v1_5', hash: signing.hash };
  const signingKey = await webcrypto.subtle.importKey('pkcs8', derOf(issuerKey), algorithm, false, ['sign']);
  const issuerPublic = publicOf(issuerKey);
  const subjectPublic = publicOf(signing.key);
  const certificate = await X509CertificateGenerator.create(
    {
      subject: [{ CN: [signing.subject] }],
      issuer: [{ CN: [signing.issuer.name] }],
      notBefore: signing.notBefore,
      notAfter: signing.notAfter,
      publicKey: subjectPublic,
      signingKey,
      signingAlgorithm: algorithm,
      extensions: [
        ...signing.extensions,
        await SubjectKeyIdentifierExtension.create(subjectPublic),
        await AuthorityKeyIdentifierExtension.create(issuerPublic),
      ],
    },
    webcrypto,
  );
  return `${certificate.toString('pem').trim()}\n`;
}

const generate = promisify(generateKeyPair);

async function newKey(type: KeyType): Promise<KeyObject> {
  switch (type) {
    case 'ec':
      return (await generate('ec', { namedCurve: 'prime256v1' })).privateKey;
    case 'ec192':
      return (await generate('ec', { namedCurve: 'prime192v1' })).privateKey;
    case 'rsa1024':
      return (await generate('rsa', { modulusLength: 1024 })).privateKey;
    case 'rsa2048':
      return (await generate('rsa', { modulusLength: 2048 })).privateKey;
    case 'ed25519':
      return (await generate('ed25519')).privateKey;
  }
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function derOf(key: KeyObject): Buffer {
  return key.export({ type: 'pkcs8', format: 'der' });
}

function publicOf(key: KeyObject): PublicKey {
  return new PublicKey(createPublicKey(key).export({ type: 'spki', format: 'der' }));
}
