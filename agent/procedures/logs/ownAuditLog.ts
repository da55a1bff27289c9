/**
 * What of Upkeep's own audit log is due for an archive. The store is only read, as it may be the store of a running agent: entries are
 * copied into files whose names say first and last entry and the last hash, so that the next copy can show that it goes on there.
 */
import { existsSync } from 'node:fs';
import { lstat, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { formatDuration } from '../../config/units.ts';
import { auditHash, auditState } from '../../store/audit.ts';
import type { AuditState } from '../../store/audit.ts';
import { auditColumns, auditRow } from '../../store/copies.ts';
import type { AuditRow } from '../../store/copies.ts';
import { storeFile } from '../../store/openStore.ts';
import { StoreSnapshot } from '../../store/snapshot.ts';
import type { ProcedureContext } from '../define.ts';
import { makeMemory } from '../memory.ts';
import type { DueSource } from './archiveSources.ts';
import { namedPieces, parsePieceName, pieceName } from './auditArchives.ts';
import type { NamedPiece, PieceName } from './auditArchives.ts';
import { inodeKey } from './writers.ts';

export interface OwnAuditLogState {
  /** In the store. */
  readonly entries: number;
  /** First entry that does not fit the one before it; null = the chain is whole. */
  readonly brokenAt: number | null;
  /** Last entry that is in an archive. */
  readonly archivedThrough: number;
  /** Entries that this run archived, or a dry run would. */
  readonly due: number;
}

const batch = 1000;
const partialName = 'upkeep-audit.partial';

/** The audit log in the store beside `memory/`. */
export class OwnAuditLog {
  /** Null when there is no store. */
  state: OwnAuditLogState | null = null;
  broken = false;
  readonly #context: ProcedureContext;
  readonly #folder: string;
  #pieces: readonly Piece[] = [];

  constructor(context: ProcedureContext) {
    this.#context = context;
    this.#folder = context.memoryDirectory;
  }

  /** The entries older than `before` that are in no archive of the folder, as files; none when the chain is broken. */
  async due(destination: string, before: number): Promise<readonly DueSource[]> {
    if (!this.#context.dryRun) await this.#clear();
    const file = storeFile(path.resolve(this.#folder, '..', '..'));
    if (!existsSync(file)) return [];
    const archived = await namedPieces(destination);
    const store = new StoreSnapshot(file);
    try {
      const log = auditState(store);
      const archivedThrough = Math.max(0, ...archived.map(({ last }) => last));
      this.state = { entries: log.entries, brokenAt: log.brokenAt, archivedThrough, due: 0 };
      const problem =
        log.brokenAt === null
          ? jointProblem(store, log, archived)
          : `The audit log was changed: entry ${log.brokenAt} does not fit the one before it`;
      if (problem !== null) {
        this.#refuse(file, problem);
        return [];
      }
      this.#tellLost(log.base.seq, archived, destination);
      const pieces: Piece[] = [];
      for (const range of missing(archived, log.base.seq + 1)) {
        const piece = await this.#copy(store, range, before);
        if (piece !== null) pieces.push(piece);
      }
      this.#pieces = pieces;
      this.state = { ...this.state, due: pieces.reduce((sum, { first, last }) => sum + last - first + 1, 0) };
      return pieces.map(({ source }) => source);
    } finally {
      store.close();
    }
  }

  /** Says what has become of the entries; `archived` are the paths of files that an archive holds now. */
  settle(archived: ReadonlySet<string>): void {
    if (this.state === null || this.broken) return;
    if (this.#context.dryRun) {
      for (const { first, last } of this.#pieces) this.#tell(first, last, 'would be copied into an archive');
      return;
    }
    const done = this.#pieces.filter(({ source }) => archived.has(source.path));
    for (const { first, last } of done)
      this.#tell(first, last, `${first === last ? 'was' : 'were'} copied into an archive`);
    this.state = {
      ...this.state,
      archivedThrough: Math.max(this.state.archivedThrough, ...done.map(({ last }) => last)),
      due: done.reduce((sum, { first, last }) => sum + last - first + 1, 0),
    };
  }

  /** Trimmed entries were in archives once: those of this folder must reach up to them, unless it is a new one. */
  #tellLost(trimmedThrough: number, archived: readonly NamedPiece[], folder: string): void {
    if (trimmedThrough === 0 || archived.length === 0) return;
    if (archived.some(({ first, last }) => first <= trimmedThrough && last >= trimmedThrough)) return;
    this.#context.finding({
      ...{ level: 'warning', code: 'logs.audit', subject: folder },
      message: `Entry ${trimmedThrough} of the audit log is no longer in the store, and no archive in ${folder} holds it: an archive was removed, or the folder is another log's; see "upkeep audit verify".`,
    });
  }

  #tell(first: number, last: number, what: string): void {
    const range = first === last ? `Entry ${first}` : `Entries ${first} to ${last}`;
    this.#context.finding({
      ...{ level: 'info', code: 'logs.audit', subject: 'audit log', value: last - first + 1, unit: 'entries' },
      message: `${range} of Upkeep's audit log ${what}; ${this.#fate()}.`,
    });
  }

  #fate(): string {
    const { trim } = this.#context.config.logs.audit;
    if (trim === undefined) return 'the store keeps them';
    return `the agent removes them from the store when they are older than ${formatDuration(trim)}`;
  }

  /** What a killed run left: nothing but copies. */
  async #clear(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => [])) {
      if (name === partialName || parsePieceName(name) !== null) await rm(path.join(this.#folder, name));
    }
  }

  /** Writes the old entries of the range into a file; a dry run only counts. Null when there is none. */
  async #copy(store: StoreSnapshot, range: Range, before: number): Promise<Piece | null> {
    const partial = path.join(this.#folder, partialName);
    if (!this.#context.dryRun) await makeMemory(this.#folder);
    const target = this.#context.dryRun ? null : await open(partial, 'wx', 0o600);
    let first: number | null = null;
    let last: AuditRow | null = null;
    let bytes = 0;
    try {
      for (const rows of rowsOf(store, range, before)) {
        this.#context.signal.throwIfAborted();
        const text = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
        bytes += Buffer.byteLength(text);
        await target?.writeFile(text);
        first ??= rows[0]?.seq ?? null;
        last = rows.at(-1) ?? last;
      }
    } finally {
      await target?.close();
    }
    if (first === null || last === null) {
      if (target !== null) await rm(partial);
      return null;
    }
    const name: PieceName = { first, last: last.seq, hash: last.hash };
    const file = path.join(this.#folder, pieceName(name));
    const planned = { path: file, key: '', bytes, user: null, modifiedAt: this.#context.now() };
    if (target === null) return { ...name, source: planned };
    await rename(partial, file);
    const stats = await lstat(file, { bigint: true });
    return { ...name, source: { ...planned, key: inodeKey(stats), modifiedAt: new Date(Number(stats.mtimeMs)) } };
  }

  #refuse(subject: string, problem: string): void {
    this.broken = true;
    this.#context.finding({
      ...{ level: 'critical', code: 'logs.audit', subject },
      message: `${problem}. Nothing of the log was archived; see "upkeep audit verify".`,
    });
  }
}

interface Piece extends PieceName {
  readonly source: DueSource;
}

interface Range {
  readonly from: number;
  readonly to: number;
}

/** Does the log still hold what was archived? What it no longer has was trimmed, and proves nothing. */
function jointProblem(
  store: StoreSnapshot,
  { base, head }: AuditState,
  archived: readonly NamedPiece[],
): string | null {
  const end = head?.seq ?? base.seq;
  for (const { last, hash, archive } of archived) {
    if (last < base.seq) continue;
    if (last > end)
      return `The audit log ends with entry ${end}, and ${archive} holds entries up to ${last}: its end was cut off, or the archive is of another log`;
    const there = last === base.seq ? base.hash : store.get('SELECT hash FROM audit WHERE seq = ?', last)?.['hash'];
    if (there !== hash)
      return `Entry ${last} of the audit log is another than the one that was archived in ${archive}: the log was changed, or the archive is of another log`;
  }
  return null;
}

/** What no archive holds, from the first entry that the store has on; the last range has no end. */
function missing(archived: readonly PieceName[], from: number): readonly Range[] {
  const ranges: Range[] = [];
  let next = from;
  for (const { first, last } of archived) {
    if (first > next) ranges.push({ from: next, to: first - 1 });
    next = Math.max(next, last + 1);
  }
  return [...ranges, { from: next, to: Number.MAX_SAFE_INTEGER }];
}

function* rowsOf(store: StoreSnapshot, { from, to }: Range, before: number): Generator<readonly AuditRow[]> {
  const text = `SELECT ${auditColumns} FROM audit WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?`;
  for (let next = from; ;) {
    const some = store.all(text, next, to, batch).map((row) => auditRow.parse(row));
    const young = some.findIndex((row) => row.at >= before);
    const rows = young < 0 ? some : some.slice(0, young);
    for (const row of rows)
      if (auditHash(row) !== row.hash) throw new Error(`Entry ${row.seq} of the audit log changed while it was read.`);
    if (rows.length > 0) yield rows;
    if (young >= 0 || some.length < batch) return;
    next = (some.at(-1)?.seq ?? to) + 1;
  }
}
