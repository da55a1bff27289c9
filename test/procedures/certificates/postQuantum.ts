/** A certificate with ML-DSA-65 (RFC 9881), which neither openssl(1) of Debian 12 nor WebCrypto can make yet: written in DER. */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, X509Certificate } from 'node:crypto';
import { derChildren, readDer } from '../../../agent/procedures/certificates/der.ts';
import { type IssueOptions, selfSigned } from './authority.ts';

const sequence = 0x30;
const algorithm = encoded(sequence, encoded(0x06, Buffer.from('608648016503040312', 'hex')));

/** Places of the fields of a TBSCertificate of version 3 (RFC 5280, 4.1). */
const field = { signature: 2, publicKey: 6 } as const;

export async function selfSignedByMlDsa(options: IssueOptions): Promise<{ certPem: string; keyPem: string }> {
  const usual = new X509Certificate((await selfSigned(options)).certPem);
  const privateKey = newKey();
  const [signed] = derChildren(readDer(usual.raw));
  const fields = derChildren(signed).map(({ tag, content }) => encoded(tag, content));
  fields[field.signature] = algorithm;
  fields[field.publicKey] = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  const toBeSigned = encoded(sequence, ...fields);
  const signature = encoded(0x03, Buffer.from([0]), sign(null, toBeSigned, privateKey));
  return {
    certPem: new X509Certificate(encoded(sequence, toBeSigned, algorithm, signature)).toString(),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** PrivateKeyInfo with a seed alone (RFC 9881, 6). */
function newKey(): KeyObject {
  const seed = encoded(0x04, encoded(0x80, randomBytes(32)));
  const key = encoded(sequence, encoded(0x02, Buffer.from([0])), algorithm, seed);
  return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
}

function encoded(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}
