/**
 * Are the audit log in the store and its archives one chain? Pure: what was read goes in, what is wrong comes out. A hash covers all
 * entries before it, so two that agree at one entry agree from there back to the first.
 */
import * as z from 'zod';
import { genesis } from '../../store/audit.ts';
import type { AuditState, ChainLink } from '../../store/audit.ts';
import { hashIn } from './auditArchives.ts';
import type { Piece, ReadArchive } from './auditArchives.ts';

const link = z.object({ seq: z.int(), hash: z.string() });

/** The JSON document of `upkeep audit verify`. */
export const auditVerification = z.object({
  /** False = something is wrong; warnings do not count. */
  ok: z.boolean(),
  /** In the store. */
  entries: z.int(),
  /** First entry of the store that does not fit the one before it, or is missing. */
  brokenAt: z.int().nullable(),
  /** Entries up to here left the store once they were archived; 0 = none did. */
  trimmedThrough: z.int(),
  /** The last entry: to be noted elsewhere, for `--head`. */
  head: link.extend({ at: z.iso.datetime() }).nullable(),
  archives: z.array(
    z.object({
      path: z.string(),
      status: z.enum(['whole', 'damaged', 'foreign', 'unjoined']),
      /** Null when it holds no entry that can be relied on. */
      first: z.int().nullable(),
      last: z.int().nullable(),
    }),
  ),
  findings: z.array(
    z.object({
      level: z.enum(['warning', 'critical']),
      code: z.enum([
        'audit.chain',
        'audit.truncated',
        'audit.copy',
        'audit.archive',
        'audit.foreign',
        'audit.rewritten',
        'audit.gap',
        'audit.head',
        'audit.unverified',
      ]),
      /** File or folder. */
      subject: z.string(),
      /** Number of the entry that it begins with, where there is one. */
      entry: z.int().nullable(),
      /** What is wrong, and what to do. */
      message: z.string(),
    }),
  ),
});
export type AuditVerification = z.infer<typeof auditVerification>;
export type AuditFinding = AuditVerification['findings'][number];

export interface StoreLog {
  readonly file: string;
  readonly state: AuditState;
  readonly hashAt: (seq: number) => string | null;
  /** The highest number that an entry of it ever had, by SQLite's own count. */
  readonly highest: number;
}

export interface Join {
  readonly log: StoreLog;
  readonly archives: readonly ReadArchive[];
  /** Folders of which all archives were read; none = at most single files were. */
  readonly folders: readonly string[];
  /** Noted earlier; the log must still hold them. */
  readonly heads: readonly ChainLink[];
}

type Standing = AuditVerification['archives'][number]['status'];

export function joinAudit(given: Join): AuditVerification {
  return new Joining(given).result();
}

class Joining {
  readonly #given: Join;
  readonly #findings: AuditFinding[] = [];
  readonly #own: Piece[] = [];
  readonly #unjoined: Piece[] = [];
  readonly #standing = new Map<ReadArchive, Standing>();

  constructor(given: Join) {
    this.#given = given;
  }

  result(): AuditVerification {
    const { log, archives, heads } = this.#given;
    const { entries, brokenAt, base, head } = log.state;
    this.#judgeStore();
    this.#judgeArchives();
    this.#findGaps();
    for (const noted of heads) this.#judgeHead(noted);
    return {
      ok: !this.#findings.some(({ level }) => level === 'critical'),
      ...{ entries, brokenAt, trimmedThrough: base.seq },
      head: head && { seq: head.seq, hash: head.hash, at: new Date(head.at).toISOString() },
      archives: archives.map((archive) => ({
        path: archive.path,
        status: this.#standing.get(archive) ?? 'whole',
        first: archive.pieces[0]?.first ?? null,
        last: archive.pieces.at(-1)?.last ?? null,
      })),
      findings: this.#findings,
    };
  }

  #judgeStore(): void {
    const { file, state, highest } = this.#given.log;
    const { brokenAt, base, head, trimmed } = state;
    if (brokenAt !== null && base.seq > 0 && trimmed === null) {
      this.#wrong(
        'audit.chain',
        file,
        1,
        `${entriesText(1, base.seq)} missing, and nothing in the log says that they were archived: they were removed by somebody. ${mend}`,
      );
    } else if (brokenAt !== null) {
      this.#wrong(
        'audit.chain',
        file,
        brokenAt,
        `entry ${brokenAt} does not fit the one before it: it was changed, or entries were removed. ${mend}`,
      );
    }
    const last = head?.seq ?? base.seq;
    if (highest > last) {
      this.#wrong(
        'audit.truncated',
        file,
        last + 1,
        `the log ends with entry ${last}, and has held entries up to ${highest}: its end was cut off. ${mend}`,
      );
    }
  }

  #judgeArchives(): void {
    const pieces: { readonly archive: ReadArchive; readonly piece: Piece }[] = [];
    for (const archive of this.#given.archives) {
      for (const piece of archive.pieces) pieces.push({ archive, piece });
      if (archive.problem === null) continue;
      this.#standing.set(archive, 'damaged');
      const held = archive.stated
        .map(({ first, last }) => (first === last ? String(first) : `${first} to ${last}`))
        .join(', ');
      const lost = archive.stated.some(({ first }) => first <= this.#given.log.state.base.seq)
        ? ', which are no longer in the store'
        : '';
      const entries = held === '' ? '' : `. It should hold the entries ${held}${lost}`;
      this.#wrong(
        'audit.archive',
        archive.path,
        archive.entry,
        `${archive.problem}${entries}. Put it back from a copy, and look who changed it.`,
      );
    }
    pieces.sort((one, other) => other.piece.last - one.piece.last);
    for (const { archive, piece } of pieces) this.#place(archive, piece);
  }

  /** From the newest to the oldest, so that each finds what the ones behind it know. */
  #place(archive: ReadArchive, piece: Piece): void {
    const { state, file } = this.#given.log;
    const end = state.head?.seq ?? state.base.seq;
    const common = Math.min(piece.last, end);
    const [known, held] = [this.#known(common), hashIn(piece, common)];
    if (known === null || held === null) {
      this.#unjoined.push(piece);
      this.#standing.set(archive, 'unjoined');
      if (held === null)
        this.#wrong(
          'audit.truncated',
          archive.path,
          piece.first,
          `it holds the entries ${piece.first} to ${piece.last}, and the log ${file} ends with ${end}: the end of the log was lost, or the archive is of another log.`,
        );
      return;
    }
    if (known === held) {
      this.#own.push(piece);
      if (piece.last > end)
        this.#wrong(
          'audit.truncated',
          file,
          end + 1,
          `the log ends with entry ${end}, and ${archive.path} holds entries up to ${piece.last}: the end of the log was cut off, or an old copy of the store was put back.`,
        );
      return;
    }
    const parting = this.#parting(piece, common);
    this.#standing.set(archive, 'foreign');
    if (parting === null || parting <= 1)
      this.#wrong(
        'audit.foreign',
        archive.path,
        piece.first,
        `it is no part of this log, but of another agent's, or of the one that this agent had before: take it out of the folder.`,
      );
    else
      this.#wrong(
        'audit.rewritten',
        archive.path,
        parting,
        `entry ${parting} in it is another than in the log ${file}: the log was rewritten from there on after it had been archived. ${mend}`,
      );
  }

  /** First entry that differs; null when even the one before the piece does. */
  #parting(piece: Piece, common: number): number | null {
    const same = (seq: number): boolean => this.#known(seq) === hashIn(piece, seq);
    let [equal, differs] = [piece.before.seq, common];
    if (!same(equal)) return null;
    while (differs - equal > 1) {
      const middle = Math.floor((equal + differs) / 2);
      if (same(middle)) equal = middle;
      else differs = middle;
    }
    return differs;
  }

  /** Hash of an entry, by the store or by an archive that joins it. */
  #known(seq: number): string | null {
    if (seq === 0) return genesis.hash;
    const { state, hashAt } = this.#given.log;
    if (seq === state.base.seq) return state.base.hash;
    if (seq > state.base.seq) return hashAt(seq);
    for (const piece of this.#own) {
      const hash = hashIn(piece, seq);
      if (hash !== null) return hash;
    }
    return null;
  }

  #findGaps(): void {
    const { base } = this.#given.log.state;
    let reached = 0;
    // A damaged archive is no removed one, and was told of.
    const stated = this.#given.archives.filter(({ problem }) => problem !== null).flatMap((archive) => archive.stated);
    for (const piece of [...this.#own, ...this.#unjoined, ...stated].sort((one, other) => one.first - other.first)) {
      this.#gap(reached + 1, piece.first - 1);
      reached = Math.max(reached, piece.last);
    }
    this.#gap(reached + 1, base.seq);
  }

  #gap(from: number, to: number): void {
    const { log, folders } = this.#given;
    const { base, trimmed } = log.state;
    const lost = Math.min(to, base.seq);
    if (from <= lost) {
      const names =
        trimmed !== null && trimmed.through >= from && trimmed.from <= lost
          ? `; the newest of them were in ${trimmed.archives.map(({ name }) => name).join(', ')} of ${trimmed.folder}`
          : '';
      const subject = folders.join(', ');
      if (folders.length > 0)
        this.#wrong(
          'audit.gap',
          subject,
          from,
          `no archive holds ${entriesText(from, lost)} no longer in the store either${names}: an archive was removed. Put it back from a copy.`,
        );
      else
        this.#note(
          'audit.unverified',
          log.file,
          from,
          `${entriesText(from, lost)} no longer in the store, nor in what was looked at${names}: give their folder by --archive.`,
        );
    }
    const kept = Math.max(from, base.seq + 1);
    if (kept > to || folders.length === 0) return;
    this.#wrong(
      'audit.gap',
      folders.join(', '),
      kept,
      `no archive holds ${entriesText(kept, to)} archived no longer, though later ones are: an archive was removed. The store still has them; archive-audit-logs archives them again.`,
    );
  }

  #judgeHead(noted: ChainLink): void {
    const { log } = this.#given;
    const known = this.#known(noted.seq);
    const end = log.state.head?.seq ?? log.state.base.seq;
    if (known === noted.hash && noted.seq > 0) return;
    const message =
      noted.seq > end
        ? `the log ends with entry ${end}, before the noted entry ${noted.seq}: its end was cut off.`
        : known === null
          ? `the noted entry ${noted.seq} is neither in the store nor in an archive that was looked at: give their folder by --archive.`
          : `entry ${noted.seq} is another than the noted one: the log was rewritten, or is another one. ${mend}`;
    this.#wrong('audit.head', log.file, noted.seq, message);
  }

  #wrong(code: AuditFinding['code'], subject: string, entry: number | null, message: string): void {
    this.#findings.push({ level: 'critical', code, subject, entry, message });
  }

  #note(code: AuditFinding['code'], subject: string, entry: number | null, message: string): void {
    this.#findings.push({ level: 'warning', code, subject, entry, message });
  }
}

const mend =
  'Keep the store as it is for whoever looks into it, and compare it with audit.ndjson beside it and with backups.';

function entriesText(from: number, to: number): string {
  return from === to ? `entry ${from}, which is` : `entries ${from} to ${to}, which are`;
}
