/**
 * What no run directory could bring back is kept a second time beside the store: tokens (their hashes) as `tokens.json`, the audit
 * log as `audit.ndjson`, one entry a line. Both serve only when the store is damaged or has lost what they still have.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { parseJson } from '../json.ts';
import { roles } from '../protocol/nouns.ts';
import type { Database } from './database.ts';

export const auditRow = z.strictObject({
  seq: z.int().min(1),
  at: z.int(),
  actor: z.string(),
  action: z.string(),
  target: z.string(),
  reason: z.string().nullable(),
  detail: z.string(),
  previous: z.string().length(64),
  hash: z.string().length(64),
});
export type AuditRow = z.infer<typeof auditRow>;

export const tokenRow = z.strictObject({
  id: z.string(),
  name: z.string(),
  role: z.enum(roles),
  hash: z.string().length(64),
  created_at: z.int(),
  expires_at: z.int().nullable(),
  revoked_at: z.int().nullable(),
});
export type TokenRow = z.infer<typeof tokenRow>;

const tokensFile = 'tokens.json';
const auditFile = 'audit.ndjson';
export const auditColumns = 'seq, at, actor, action, target, reason, detail, previous, hash';
/** Entries written at once. */
const batch = 500;
const tailBytes = 256 * 1024;
/** Read at once; more than the longest entry. */
const pieceBytes = 1024 * 1024;

/** What the copy of the log held when this process last looked: while its size is the same, its end need not be read again. */
const lastAppended = new WeakMap<Database, { readonly seq: number; readonly size: number }>();

/** Writes the copy of the tokens after a change of them. A copy that can not be written is made at the next change or start. */
export function copyTokens(database: Database): void {
  const directory = folderOf(database);
  if (directory === null) return;
  database.afterCommit(() => {
    if (database.condition().state === 'held') return;
    const rows = database.all(
      'SELECT id, name, role, hash, created_at, expires_at, revoked_at FROM tokens ORDER BY created_at, id',
    );
    const file = join(directory, tokensFile);
    attempt(() => {
      const temporary = `${file}.${process.pid}.new`;
      try {
        writeFileSync(temporary, `${JSON.stringify(rows, null, 1)}\n`, { mode: 0o600, flush: true });
        renameSync(temporary, file);
      } finally {
        rmSync(temporary, { force: true });
      }
    });
  });
}

/** Appends the entries of the log that the copy has not yet. */
export function copyAudit(database: Database): void {
  const directory = folderOf(database);
  if (directory === null) return;
  database.afterCommit(() => {
    if (database.condition().state === 'held') return;
    const file = join(directory, auditFile);
    attempt(() => {
      const known = lastAppended.get(database);
      let last = known?.size === sizeOf(file) ? known.seq : lastCopied(file);
      for (;;) {
        const rows = database.all(`SELECT ${auditColumns} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?`, last, batch);
        if (rows.length === 0) {
          lastAppended.set(database, { seq: last, size: sizeOf(file) });
          return;
        }
        appendFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''), { mode: 0o600 });
        last = Number(rows.at(-1)?.['seq']);
      }
    });
  });
}

/** Takes out of the copy what was trimmed from the log, and nothing else: it may hold what the store has lost. */
export function shortenAuditCopy(database: Database): void {
  const directory = folderOf(database);
  if (directory === null) return;
  database.afterCommit(() => {
    if (database.condition().state === 'held') return;
    const first = Number(database.get('SELECT min(seq) AS seq FROM audit')?.['seq'] ?? 1);
    attempt(() => {
      dropBefore(join(directory, auditFile), first);
    });
  });
}

/** Leaves out the lines at the beginning whose numbers are below `first`; the file is the old or the new one at every moment. */
function dropBefore(file: string, first: number): void {
  if (sizeOf(file) === 0) return;
  const temporary = `${file}.new`;
  rmSync(temporary, { force: true });
  const from = openSync(file, 'r');
  try {
    const start = startOf(from, first);
    if (start === 0) return;
    const to = openSync(temporary, 'wx', 0o600);
    try {
      const piece = Buffer.alloc(pieceBytes);
      for (let position = start; ;) {
        const bytes = readSync(from, piece, 0, piece.length, position);
        if (bytes === 0) break;
        writeFileSync(to, piece.subarray(0, bytes));
        position += bytes;
      }
      fsyncSync(to);
    } finally {
      closeSync(to);
    }
    renameSync(temporary, file);
  } finally {
    closeSync(from);
    rmSync(temporary, { force: true });
  }
}

/** Where the first line begins that is not below `first`; half lines on the way are passed by. */
function startOf(file: number, first: number): number {
  const piece = Buffer.alloc(pieceBytes);
  for (let position = 0; ;) {
    const bytes = readSync(file, piece, 0, piece.length, position);
    let begin = 0;
    for (;;) {
      const end = piece.subarray(0, bytes).indexOf(0x0a, begin);
      if (end < 0) break;
      const seq = /^\{"seq":(\d{1,15}),/.exec(piece.toString('latin1', begin, Math.min(end, begin + 32)))?.[1];
      if (seq !== undefined && Number(seq) >= first) return position + begin;
      begin = end + 1;
    }
    if (bytes < piece.length || begin === 0) return position + begin;
    position += begin;
  }
}

/** The copied tokens; those that are not as they should be are left out. */
export function readTokenCopy(directory: string): readonly TokenRow[] {
  const parsed = z.array(z.unknown()).safeParse(parseJson(readIfThere(join(directory, tokensFile)) ?? '[]'));
  return (parsed.data ?? []).flatMap((item) => {
    const row = tokenRow.safeParse(item);
    return row.success ? [row.data] : [];
  });
}

/** The entry that a line of a copy or an archive holds; null when it is none. */
export function auditRowIn(line: string): AuditRow | null {
  return auditRow.safeParse(parseJson(line)).data ?? null;
}

/** The copied entries by number; half lines and repetitions are left out, the last of a number counts. */
export function readAuditCopy(directory: string): readonly AuditRow[] {
  const rows = new Map<number, AuditRow>();
  for (const line of (readIfThere(join(directory, auditFile)) ?? '').split('\n')) {
    const row = auditRowIn(line);
    if (row !== null) rows.set(row.seq, row);
  }
  return [...rows.values()].sort((one, other) => one.seq - other.seq);
}

export function auditCopyFile(directory: string): string {
  return join(directory, auditFile);
}

/** Number of the last entry of the copy; 0 when there is none. */
export function lastAuditCopy(directory: string): number {
  return lastCopied(join(directory, auditFile));
}

function lastCopied(file: string): number {
  const text = tailOf(file);
  if (text === '') return 0;
  // A line cut off by a crash or a full disk is ended here, so that the next one stands alone.
  if (!text.endsWith('\n')) appendFileSync(file, '\n');
  for (const line of text.trimEnd().split('\n').reverse()) {
    const row = auditRowIn(line);
    if (row !== null) return row.seq;
  }
  return 0;
}

/** The end of a file that may be long: more than the longest entry. */
function tailOf(file: string): string {
  if (!existsSync(file) || !statSync(file).isFile()) return '';
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const bytes = Buffer.alloc(Math.min(size, tailBytes));
    readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString('utf8');
  } finally {
    closeSync(descriptor);
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function folderOf(database: Database): string | null {
  return database.file === ':memory:' ? null : dirname(database.file);
}

function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // The store has it; the copy follows at the next change or start.
  }
}

function readIfThere(file: string): string | null {
  if (!existsSync(file) || !statSync(file).isFile()) return null;
  return readFileSync(file, 'utf8');
}
