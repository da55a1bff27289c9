/**
 * Removes old entries of the audit log from the store of a running agent, once it has itself read the archives that hold them. What is
 * not proven to be archived stays: an archive that is damaged, was changed, belongs to another log or lies where others can write.
 */
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { trimAudit, type AuditState } from '../../store/audit.ts';
import { shortenAuditCopy } from '../../store/copies.ts';
import type { Database } from '../../store/database.ts';
import { hashIn, namedPieces, readAuditArchive } from './auditArchives.ts';
import type { NamedPiece, Piece } from './auditArchives.ts';
import { trustedAs } from './folderTrust.ts';

export interface TrimAudit {
  readonly database: Database;
  /** The whole log, as it was read just now. */
  readonly chain: AuditState;
  /** The folder of archives. */
  readonly folder: string;
  /** Milliseconds since the epoch: younger entries stay. */
  readonly before: number;
  readonly now: () => number;
  /** Aborted when the agent stops. */
  readonly signal: AbortSignal;
}

export interface Trimmed {
  readonly entries: number;
  /** Why old entries had to stay although archives are said to hold them, as a sentence; null = none had to. */
  readonly problem: string | null;
}

/** Removed in one transaction, in which the agent does nothing else. */
const mostAtOnce = 5000;

/** Rejects when `signal` is aborted, or with the system's error. Everything that was removed until then is recorded. */
export async function trimAuditLog(given: TrimAudit): Promise<Trimmed> {
  const { database, chain, folder, before, signal } = given;
  // On a full disk the agent keeps its changes in memory: no time for housekeeping.
  if (database.condition().state !== 'ok') return nothing;
  const oldest = database.get('SELECT at FROM audit ORDER BY seq LIMIT 1');
  if (oldest === undefined || Number(oldest['at']) >= before) return nothing;
  const names = await namedPieces(folder);
  const base = chain.base.seq;
  if (!names.some(({ first, last }) => first <= base + 1 && last > base)) return nothing;
  if ((await trustedAs(folder)) !== null)
    return stays(
      `others can change what lies in ${folder}: give it, and the folders above it, to the user of Upkeep (chmod go-w)`,
    );
  if (chain.brokenAt !== null)
    return stays(`entry ${chain.brokenAt} of the log does not fit the one before it: see "upkeep audit verify"`);
  try {
    return await trimFrom(given, base, names);
  } finally {
    if (!signal.aborted) shortenAuditCopy(database);
  }
}

/** Archive by archive, from the entry behind `base` on, as far as they follow each other. */
async function trimFrom(given: TrimAudit, base: number, names: readonly NamedPiece[]): Promise<Trimmed> {
  let entries = 0;
  for (let reached = base; ;) {
    const next = names.find(({ first, last }) => first <= reached + 1 && last > reached);
    if (next === undefined) return { entries, problem: null };
    const read = await readAuditArchive(next.archive, given.signal);
    if (read.problem !== null) return stays(`${read.path} can not be relied on (${read.problem})`, entries);
    const piece = read.pieces.find(({ first, last }) => first === next.first && last === next.last);
    const sha256 = read.manifest?.sha256;
    if (piece === undefined || sha256 === undefined) return stays(`${read.path} changed while it was read`, entries);
    const archive = { name: path.basename(read.path), sha256 };
    const removed = await remove(given, piece, archive, reached);
    entries += removed.entries;
    if (removed.problem !== null) return stays(`${read.path} ${removed.problem}`, entries);
    if (reached + removed.entries < piece.last) return { entries, problem: null };
    reached = piece.last;
  }
}

const nothing: Trimmed = { entries: 0, problem: null };

function stays(reason: string, entries = 0): Trimmed {
  return { entries, problem: `Old entries of the audit log stay in the store: ${reason}.` };
}

/** What is old and in the piece, from the entry behind `reached` on. */
async function remove(
  { database, folder, before, now, signal }: TrimAudit,
  piece: Piece,
  archive: { readonly name: string; readonly sha256: string },
  reached: number,
): Promise<{ readonly entries: number; readonly problem: string | null }> {
  let last = reached;
  for (;;) {
    await nextTurn();
    signal.throwIfAborted();
    const rows = database.all(
      'SELECT seq, at, hash FROM audit WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?',
      last,
      piece.last,
      mostAtOnce,
    );
    const young = rows.findIndex((row) => Number(row['at']) >= before);
    const old = young < 0 ? rows : rows.slice(0, young);
    const through = Number(old.at(-1)?.['seq'] ?? last);
    // The whole chain was verified, so this one hash stands for all entries up to here.
    const hash = hashIn(piece, through);
    if (through === last || hash === null) return { entries: last - reached, problem: null };
    if (old.at(-1)?.['hash'] !== hash)
      return {
        entries: last - reached,
        problem: `holds another entry ${through} than the log: the archive is of another log, or one of them was rewritten`,
      };
    trimAudit(database, { from: last + 1, through, hash, folder, archives: [archive] }, now());
    last = through;
  }
}
