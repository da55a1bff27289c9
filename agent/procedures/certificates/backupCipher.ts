/**
 * Encryption of archives at rest: AES-256-GCM (NIST SP 800-38D) under a key that scrypt (RFC 7914) makes of the passphrase. The
 * file is `magic | salt (16) | nonce (12) | ciphertext | tag (16)`; magic, salt and nonce are authenticated too. What the
 * costs are is fixed by the magic, so that no archive can ask for more.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { RefusedArchive } from './backupEntries.ts';

const magic = Buffer.from('UPKEEP-ENCRYPTED-1\n');
const saltLength = 16;
const nonceLength = 12;
const tagLength = 16;
/** 64 MiB and a quarter of a second (OWASP: N = 2^16, r = 8, p = 2). */
const costs = { N: 2 ** 16, r: 8, p: 2, maxmem: 2 ** 27 };

export function isEncrypted(archive: Buffer): boolean {
  return archive.subarray(0, magic.length).equals(magic);
}

export async function encrypt(plain: Buffer, passphrase: string): Promise<Buffer> {
  const head = Buffer.concat([magic, randomBytes(saltLength + nonceLength)]);
  const { salt, nonce } = parts(head);
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, salt), nonce);
  cipher.setAAD(head);
  return Buffer.concat([head, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Throws RefusedArchive when the passphrase is wrong or one bit has changed: nothing of the content is used then. */
export async function decrypt(archive: Buffer, passphrase: string): Promise<Buffer> {
  const headLength = magic.length + saltLength + nonceLength;
  if (archive.length < headLength + tagLength) throw new RefusedArchive('it is cut off');
  const head = archive.subarray(0, headLength);
  const { salt, nonce } = parts(head);
  const decipher = createDecipheriv('aes-256-gcm', await derive(passphrase, salt), nonce, { authTagLength: tagLength });
  decipher.setAAD(head);
  decipher.setAuthTag(archive.subarray(-tagLength));
  const plain = decipher.update(archive.subarray(headLength, -tagLength));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    throw new RefusedArchive(
      'the passphrase in certificates.backup.encrypt does not open it, or it was changed; give the one that it was made with, or choose another archive (restore-certificates --list)',
    );
  }
}

function parts(head: Buffer): { readonly salt: Buffer; readonly nonce: Buffer } {
  return {
    salt: head.subarray(magic.length, magic.length + saltLength),
    nonce: head.subarray(magic.length + saltLength),
  };
}

function derive(passphrase: string, salt: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, 32, costs, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
