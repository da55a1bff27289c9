/** Decryption with a password: PBES2 (RFC 8018) and the older schemes of PKCS#12 (RFC 7292, appendices B and C). */
import { createDecipheriv, createHash, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { derChildren, derObjectIdentifier, derTag, type DerValue, readDer } from './der.ts';
import type { Pace } from './pace.ts';

/** The password does not fit, or what was decrypted makes no sense. */
export class WrongPasswordError extends Error {
  override readonly name = 'WrongPasswordError';
}

/** More than any tool uses; a file that asks for more wants to keep its reader busy. */
const mostIterations = 2_000_000;

const pbes2 = '1.2.840.113549.1.5.13';
const digests: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.8', 'sha224'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
]);
const ciphers: ReadonlyMap<string, { name: string; keyLength: number }> = new Map([
  ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyLength: 16 }],
  ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyLength: 24 }],
  ['2.16.840.1.101.3.4.1.42', { name: 'aes-256-cbc', keyLength: 32 }],
  ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyLength: 24 }],
]);
const pkcs12Ciphers: ReadonlyMap<string, { name: 'des' | 'rc2'; keyLength: number }> = new Map([
  ['1.2.840.113549.1.12.1.3', { name: 'des', keyLength: 24 }],
  ['1.2.840.113549.1.12.1.4', { name: 'des', keyLength: 16 }],
  ['1.2.840.113549.1.12.1.5', { name: 'rc2', keyLength: 16 }],
  ['1.2.840.113549.1.12.1.6', { name: 'rc2', keyLength: 5 }],
]);

/** `algorithm`: DER of the AlgorithmIdentifier. Throws WrongPasswordError, or Error when the scheme is unknown. */
export async function decryptPbe(algorithm: Buffer, content: Buffer, password: string, pace: Pace): Promise<Buffer> {
  const [oid, parameters] = derChildren(readDer(algorithm));
  const scheme = derObjectIdentifier(oid) ?? 'none';
  if (scheme === pbes2) return decryptPbes2(derChildren(parameters), content, password);
  const cipher = pkcs12Ciphers.get(scheme);
  if (cipher === undefined) throw new Error(`its encryption ${scheme} is not supported`);
  const [salt, count] = derChildren(parameters);
  const iterations = iterationsOf(count);
  const derive = (purpose: number, length: number): Promise<Buffer> =>
    pkcs12Key(password, salt?.content ?? Buffer.alloc(0), iterations, purpose, length, pace);
  const key = await derive(1, cipher.keyLength);
  const iv = await derive(2, 8);
  if (cipher.name === 'rc2') return decryptRc2(key, iv, content);
  return decipher('des-ede3-cbc', key.length === 16 ? Buffer.concat([key, key.subarray(0, 8)]) : key, iv, content);
}

async function decryptPbes2(parameters: DerValue[], content: Buffer, password: string): Promise<Buffer> {
  const [derivation, encryption] = parameters.map(derChildren);
  const [salt, count, ...rest] = derChildren(derivation?.[1]);
  const named = rest.find((value) => value.tag === derTag.sequence);
  const digest = named === undefined ? 'sha1' : digests.get(derObjectIdentifier(derChildren(named)[0]) ?? '');
  const cipher = ciphers.get(derObjectIdentifier(encryption?.[0]) ?? '');
  const iv = encryption?.[1]?.content;
  if (digest === undefined || cipher === undefined || iv === undefined || salt === undefined) {
    throw new Error('its encryption is not supported');
  }
  const key = await promisify(pbkdf2)(password, salt.content, iterationsOf(count), cipher.keyLength, digest);
  return decipher(cipher.name, key, iv, content);
}

function decipher(name: string, key: Buffer, iv: Buffer, content: Buffer): Buffer {
  try {
    const cipher = createDecipheriv(name, key, iv);
    return Buffer.concat([cipher.update(content), cipher.final()]);
  } catch {
    throw new WrongPasswordError();
  }
}

/** OpenSSL 3 has RC2 no more, but the files that it wrote before are still about. */
async function decryptRc2(key: Buffer, iv: Buffer, content: Buffer): Promise<Buffer> {
  const { rc2, util } = (await import('node-forge')).default;
  const cipher = rc2.createDecryptionCipher(util.createBuffer(key.toString('latin1')), key.length * 8);
  cipher.start(util.createBuffer(iv.toString('latin1')));
  cipher.update(util.createBuffer(content.toString('latin1')));
  if (!cipher.finish()) throw new WrongPasswordError();
  return Buffer.from(cipher.output.getBytes(), 'latin1');
}

function iterationsOf(value: DerValue | undefined): number {
  const octets = value?.content ?? Buffer.alloc(0);
  const count = octets.length === 0 || octets.length > 6 ? 0 : octets.readUIntBE(0, octets.length);
  if (count < 1 || count > mostIterations) throw new Error(`it asks for ${count} iterations`);
  return count;
}

/** RFC 7292, B.2, with SHA-1: blocks of 64 octets, digests of 20. */
async function pkcs12Key(
  password: string,
  salt: Buffer,
  iterations: number,
  purpose: number,
  length: number,
  pace: Pace,
): Promise<Buffer> {
  const block = 64;
  const bmp = Buffer.from(`${password}\0`, 'utf16le').swap16();
  const input = Buffer.concat([filled(salt, block), filled(bmp, block)]);
  const diversifier = Buffer.alloc(block, purpose);
  const pieces: Buffer[] = [];
  for (let have = 0; have < length; have += 20) {
    let digest = createHash('sha1').update(diversifier).update(input).digest();
    for (let round = 1; round < iterations; round += 1) {
      digest = createHash('sha1').update(digest).digest();
      if (round % 256 === 0) await pace();
    }
    pieces.push(digest);
    const addend = Buffer.alloc(block, digest);
    for (let at = 0; at < input.length; at += block) addOne(input.subarray(at, at + block), addend);
  }
  return Buffer.concat(pieces).subarray(0, length);
}

/** `bytes` repeated up to the next full block. */
function filled(bytes: Buffer, block: number): Buffer {
  return bytes.length === 0 ? bytes : Buffer.alloc(Math.ceil(bytes.length / block) * block, bytes);
}

/** `target` + `addend` + 1, as big-endian numbers, in place. */
function addOne(target: Buffer, addend: Buffer): void {
  let carry = 1;
  for (let at = target.length - 1; at >= 0; at -= 1) {
    carry += (target[at] ?? 0) + (addend[at] ?? 0);
    target[at] = carry & 0xff;
    carry >>= 8;
  }
}
