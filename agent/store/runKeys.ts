/**
 * Run ids as the store keeps them: it has each in the row and in every index. `20240131T030000-1a2b3c4d` is eight bytes there, its second
 * since the epoch and its random part, both big-endian, so that keys sort as their ids do. An id of another form stays the text that it is.
 */
import type { Row } from './database.ts';

const pattern = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})-[0-9a-f]{8}$/;
/** Length of a key that is not text. */
export const keyBytes = 8;

/** Every id has one key, and no two the same. */
export function runKey(id: string): Uint8Array | string {
  const match = pattern.exec(id);
  if (match === null) return id;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1).map(Number);
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1000;
  if (seconds < 0 || seconds > 0xffffffff) return id;
  const key = Buffer.allocUnsafe(keyBytes);
  key.writeUInt32BE(seconds, 0);
  key.write(id.slice(-8), 4, 'hex');
  // The 31st of February is no instant: such an id would come back as another.
  return idOf(key) === id ? key : id;
}

/** Throws when it is no key, as in a damaged row. */
export function runIdOf(key: Row[string] | undefined): string {
  if (typeof key === 'string') return key;
  if (!(key instanceof Uint8Array) || key.length !== keyBytes) throw new Error('There is no run id where one must be.');
  return idOf(Buffer.from(key.buffer, key.byteOffset, key.length));
}

function idOf(key: Buffer): string {
  const at = new Date(key.readUInt32BE(0) * 1000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  return `${at}-${key.toString('hex', 4)}`;
}
