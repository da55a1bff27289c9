/**
 * Reads archives of Upkeep's audit log: each against its manifest, each entry against its hash. An archived piece of the log is called
 * `upkeep-audit-FIRST-LAST-HASH.ndjson`, so that its place in the chain is known before it is read.
 */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { AuditChain } from '../../store/audit.ts';
import type { ChainLink } from '../../store/audit.ts';
import { auditRowIn } from '../../store/copies.ts';
import { codeOf, messageOf } from '../../thrown.ts';
import { verifyArchive } from './archiveVerify.ts';
import { contentsOf, manifestOf, readManifest, stemOf } from './manifest.ts';
import type { ArchivedFile, Manifest } from './manifest.ts';

/** Entries of the log that one file holds, or is said to hold. */
export interface PieceName {
  readonly first: number;
  readonly last: number;
  /** Of the last one. */
  readonly hash: string;
}

export interface Piece extends PieceName {
  /** The entry before the first one. */
  readonly before: ChainLink;
  /** SHA-256 of each entry, 32 bytes each, in their order. */
  readonly hashes: Buffer;
}

export interface ReadArchive {
  /** The file of the archive, whether or not it is there. */
  readonly path: string;
  readonly manifest: Manifest | null;
  /** What it holds by its manifest. */
  readonly stated: readonly PieceName[];
  /** Those that are whole. */
  readonly pieces: readonly Piece[];
  /** What is wrong with it, as the end of a sentence; null = nothing. */
  readonly problem: string | null;
  /** First entry that is not as it was written, where that can be told. */
  readonly entry: number | null;
}

const piecePattern = /^upkeep-audit-(\d{1,15})-(\d{1,15})-([0-9a-f]{64})\.ndjson$/;

export function pieceName(rows: PieceName): string {
  return `upkeep-audit-${rows.first}-${rows.last}-${rows.hash}.ndjson`;
}

export function parsePieceName(file: string): PieceName | null {
  const [, first, last, hash] = piecePattern.exec(path.basename(file)) ?? [];
  if (first === undefined || last === undefined || hash === undefined) return null;
  return { first: Number(first), last: Number(last), hash };
}

/** Archives of audit logs in a folder, oldest first; those of which only the manifest is left are among them. A folder that is not there has none. */
export async function auditArchivesIn(folder: string): Promise<readonly string[]> {
  const { archives, alone } = await contentsOf(folder).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return { archives: [], alone: [] };
    throw error;
  });
  const names = new Set(archives.filter((name) => name.startsWith('audit-')));
  for (const name of alone.filter((one) => one.startsWith('audit-'))) {
    const manifest = await readManifest(path.join(folder, name)).catch(() => null);
    if (manifest !== null && stemOf(manifest.archive) !== null) names.add(manifest.archive);
  }
  return [...names].sort().map((name) => path.join(folder, name));
}

/** Reads the archive to its end. Rejects only when `signal` is aborted. */
export async function readAuditArchive(archive: string, signal: AbortSignal): Promise<ReadArchive> {
  const nothing = { path: archive, manifest: null, stated: [], pieces: [], entry: null };
  let manifest: Manifest | null;
  try {
    manifest = await manifestOf(archive);
  } catch {
    return { ...nothing, problem: 'its manifest is damaged' };
  }
  const stated = (manifest?.files ?? []).flatMap((file) => parsePieceName(file.path) ?? []);
  const known = { ...nothing, manifest, stated };
  if ((await lstat(archive).catch(() => null)) === null)
    return { ...known, problem: 'it is gone, only its manifest is still there' };
  if (manifest === null) return { ...nothing, problem: 'it has no manifest' };
  if (manifest.archive !== path.basename(archive)) {
    return { ...known, problem: `it was renamed: its manifest says that it is ${manifest.archive}` };
  }
  const readers: PieceReader[] = [];
  const onFile = (file: ArchivedFile): Promise<(chunk: Buffer | null) => Promise<void>> => {
    const reader = new PieceReader(file.path);
    readers.push(reader);
    return Promise.resolve((chunk) => {
      reader.take(chunk);
      return Promise.resolve();
    });
  };
  let problem: string | null;
  try {
    problem = await verifyArchive(archive, manifest, signal, onFile);
    if (problem !== null) problem = `it is not as its manifest says: ${problem}`;
  } catch (error) {
    signal.throwIfAborted();
    problem = messageOf(error);
  }
  const broken = readers.find((reader) => reader.problem() !== null);
  const pieces = problem === null ? readers.flatMap((reader) => reader.piece() ?? []) : [];
  problem ??= broken?.problem() ?? null;
  return { ...known, pieces, problem, entry: broken?.brokenAt ?? null };
}

/** One archived piece of the log as it comes; a file of another name is passed by. */
class PieceReader {
  readonly #name: PieceName | null;
  readonly #chain = new AuditChain();
  readonly #hashes: Buffer[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #before: ChainLink | null = null;
  #last: ChainLink | null = null;
  #problem: string | null = null;
  brokenAt: number | null = null;

  constructor(file: string) {
    this.#name = parsePieceName(file);
  }

  take(chunk: Buffer | null): void {
    if (this.#name === null) return;
    if (chunk === null) {
      if (this.#rest.length > 0) this.#fail('its last line breaks off');
      return;
    }
    let begin = 0;
    const bytes = Buffer.concat([this.#rest, chunk]);
    for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, begin)) {
      this.#line(bytes.toString('utf8', begin, end));
      begin = end + 1;
    }
    this.#rest = bytes.subarray(begin);
  }

  /** Null when it is whole, or no piece of the log. */
  problem(): string | null {
    if (this.#name === null || this.#problem !== null) return this.#problem;
    const { first, last, hash } = this.#name;
    const whole = this.#last?.seq === last && this.#last.hash === hash && this.#before?.seq === first - 1;
    return whole ? null : `it does not hold the entries ${first} to ${last} that its name says`;
  }

  piece(): Piece | null {
    if (this.#name === null || this.#before === null || this.problem() !== null) return null;
    return { ...this.#name, before: this.#before, hashes: Buffer.concat(this.#hashes) };
  }

  #line(text: string): void {
    if (this.#problem !== null) return;
    const row = auditRowIn(text);
    const expected = (this.#last?.seq ?? (this.#name?.first ?? 1) - 1) + 1;
    if (row === null) {
      this.#fail(`what stands in the place of entry ${expected} is none`, expected);
      return;
    }
    if (!this.#chain.add(row, row.seq)) {
      this.#fail(`entry ${expected} in it does not fit the one before it`, expected);
      return;
    }
    this.#before ??= { seq: row.seq - 1, hash: row.previous };
    this.#last = { seq: row.seq, hash: row.hash };
    this.#hashes.push(Buffer.from(row.hash, 'hex'));
  }

  #fail(problem: string, entry: number | null = null): void {
    this.#problem ??= problem;
    this.brokenAt ??= entry;
  }
}

/** Hash of an entry that the piece holds, or of the one before its first; null when it holds none of that number. */
export function hashIn(piece: Piece, seq: number): string | null {
  if (seq === piece.before.seq) return piece.before.hash;
  if (seq < piece.first || seq > piece.last) return null;
  const at = (seq - piece.first) * 32;
  return piece.hashes.toString('hex', at, at + 32);
}

export interface NamedPiece extends PieceName {
  readonly archive: string;
}

/** What the manifests of a folder say that its archives hold of the log; nothing of it is read. */
export async function namedPieces(folder: string): Promise<readonly NamedPiece[]> {
  const found: NamedPiece[] = [];
  for (const archive of await auditArchivesIn(folder)) {
    const there = await lstat(archive).catch(() => null);
    const manifest = there === null ? null : await manifestOf(archive).catch(() => null);
    for (const file of manifest?.files ?? []) {
      const piece = parsePieceName(file.path);
      if (piece !== null) found.push({ ...piece, archive });
    }
  }
  return found.sort((one, other) => one.first - other.first);
}
