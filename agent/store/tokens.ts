/** Access tokens, kept as SHA-256; the token itself is shown once, when it is made. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { role as roleSchema, type Role } from '../protocol/nouns.ts';
import { copyTokens } from './copies.ts';
import type { Database } from './database.ts';
import { isoOf } from './instants.ts';

export interface TokenInfo {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
}

/** Makes a token; `expiresAt` in milliseconds or null for none. 256 random bits: a plain hash is enough, no salt or stretching. */
export function createToken(
  database: Database,
  given: { readonly name: string; readonly role: Role; readonly now: number; readonly expiresAt: number | null },
): { readonly id: string; readonly token: string } {
  const id = randomBytes(4).toString('hex');
  const token = `upkeep_${id}_${randomBytes(32).toString('base64url')}`;
  database.change(
    'INSERT INTO tokens (id, name, role, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)',
    id,
    given.name,
    given.role,
    hashOf(token),
    given.now,
    given.expiresAt,
  );
  copyTokens(database);
  return { id, token };
}

/** The token's holder, or null when it is unknown, expired or revoked. Compares hashes in constant time. */
export function verifyToken(
  database: Database,
  token: string,
  now: number,
): { readonly id: string; readonly name: string; readonly role: Role } | null {
  const hash = Buffer.from(hashOf(token), 'hex');
  for (const row of database.all('SELECT id, name, role, hash, expires_at FROM tokens WHERE revoked_at IS NULL')) {
    const known = Buffer.from(String(row['hash']), 'hex');
    // A damaged row has no 32 bytes, and must not keep the others from being looked at.
    if (known.length !== hash.length || !timingSafeEqual(hash, known)) continue;
    const expiresAt = row['expires_at'];
    if (typeof expiresAt === 'number' && expiresAt <= now) return null;
    return { id: String(row['id']), name: String(row['name']), role: roleSchema.parse(row['role']) };
  }
  return null;
}

export function listTokens(database: Database): readonly TokenInfo[] {
  return database
    .all('SELECT id, name, role, created_at, expires_at, revoked_at FROM tokens ORDER BY created_at')
    .map((row) => ({
      id: String(row['id']),
      name: String(row['name']),
      role: roleSchema.parse(row['role']),
      createdAt: isoOf(row['created_at']) ?? '',
      expiresAt: isoOf(row['expires_at']),
      revokedAt: isoOf(row['revoked_at']),
    }));
}

/** False when there is no such token that is still good. */
export function revokeToken(database: Database, id: string, now: number): boolean {
  const { changes } = database.change('UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL', now, id);
  copyTokens(database);
  return changes === 1;
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
