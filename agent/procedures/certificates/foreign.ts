/** What people put where a certificate belongs, told by its first bytes: so that they hear what it is, and what to do with it. */
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { derChildren, derObjectIdentifier, derTag, readDer } from './der.ts';

/** After `it holds no certificate but …`: what a PEM block of this label is. */
export function foreignBlock(label: string): string {
  const text = blocks.get(label);
  return text ?? `${/^[AEFHILMNORSX]/.test(label) ? 'an' : 'a'} ${label}`;
}

const request = 'a CERTIFICATE REQUEST, of which the authority makes a certificate';
const bundle = 'a PKCS7 bundle, of which openssl pkcs7 -print_certs makes PEM';
const blocks: ReadonlyMap<string, string> = new Map([
  ['CERTIFICATE REQUEST', request],
  ['NEW CERTIFICATE REQUEST', request],
  ['X509 CRL', 'an X509 CRL, the list of what an authority revoked'],
  ['PKCS7', bundle],
  ['CMS', bundle],
]);

/** After `it is …`; null when it is nothing that is known. `bytes` hold neither PEM nor a certificate. */
export function foreignFile(bytes: Buffer): string | null {
  const magic = bytes.length < 4 ? 0 : bytes.readUInt32BE(0);
  if (magic === 0xfeedfeed || magic === 0xcececece) {
    return 'a Java key store, of which keytool -importkeystore -deststoretype pkcs12 makes PKCS#12';
  }
  if (magic >>> 16 === 0xfffe || (bytes[0] === 0x2d && bytes[1] === 0)) {
    return 'text in UTF-16, of which iconv -f UTF-16 -t UTF-8 makes PEM';
  }
  if (bytes[0] !== derTag.sequence) return null;
  const parts = derChildren(readDer(bytes));
  const [first, second] = parts;
  if (derObjectIdentifier(first) === signedData) {
    return 'a PKCS#7 bundle, of which openssl pkcs7 -inform DER -print_certs makes PEM';
  }
  if (second?.tag === derTag.sequence && parts.length === 3) {
    const inner = derChildren(first);
    if (inner.length === 4 && inner[0]?.tag === derTag.integer && inner[3]?.tag === attributesTag) {
      return 'a request for a certificate (DER), of which the authority makes a certificate';
    }
    if (inner.some(({ tag }) => tag === timeTags.utc || tag === timeTags.generalized)) {
      return 'a list of what an authority revoked (CRL, DER)';
    }
  }
  return keyOf(bytes);
}

const signedData = '1.2.840.113549.1.7.2';
const attributesTag = 0xa0;
const timeTags = { utc: 0x17, generalized: 0x18 } as const;

function keyOf(bytes: Buffer): string | null {
  const attempts = [
    { what: 'a private key (DER)', parse: () => createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' }) },
    { what: 'a private key (DER)', parse: () => createPrivateKey({ key: bytes, format: 'der', type: 'sec1' }) },
    { what: 'a private key (DER)', parse: () => createPrivateKey({ key: bytes, format: 'der', type: 'pkcs1' }) },
    { what: 'a public key (DER)', parse: () => createPublicKey({ key: bytes, format: 'der', type: 'spki' }) },
  ];
  return attempts.find(({ parse }) => succeeds(parse))?.what ?? null;
}

function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}
