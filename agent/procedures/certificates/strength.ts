/** What of a certificate is too weak to be trusted, by the DER of its parts. */
import { derChildren, derObjectIdentifier, derTag, type DerValue, readDer } from './der.ts';

/** Below these bits a key counts as weak: NIST SP 800-57 part 1, table 2 (112 bits of strength). */
const leastBits = { rsa: 2048, ec: 224 } as const;

/** Signature algorithms with MD2, MD4, MD5 or SHA-1 (RFC 3279; OIW for the last two). */
const weakSignatures: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.2', 'MD2'],
  ['1.2.840.113549.1.1.3', 'MD4'],
  ['1.2.840.113549.1.1.4', 'MD5'],
  ['1.2.840.113549.1.1.5', 'SHA-1'],
  ['1.2.840.10040.4.3', 'SHA-1'],
  ['1.2.840.10045.4.1', 'SHA-1'],
  ['1.3.14.3.2.27', 'SHA-1'],
  ['1.3.14.3.2.29', 'SHA-1'],
]);
const rsaKey = '1.2.840.113549.1.1.1';
const dsaKey = '1.2.840.10040.4.1';
const ecKey = '1.2.840.10045.2.1';
const rsaPss = '1.2.840.113549.1.1.10';
const sha1 = '1.3.14.3.2.26';

/** `info`: parts of the SubjectPublicKeyInfo. */
export function weakKey(info: readonly DerValue[]): string | null {
  const [algorithm, bits] = info;
  const [oid, parameters] = derChildren(algorithm);
  const name = derObjectIdentifier(oid);
  // A bit string starts with the number of bits that it leaves unused at its end.
  const key = bits?.tag === derTag.bitString ? bits.content.subarray(1) : Buffer.alloc(0);
  if (name === rsaKey || name === rsaPss)
    return tooShort('RSA', bitLength(derChildren(readDer(key))[0]), leastBits.rsa);
  if (name === dsaKey) return tooShort('DSA', bitLength(derChildren(parameters)[0]), leastBits.rsa);
  if (name !== ecKey || key.length < 2) return null;
  // SEC 1, 2.3.3: 4, X and Y; or 2 or 3 and X alone.
  const octets = key[0] === 4 ? (key.length - 1) / 2 : key.length - 1;
  return tooShort('an elliptic curve', octets * 8, leastBits.ec);
}

/** `algorithm`: parts of the AlgorithmIdentifier of the signature. */
export function weakSignature(algorithm: readonly DerValue[]): string | null {
  const name = derObjectIdentifier(algorithm[0]);
  if (name === undefined) return null;
  if (name === rsaPss) return pssDigestIsSha1(algorithm[1]) ? 'SHA-1' : null;
  return weakSignatures.get(name) ?? null;
}

/** RFC 4055, 3.1: `hashAlgorithm` is SHA-1 unless [0] names another. */
function pssDigestIsSha1(parameters: DerValue | undefined): boolean {
  const hash = derChildren(parameters).find((value) => value.tag === 0xa0);
  return hash === undefined || derObjectIdentifier(derChildren(derChildren(hash)[0])[0]) === sha1;
}

function tooShort(what: string, bits: number, least: number): string | null {
  return bits > 0 && bits < least ? `${what} with ${bits} bits` : null;
}

function bitLength(integer: DerValue | undefined): number {
  const octets = integer?.content ?? Buffer.alloc(0);
  const first = octets.findIndex((octet) => octet !== 0);
  return first === -1 ? 0 : (octets.length - first) * 8 - (Math.clz32(octets[first] ?? 0) - 24);
}
