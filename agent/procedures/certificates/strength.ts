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

/** Curves that certificates use, by their short names (RFC 5480, RFC 5639), and keys that have but one size (RFC 8410). */
const keyNames: ReadonlyMap<string, string> = new Map([
  ['1.2.840.10045.3.1.7', 'EC P-256'],
  ['1.3.132.0.34', 'EC P-384'],
  ['1.3.132.0.35', 'EC P-521'],
  ['1.3.132.0.10', 'EC secp256k1'],
  ['1.3.132.0.33', 'EC P-224'],
  ['1.2.840.10045.3.1.1', 'EC P-192'],
  ['1.3.36.3.3.2.8.1.1.7', 'EC brainpoolP256r1'],
  ['1.3.36.3.3.2.8.1.1.11', 'EC brainpoolP384r1'],
  ['1.3.101.112', 'Ed25519'],
  ['1.3.101.113', 'Ed448'],
]);

export interface KeyStrength {
  /** `RSA 2048 bits`, `EC P-256`, `Ed25519`; null = of a kind that is not known. */
  readonly keyType: string | null;
  /** What is weak about it (`RSA with 1024 bits`), or null. */
  readonly weakKey: string | null;
}

/** `info`: parts of the SubjectPublicKeyInfo. */
export function keyStrength(info: readonly DerValue[]): KeyStrength {
  const [algorithm, bits] = info;
  const [oid, parameters] = derChildren(algorithm);
  const name = derObjectIdentifier(oid);
  // A bit string starts with the number of bits that it leaves unused at its end.
  const key = bits?.tag === derTag.bitString ? bits.content.subarray(1) : Buffer.alloc(0);
  if (name === rsaKey || name === rsaPss) return sized('RSA', bitLength(derChildren(readDer(key))[0]));
  if (name === dsaKey) return sized('DSA', bitLength(derChildren(parameters)[0]));
  if (name !== ecKey) return { keyType: keyNames.get(name ?? '') ?? null, weakKey: null };
  const keyType = keyNames.get(derObjectIdentifier(parameters) ?? '') ?? 'EC';
  if (key.length < 2) return { keyType, weakKey: null };
  // SEC 1, 2.3.3: 4, X and Y; or 2 or 3 and X alone.
  const octets = key[0] === 4 ? (key.length - 1) / 2 : key.length - 1;
  return { keyType, weakKey: tooShort('an elliptic curve', octets * 8, leastBits.ec) };
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

function sized(what: 'RSA' | 'DSA', bits: number): KeyStrength {
  return { keyType: bits === 0 ? what : `${what} ${bits} bits`, weakKey: tooShort(what, bits, leastBits.rsa) };
}

function tooShort(what: string, bits: number, least: number): string | null {
  return bits > 0 && bits < least ? `${what} with ${bits} bits` : null;
}

function bitLength(integer: DerValue | undefined): number {
  const octets = integer?.content ?? Buffer.alloc(0);
  const first = octets.findIndex((octet) => octet !== 0);
  return first === -1 ? 0 : (octets.length - first) * 8 - (Math.clz32(octets[first] ?? 0) - 24);
}
