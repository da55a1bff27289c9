/**
 * The audit log: who did what, to what, why. Each entry holds the SHA-256 over its own text and the hash of the entry before,
 * so that a changed or removed entry shows (`upkeep audit verify`).
 */
import { createHash } from 'node:crypto';
import { copyAudit, type AuditRow } from './copies.ts';
import type { Database } from './database.ts';

export interface AuditEntry {
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly reason: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

const genesis = '0'.repeat(64);

export function appendAudit(database: Database, entry: AuditEntry): void {
  database.transaction(() => {
    const previous = String(database.get('SELECT hash FROM audit ORDER BY seq DESC LIMIT 1')?.['hash'] ?? genesis);
    const detail = JSON.stringify(entry.detail);
    const hash = hashOf(previous, [entry.at, entry.actor, entry.action, entry.target, entry.reason, detail]);
    database.change(
      'INSERT INTO audit (at, actor, action, target, reason, detail, previous, hash) VALUES (?,?,?,?,?,?,?,?)',
      entry.at,
      entry.actor,
      entry.action,
      entry.target,
      entry.reason,
      detail,
      previous,
      hash,
    );
    copyAudit(database);
  });
}

/** Number of entries, and that of the first one that does not fit its predecessor (null = the chain is whole). */
export function verifyAudit(database: Database): { readonly entries: number; readonly brokenAt: number | null } {
  let previous = genesis;
  let expected = 1;
  const rows = database.all(
    'SELECT seq, at, actor, action, target, reason, detail, previous, hash FROM audit ORDER BY seq',
  );
  for (const row of rows) {
    const parts = [row['at'], row['actor'], row['action'], row['target'], row['reason'], row['detail']];
    const whole = row['seq'] === expected && row['previous'] === previous && row['hash'] === hashOf(previous, parts);
    if (!whole) return { entries: rows.length, brokenAt: expected };
    previous = String(row['hash']);
    expected += 1;
  }
  return { entries: rows.length, brokenAt: null };
}

/** The hash that an entry must have, by its own text and the hash before it. */
export function auditHash(row: AuditRow): string {
  return hashOf(row.previous, [row.at, row.actor, row.action, row.target, row.reason, row.detail]);
}

function hashOf(previous: string, parts: readonly unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify([previous, ...parts]))
    .digest('hex');
}
