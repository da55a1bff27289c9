/** Puts a sound store in the place of a damaged or lost one: the old file is set aside, never thrown away. */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { appendAudit, auditHash, auditState, newestTrim, walkAudit } from './audit.ts';
import { copyAudit, copyTokens, lastAuditCopy, readAuditCopy, readTokenCopy, type AuditRow } from './copies.ts';
import { Database } from './database.ts';
import { copyFirstPage } from './firstPage.ts';
import { indexRuns, restoreSchedules } from './rebuild.ts';
import { salvage } from './salvage.ts';

export interface Repair {
  /** Where the old file is now; null when there was none. */
  readonly aside: string | null;
  readonly runs: number;
  readonly tokens: number;
  readonly audit: number;
  /** First entry of the audit log that is missing or does not fit; null = the chain is whole. */
  readonly auditBrokenAt: number | null;
  readonly unreadable: readonly string[];
}

/** Set-aside files that are kept. */
const keptAside = 3;

/** The new store is made beside the old one and takes its place by a rename: a crash on the way leaves the old one to be repaired again. */
export function repairStore(file: string, problem: string, now: number): Repair {
  const fresh = `${file}.new`;
  remove(fresh);
  const database = new Database(fresh);
  let repair: Omit<Repair, 'aside'>;
  try {
    repair = database.transaction(() => fill(database, file, problem, now));
  } finally {
    database.close();
  }
  const aside = setAside(file, now);
  renameSync(fresh, file);
  const placed = new Database(file);
  copyTokens(placed);
  copyAudit(placed);
  placed.close();
  copyFirstPage(file);
  return { ...repair, aside };
}

/** Brings back what the copies have and the store lost; null when there is nothing of the kind. */
export function restoreCopies(database: Database): { readonly tokens: number; readonly audit: number } | null {
  const directory = dirname(database.file);
  const tokens = restoreTokens(database, directory);
  const newest = Number(database.get('SELECT max(seq) AS seq FROM audit')?.['seq'] ?? 0);
  const audit = lastAuditCopy(directory) > newest ? restoreAudit(database, directory) : 0;
  if (audit > 0) dropTrimmed(database);
  return tokens + audit === 0 ? null : { tokens, audit };
}

function fill(database: Database, old: string, problem: string, now: number): Omit<Repair, 'aside'> {
  if (existsSync(old)) salvage(old, database);
  const { unreadable } = indexRuns(database, join(dirname(old), 'runs'));
  restoreSchedules(database);
  restoreTokens(database, dirname(old));
  restoreAudit(database, dirname(old));
  dropTrimmed(database);
  const count = (table: string): number => Number(database.get(`SELECT count(*) AS n FROM ${table}`)?.['n']);
  const counts = { runs: count('runs'), tokens: count('tokens'), audit: count('audit') };
  const auditBrokenAt = auditState(database).brokenAt;
  appendAudit(database, {
    at: now,
    actor: 'upkeep',
    action: 'store.rebuild',
    target: basename(old),
    reason: problem,
    detail: { ...counts, auditBrokenAt },
  });
  return { ...counts, auditBrokenAt, unreadable };
}

/** A token that either side knows to be revoked stays so. */
function restoreTokens(database: Database, directory: string): number {
  let restored = 0;
  for (const row of readTokenCopy(directory)) {
    const { changes } = database.change(
      'INSERT OR IGNORE INTO tokens (id, name, role, hash, created_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
      ...[row.id, row.name, row.role, row.hash, row.created_at, row.expires_at, row.revoked_at],
    );
    restored += changes;
    if (changes === 0 && row.revoked_at !== null) {
      const text = 'UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL';
      restored += database.change(text, row.revoked_at, row.id).changes;
    }
  }
  return restored;
}

function restoreAudit(database: Database, directory: string): number {
  let restored = 0;
  for (const row of readAuditCopy(directory)) {
    if (row.hash !== auditHash(row)) continue;
    const there = database.get('SELECT hash FROM audit WHERE seq = ?', row.seq)?.['hash'];
    if (there !== undefined) continue;
    insertAudit(database, row);
    restored += 1;
  }
  return restored;
}

function insertAudit(database: Database, row: AuditRow): void {
  database.change(
    'INSERT INTO audit (seq, at, actor, action, target, reason, detail, previous, hash) VALUES (?,?,?,?,?,?,?,?,?)',
    ...[row.seq, row.at, row.actor, row.action, row.target, row.reason, row.detail, row.previous, row.hash],
  );
}

/**
 * What is found of entries that were trimmed (an old backup, a copy that was not shortened yet) is kept where it joins the rest, and
 * left out where it does not: archives have it.
 */
function dropTrimmed(database: Database): void {
  if (auditState(database).brokenAt === null) return;
  const record = newestTrim(database);
  if (record === null) return;
  const walk = walkAudit(database, { seq: record.through, hash: record.hash });
  let step = walk.next();
  while (step.done !== true) step = walk.next();
  if (step.value.brokenAt === null) database.change('DELETE FROM audit WHERE seq <= ?', record.through);
}

/** The log goes first: left behind, it would be played into the new store. */
function setAside(file: string, now: number): string | null {
  const stamp = new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  let aside = `${file}.damaged-${stamp}`;
  for (let count = 2; existsSync(aside); count += 1) aside = `${file}.damaged-${stamp}-${count}`;
  if (!existsSync(file)) {
    for (const suffix of ['-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    return null;
  }
  for (const suffix of ['-wal', '-shm', ''])
    if (existsSync(`${file}${suffix}`)) renameSync(`${file}${suffix}`, `${aside}${suffix}`);
  const mark = `${basename(file)}.damaged-`;
  const all = readdirSync(dirname(file)).filter((name) => name.startsWith(mark) && !/-(?:wal|shm)$/.test(name));
  for (const name of all.sort().slice(0, -keptAside)) remove(join(dirname(file), name));
  return aside;
}

function remove(file: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
}
