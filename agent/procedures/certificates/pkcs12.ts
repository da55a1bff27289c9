/**
 * Certificates and private key of a PKCS#12 file (RFC 7292). The password is derived by node:crypto off the main thread, or
 * piece by piece: a file with a million iterations must not hold up the agent. The MAC is not checked: content that decrypts
 * to well-formed certificates is what is judged.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { asn1 as Asn1Module } from 'node-forge';
import type { Pace } from './pace.ts';
import { decryptPbe, WrongPasswordError } from './passwordEncryption.ts';

type Node = Asn1Module.Asn1;

export interface Pkcs12Content {
  readonly certificates: readonly X509Certificate[];
  readonly keys: readonly KeyObject[];
  /** True when something was encrypted with a password that is not empty. */
  readonly encrypted: boolean;
}

const data = '1.2.840.113549.1.7.1';
const encryptedData = '1.2.840.113549.1.7.6';
const bag = { key: '1.2.840.113549.1.12.10.1.1', shroudedKey: '1.2.840.113549.1.12.10.1.2' } as const;
const certificateBag = '1.2.840.113549.1.12.10.1.3';
const x509Certificate = '1.2.840.113549.1.9.22.1';

/** Tries `passwords` in turn. Throws WrongPasswordError when none fits, another error when it is no sound PKCS#12. */
export async function readPkcs12(bytes: Buffer, passwords: readonly string[], pace: Pace): Promise<Pkcs12Content> {
  const { asn1 } = (await import('node-forge')).default;
  const parse = (binary: string): Node => asn1.fromDer(binary, false);
  const oidOf = (node: Node | undefined): string => asn1.derToOid(binaryOf(node));

  const pfx = listOf(parse(bytes.toString('latin1')));
  const authenticatedSafe = contentOf(pfx[1], oidOf);
  if (authenticatedSafe.type !== data) throw new Error('it is protected by a public key instead of a password');
  const safes = listOf(parse(binaryOf(authenticatedSafe.content)));

  const attempt = async (password: string): Promise<Pkcs12Content> => {
    const certificates: X509Certificate[] = [];
    const keys: KeyObject[] = [];
    let encrypted = false;
    const decrypt = async (algorithm: Node | undefined, content: Node | undefined): Promise<string> => {
      encrypted ||= password !== '';
      const plain = await decryptPbe(
        Buffer.from(asn1.toDer(sound(algorithm)).getBytes(), 'latin1'),
        Buffer.from(binaryOf(content), 'latin1'),
        password,
        pace,
      );
      return plain.toString('latin1');
    };
    for (const safe of safes) {
      const { type, content } = contentOf(safe, oidOf);
      let binary: string;
      if (type === data) {
        binary = binaryOf(content);
      } else if (type === encryptedData) {
        const [, algorithm, inner] = listOf(listOf(content)[1]);
        binary = await decrypt(algorithm, inner);
      } else {
        continue;
      }
      for (const entry of listOf(parsedOrWrong(parse, binary))) {
        const [kind, wrapped] = listOf(entry);
        const value = listOf(wrapped)[0];
        const oid = oidOf(kind);
        if (oid === certificateBag) {
          const [format, held] = listOf(value);
          if (oidOf(format) !== x509Certificate) continue;
          certificates.push(new X509Certificate(Buffer.from(binaryOf(listOf(held)[0]), 'latin1')));
        } else if (oid === bag.key) {
          keys.push(privateKey(asn1.toDer(sound(value)).getBytes()));
        } else if (oid === bag.shroudedKey) {
          const [algorithm, inner] = listOf(value);
          keys.push(privateKey(await decrypt(algorithm, inner)));
        }
        await pace();
      }
    }
    return { certificates, keys, encrypted };
  };

  for (const password of passwords) {
    try {
      return await attempt(password);
    } catch (error) {
      if (!(error instanceof WrongPasswordError)) throw error;
    }
  }
  throw new WrongPasswordError();
}

/** ContentInfo (RFC 5652, 3): its type, and what stands within its [0]. */
function contentOf(
  node: Node | undefined,
  oidOf: (node: Node | undefined) => string,
): { type: string; content: Node | undefined } {
  const [type, content] = listOf(node);
  return { type: oidOf(type), content: listOf(content)[0] };
}

/** Padding is right by chance once in 256 wrong passwords; what comes out is then no DER. */
function parsedOrWrong(parse: (binary: string) => Node, binary: string): Node {
  try {
    return parse(binary);
  } catch {
    throw new WrongPasswordError();
  }
}

function privateKey(binary: string): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(binary, 'latin1'), format: 'der', type: 'pkcs8' });
  } catch {
    throw new WrongPasswordError();
  }
}

function sound(node: Node | undefined): Node {
  if (node === undefined) throw new Error('it is not a sound PKCS#12 file');
  return node;
}

function listOf(node: Node | undefined): Node[] {
  const { value } = sound(node);
  if (!Array.isArray(value)) throw new Error('it is not a sound PKCS#12 file');
  return value;
}

/** BER may cut an octet string into pieces. */
function binaryOf(node: Node | undefined): string {
  const { value } = sound(node);
  return Array.isArray(value) ? value.map(binaryOf).join('') : value;
}
