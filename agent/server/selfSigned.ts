/** A certificate that vouches for itself (RFC 5280), made without any outside program; clients pin it. */
import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { isIP, isIPv4, SocketAddress } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomic } from '../store/atomicWrite.ts';
import {
  bitString,
  der,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  time,
  utf8String,
  yes,
  type Der,
} from './derWriter.ts';

export interface SelfSigned {
  readonly certificate: string;
  readonly key: string;
}

export interface SelfSignedOptions {
  /** DNS names and IP addresses; the first is also the common name. */
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Where the agent keeps the one that it made. */
export function selfSignedFiles(stateDirectory: string): { readonly cert: string; readonly key: string } {
  const folder = join(stateDirectory, 'tls');
  return { cert: join(folder, 'certificate.pem'), key: join(folder, 'key.pem') };
}

const day = 86_400_000;
/** Editors trust this one certificate and no other: a new one is a question to every person. */
const lifetimeMs = 3650 * day;

/** Makes certificate and key (mode 0600) unless they are there. Throws when there is one without the other. */
export async function ensureSelfSigned(stateDirectory: string, names: readonly string[], now: number): Promise<void> {
  const files = selfSignedFiles(stateDirectory);
  const [hasCert, hasKey] = [existsSync(files.cert), existsSync(files.key)];
  if (hasCert && hasKey) return;
  if (hasCert || hasKey) {
    const there = hasCert ? files.cert : files.key;
    throw new Error(
      `${there} is there, its ${hasCert ? 'key' : 'certificate'} is not: remove it, a new pair is then made`,
    );
  }
  const folder = join(stateDirectory, 'tls');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const made = makeSelfSigned({
    names: [...names, ...ownNames()],
    // A clock that is a little behind must not find it invalid.
    notBefore: new Date(now - day),
    notAfter: new Date(now + lifetimeMs),
  });
  try {
    await writeFileAtomic(files.key, made.key, 0o600);
    await writeFileAtomic(files.cert, made.certificate, 0o600);
  } catch (error) {
    // Half a pair would keep the agent from starting when there is space again.
    rmSync(files.key, { force: true });
    throw error;
  }
}

/** ECDSA P-256 with SHA-256, for servers alone: it can not sign others. */
export function makeSelfSigned(options: SelfSignedOptions): SelfSigned {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const algorithm = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
  const body = toBeSigned(options, publicKey, algorithm);
  const certificate = sequence(body, algorithm, bitString(sign('sha256', body, privateKey)));
  return { certificate: pem(certificate), key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

function toBeSigned({ names, notBefore, notAfter }: SelfSignedOptions, key: KeyObject, algorithm: Der): Der {
  const alternative = [...new Set(names)].filter((name) => /^[\u0021-\u007E]{1,253}$/.test(name));
  const name = distinguishedName((alternative[0] ?? 'upkeep').slice(0, maxCommonName));
  const publicKey = key.export({ type: 'spki', format: 'der' });
  const keyIdentifier = createHash('sha1').update(publicKey).digest();
  return sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(randomBytes(16)),
    algorithm,
    name,
    sequence(time(notBefore), time(notAfter)),
    name,
    publicKey,
    der(
      0xa3,
      sequence(
        // No authority. There is no key usage on purpose: without keyCertSign in it, OpenSSL and BoringSSL do not take it for self-signed.
        extension('2.5.29.19', sequence(), true),
        // serverAuth
        extension('2.5.29.37', sequence(objectIdentifier('1.3.6.1.5.5.7.3.1'))),
        extension('2.5.29.14', octetString(keyIdentifier)),
        extension('2.5.29.35', sequence(der(0x80, keyIdentifier))),
        extension('2.5.29.17', sequence(...alternative.map(generalName))),
      ),
    ),
  );
}

/** RFC 5280, ub-common-name. */
const maxCommonName = 64;

function distinguishedName(commonName: string): Der {
  return sequence(der(0x31, sequence(objectIdentifier('2.5.4.3'), utf8String(commonName))));
}

function extension(id: string, value: Der, critical = false): Der {
  return sequence(objectIdentifier(id), ...(critical ? [yes] : []), octetString(value));
}

function generalName(name: string): Der {
  return isIP(name) === 0 ? der(0x82, Buffer.from(name)) : der(0x87, addressBytes(name));
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  // The constructor writes it in its shortest form, without an IPv4 tail and without a zone.
  const [head = '', tail] = new SocketAddress({ address, family: 'ipv6' }).address.split('::');
  const before = groups(head);
  const after = groups(tail ?? '');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0);
  return Buffer.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]));
}

function groups(text: string): number[] {
  return text
    .split(':')
    .filter(Boolean)
    .flatMap((part) => {
      if (!part.includes('.')) return [Number.parseInt(part, 16)];
      const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
      return [a * 256 + b, c * 256 + d];
    });
}

/** Names and addresses of this machine, as far as it knows them. */
function ownNames(): string[] {
  const addresses = Object.values(networkInterfaces())
    .flatMap((entries) => entries ?? [])
    .map(({ address }) => address)
    .filter((address) => !address.startsWith('fe80:'));
  return [hostname(), 'localhost', '127.0.0.1', '::1', ...addresses];
}

function pem(bytes: Der): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
