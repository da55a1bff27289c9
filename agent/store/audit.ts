/**
 * The audit log: who did what, to what, why. Each entry holds the SHA-256 over its own text and the hash of the entry before,
 * so that a changed or removed entry shows (`upkeep audit verify`). Old entries that are in an archive may leave the store; an
 * `audit.trim` entry of the same chain then says which, and with which hash they ended.
 */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as z from 'zod';
import { parseJson } from '../json.ts';
import { auditColumns, auditRow, copyAudit, type AuditRow } from './copies.ts';
import type { Database } from './database.ts';

export interface AuditEntry {
  readonly at: number;
  readonly actor: string;
  readonly action: string;
  readonly target: string;
  readonly reason: string | null;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** One place in the chain. */
export interface ChainLink {
  readonly seq: number;
  readonly hash: string;
}

/** What the detail of an `audit.trim` entry holds. */
const trimRecord = z.object({
  from: z.int().min(1),
  through: z.int().min(1),
  /** Of the entry `through`. */
  hash: z.string().length(64),
  /** Where the archives were. */
  folder: z.string(),
  archives: z.array(z.object({ name: z.string(), sha256: z.string() })),
});
export type TrimRecord = z.infer<typeof trimRecord>;

export interface AuditState {
  readonly entries: number;
  /** Number of the first entry that does not fit the one before it, or is missing; null = the chain is whole. */
  readonly brokenAt: number | null;
  /** The entry before the first one that is there: number 0 of a log from which nothing was trimmed. */
  readonly base: ChainLink;
  /** The last entry; null = there is none. */
  readonly head: (ChainLink & { readonly at: number }) | null;
  /** Why entries up to `base` are not here; null = none is missing, or nothing says why. */
  readonly trimmed: TrimRecord | null;
}

export const genesis: ChainLink = { seq: 0, hash: '0'.repeat(64) };
const trimAction = 'audit.trim';
const batch = 1000;

export function appendAudit(database: Database, entry: AuditEntry): void {
  database.transaction(() => {
    const previous = String(database.get('SELECT hash FROM audit ORDER BY seq DESC LIMIT 1')?.['hash'] ?? genesis.hash);
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

/** Removes the entries up to `through`, and says so in an entry, in one transaction; the copy is shortened apart. Throws when the log holds another entry there. */
export function trimAudit(database: Database, record: TrimRecord, now: number): void {
  database.transaction(() => {
    const { from, through, hash } = record;
    const there = database.get('SELECT hash FROM audit WHERE seq = ?', through)?.['hash'];
    if (there !== hash) throw new Error(`Entry ${through} of the audit log is not the one that was archived.`);
    const entry = { at: now, actor: 'upkeep', action: trimAction, target: `entries ${from} to ${through}` };
    appendAudit(database, { ...entry, reason: null, detail: record });
    database.change('DELETE FROM audit WHERE seq <= ?', through);
  });
}

/** Of the last time that entries were trimmed; null = none ever was. */
export function newestTrim(store: AuditStore): TrimRecord | null {
  const [row] = store.all('SELECT detail FROM audit WHERE action = ? ORDER BY seq DESC LIMIT 1', trimAction);
  return row === undefined ? null : recordOf(String(row['detail']));
}

/** Number of entries, and that of the first one that does not fit its predecessor (null = the chain is whole). */
export function verifyAudit(store: AuditStore): { readonly entries: number; readonly brokenAt: number | null } {
  const { entries, brokenAt } = auditState(store);
  return { entries, brokenAt };
}

/** Reads the whole log. */
export function auditState(store: AuditStore): AuditState {
  const walk = walkAudit(store);
  for (;;) {
    const step = walk.next();
    if (step.done === true) return step.value;
  }
}

/** Reads the whole log with the event loop free in between. Rejects when `signal` is aborted. */
export async function auditStateInSteps(store: AuditStore, signal: AbortSignal): Promise<AuditState> {
  for (const walk = walkAudit(store); ;) {
    const step = walk.next();
    if (step.done === true) return step.value;
    await nextTurn();
    signal.throwIfAborted();
  }
}

export type AuditStore = Pick<Database, 'all'>;

/** As `auditState`, in steps of some milliseconds. `after`: the entries up to there are passed by. */
export function* walkAudit(store: AuditStore, after: ChainLink = genesis): Generator<void, AuditState> {
  const chain = new AuditChain(after === genesis ? null : after);
  for (let last = after.seq; ;) {
    const rows = store.all(`SELECT ${auditColumns} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?`, last, batch);
    for (const row of rows) {
      last = Number(row['seq']);
      chain.add(auditRow.safeParse(row).data ?? null, last);
    }
    if (rows.length < batch) return chain.state();
    yield;
  }
}

/** Follows a chain from entry to entry. */
export class AuditChain {
  #entries = 0;
  #base: ChainLink | null;
  #last: (ChainLink & { readonly at: number }) | null = null;
  #brokenAt: number | null = null;
  #records: TrimRecord[] = [];

  /** `base`: the entry before the first one; null = the first one says which. */
  constructor(base: ChainLink | null = null) {
    this.#base = base;
  }

  get brokenAt(): number | null {
    return this.#brokenAt;
  }

  /** The next entry; null when what has this number is none. False when it does not follow the one before. */
  add(row: AuditRow | null, seq: number): boolean {
    this.#entries += 1;
    const before = this.#last ?? this.#base;
    if (row === null) {
      this.#brokenAt ??= before === null ? seq : before.seq + 1;
      return false;
    }
    this.#base ??= { seq: row.seq - 1, hash: row.previous };
    const { seq: previousSeq, hash: previousHash } = before ?? this.#base;
    const follows = row.seq === previousSeq + 1 && row.previous === previousHash && row.hash === auditHash(row);
    if (!follows) this.#brokenAt ??= previousSeq + 1;
    this.#last = { seq: row.seq, hash: row.hash, at: row.at };
    if (row.action === trimAction) {
      const record = recordOf(row.detail);
      if (record !== null) this.#records.push(record);
    }
    return follows;
  }

  /** Of a log as the store has it: what is not there must have been trimmed. */
  state(): AuditState {
    const base = this.#base ?? genesis;
    const trimmed = this.#records.find(({ through, hash }) => through === base.seq && hash === base.hash) ?? null;
    const begins = base.seq === 0 ? base.hash === genesis.hash : trimmed !== null;
    const brokenAt = begins ? this.#brokenAt : 1;
    return { entries: this.#entries, brokenAt, base, head: this.#last, trimmed };
  }
}

function recordOf(detail: string): TrimRecord | null {
  return trimRecord.safeParse(parseJson(detail)).data ?? null;
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
