/** What stands in a file, whatever its format: PEM (also bundles), DER or PKCS#12. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { derChildren, derObjectIdentifier, derTag, readDer } from './der.ts';
import { factsOf } from './facts.ts';
import { foreignFile } from './foreign.ts';
import type { Pace } from './pace.ts';
import { isCommentedOut, type PemBlock, pemBlocks } from './pem.ts';
import { readPkcs12 } from './pkcs12.ts';
import type { AnsweringFolders } from './regularFile.ts';

export interface Contents {
  readonly certificates: readonly X509Certificate[];
  /** First private key of the file. */
  readonly key:
    | { readonly kind: 'plain'; readonly key: KeyObject; readonly protected: boolean }
    | { readonly kind: 'encrypted' }
    | null;
  /** Whether the certificates stand in the order in which they are sent. */
  readonly orderMatters: boolean;
  /** Names of whatever else is there (`CERTIFICATE REQUEST`): tells a file of another kind from a broken one. */
  readonly others: readonly string[];
}

/** `message` goes on after `The file … can not be used: `. */
export class UnparsableError extends Error {
  override readonly name = 'UnparsableError';
}

export interface Reading {
  /** Tried on encrypted keys and PKCS#12 files. */
  readonly password: string | undefined;
  readonly pace: Pace;
  readonly signal: AbortSignal;
  readonly answering: AnsweringFolders;
  /** Takes PEM in a form that OpenSSL does not read: for who writes it anew. */
  readonly loose?: boolean;
  /** Certificates by their base64 text: many files hold the same intermediates. */
  readonly seen: Map<string, X509Certificate>;
}

/** Throws UnparsableError, or WrongPasswordError for a PKCS#12 file that the password does not open. */
export async function parseContents(bytes: Buffer, reading: Reading): Promise<Contents> {
  if (bytes.length === 0) throw new UnparsableError('it is empty');
  if (bytes[0] === 0x30 && !bytes.includes('-----BEGIN ')) return parseBinary(bytes, reading);
  return parsePem(bytes.toString('latin1'), reading);
}

async function parsePem(text: string, reading: Reading): Promise<Contents> {
  const certificates: X509Certificate[] = [];
  const others: string[] = [];
  let key: Contents['key'] = null;
  const begins = [...text.matchAll(/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/g)];
  let begun = begins.filter(({ index }) => !isCommentedOut(text, index)).length;
  for (const block of pemBlocks(text)) {
    if (/^(X509 |TRUSTED )?CERTIFICATE$/.test(block.label)) {
      begun -= 1;
      certificates.push(certificateOf(block, reading, certificates.length + 1));
    } else if (block.label.endsWith('PRIVATE KEY')) {
      key ??= privateKeyOf(block, reading.password);
    } else {
      others.push(block.label);
    }
    await reading.pace();
  }
  if (begun > 0) throw new UnparsableError('a certificate in it has no END line, as when a file was cut off');
  if (certificates.length === 0 && key === null && others.length === 0) {
    if (begins.length > 0) throw new UnparsableError('certificate 1 in it is not read by OpenSSL: it is commented out');
    const foreign = foreignFile(Buffer.from(text, 'latin1'));
    throw new UnparsableError(foreign === null ? 'it is neither PEM nor DER nor PKCS#12' : `it is ${foreign}`);
  }
  return { certificates, key, orderMatters: true, others };
}

async function parseBinary(bytes: Buffer, reading: Reading): Promise<Contents> {
  if (isCertificate(bytes)) {
    try {
      return { certificates: [dated(new X509Certificate(bytes))], key: null, orderMatters: true, others: [] };
    } catch {
      throw new UnparsableError(`it is ${foreignFile(bytes) ?? 'DER, but not a sound certificate'}`);
    }
  }
  const passwords = reading.password === undefined ? [''] : [reading.password, ''];
  let found;
  try {
    found = await readPkcs12(bytes, passwords, reading.pace);
  } catch (error) {
    if (error instanceof Error && error.name === 'WrongPasswordError') throw error;
    const foreign = foreignFile(bytes) ?? 'neither a certificate nor PKCS#12 that can be read';
    throw new UnparsableError(`it is ${foreign}`, { cause: error });
  }
  const key = found.keys[0];
  const own =
    key === undefined ? undefined : found.certificates.find((certificate) => certificate.checkPrivateKey(key));
  const rest = found.certificates.filter((certificate) => certificate !== own);
  return {
    certificates: (own === undefined ? rest : [own, ...rest]).map(dated),
    key: key === undefined ? null : { kind: 'plain', key, protected: found.encrypted },
    orderMatters: false,
    others: [],
  };
}

/** Certificate ::= SEQUENCE { SEQUENCE, SEQUENCE { OBJECT IDENTIFIER … }, BIT STRING }; a PFX starts with an INTEGER. */
function isCertificate(bytes: Buffer): boolean {
  const parts = derChildren(readDer(bytes));
  return parts[0]?.tag === derTag.sequence && derObjectIdentifier(derChildren(parts[1])[0]) !== undefined;
}

function certificateOf(block: PemBlock, reading: Reading, position: number): X509Certificate {
  if (!block.strict && reading.loose !== true) {
    throw new UnparsableError(
      `certificate ${position} in it is not read by OpenSSL, and so by few services: its BEGIN and END must each be a line of its own, without an empty line between`,
    );
  }
  const known = reading.seen.get(block.base64);
  if (known !== undefined) return known;
  try {
    const der = Buffer.from(block.base64, 'base64');
    // OpenSSL's TRUSTED form has rules of trust behind the certificate, which only its own PEM reader skips.
    const certificate = dated(new X509Certificate(block.label.startsWith('TRUSTED') ? block.text : der));
    factsOf(certificate, der);
    reading.seen.set(block.base64, certificate);
    return certificate;
  } catch {
    throw new UnparsableError(`certificate ${position} in it is damaged`);
  }
}

/** A key of a kind that OpenSSL does not know is passed over: then nothing is said about it. */
function privateKeyOf(block: PemBlock, password: string | undefined): Contents['key'] {
  const encrypted = block.label.startsWith('ENCRYPTED') || block.text.includes('Proc-Type: 4,ENCRYPTED');
  if (encrypted && password === undefined) return { kind: 'encrypted' };
  try {
    const key = createPrivateKey(encrypted ? { key: block.text, passphrase: password } : block.text);
    return { kind: 'plain', key, protected: encrypted };
  } catch {
    return encrypted ? { kind: 'encrypted' } : null;
  }
}

function dated(certificate: X509Certificate): X509Certificate {
  if (Number.isNaN(certificate.validToDate.getTime() + certificate.validFromDate.getTime())) {
    throw new UnparsableError('a certificate in it has no sound dates');
  }
  return certificate;
}
