/**
 * The work of `archive-audit-logs`. The store is only read, as it may be the store of a running agent: entries are copied, and how far
 * the copies reach stands in the names of the archived files (`upkeep-audit-FIRST-LAST-HASH.ndjson`), so that the next copy can show
 * that it goes on where this one ends.
 */
import { existsSync } from 'node:fs';
import { lstat, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { auditHash, verifyAudit } from '../../store/audit.ts';
import { auditRow } from '../../store/copies.ts';
import type { AuditRow } from '../../store/copies.ts';
import { Database } from '../../store/database.ts';
import { storeFile } from '../../store/openStore.ts';
import { outcomeOf } from '../define.ts';
import { remembering } from '../remembering.ts';
import type { ProcedureContext, ProcedureResult } from '../define.ts';
import type { ArchiveAuditLogsOptions } from './archiveAuditLogs.ts';
import { FolderProblem } from './archiveFolder.ts';
import { part as archivePart } from './archiveLogsWork.ts';
import { archiveNow } from './archiveRun.ts';
import { chooseArchive } from './archiveSettings.ts';
import type { DueSource } from './archiveSources.ts';
import { chainProblem } from './auditChain.ts';
import { contentsOf, placesOf, readManifest } from './manifest.ts';
import { inodeKey } from './writers.ts';

export const part = archivePart.extend({
  /** Null when there is no store. */
  audit: z.object({ entries: z.int(), brokenAt: z.int().nullable(), archivedThrough: z.int() }).nullable(),
});
export type ArchiveAuditLogsPart = z.infer<typeof part>;

const dayMs = 86_400_000;
const batch = 1000;

export async function run(
  options: ArchiveAuditLogsOptions,
  given: ProcedureContext,
): Promise<ProcedureResult<ArchiveAuditLogsPart>> {
  const { context, findings } = remembering(given);
  const { archive, audit } = context.config.logs;
  const own = new OwnLog(context);
  try {
    const chosen = { days: options.days ?? audit.days, destination: options.destination ?? audit.destination };
    const settings = { ...(await chooseArchive(chosen, context.config)), paths: audit.paths, keep: null };
    const before = context.now().getTime() - settings.days * dayMs;
    const { part: made, failed } = await archiveNow(settings, context, {
      prefix: 'audit',
      extra: () => own.due(settings.destination, before),
      objection: async ({ path: file }) => {
        const problem = await chainProblem(file).catch((error: unknown) => String(error));
        return problem === null ? null : `its chain is broken, ${problem}; look who changed it`;
      },
    });
    const changed = made.archives.some(({ action }) => action !== 'planned');
    const outcome = failed || own.broken ? 'failed' : outcomeOf(findings, changed ? 'changed' : 'unchanged');
    return { outcome, part: { ...made, audit: own.state } };
  } catch (error) {
    if (!(error instanceof FolderProblem)) throw error;
    const subject = archive.destination === undefined ? 'logs.audit' : 'logs.archive';
    context.finding({ level: 'critical', code: 'logs.archive', subject, message: error.message });
    return { outcome: 'failed', part: { archives: [], files: [], audit: own.state } };
  }
}

/** The audit log in the store beside `memory/`. */
class OwnLog {
  state: ArchiveAuditLogsPart['audit'] = null;
  broken = false;
  readonly #context: ProcedureContext;

  constructor(context: ProcedureContext) {
    this.#context = context;
  }

  /** The entries that are old and in no archive yet, as a file; none when the chain is broken. */
  async due(destination: string, before: number): Promise<readonly DueSource[]> {
    const folder = this.#context.memoryDirectory;
    for (const name of await readdir(folder)) if (fileName.test(name)) await rm(path.join(folder, name));
    const store = storeFile(path.resolve(folder, '..', '..'));
    if (!existsSync(store)) return [];
    const database = new Database(store, { readOnly: true });
    try {
      const last = await lastArchived(destination);
      const { entries, brokenAt } = verifyAudit(database);
      this.state = { entries, brokenAt, archivedThrough: last.seq };
      const problem = brokenAt === null ? joint(database, last) : `entry ${brokenAt} does not fit the one before it`;
      if (problem !== null) {
        this.#refuse(store, problem);
        return [];
      }
      return await this.#copy(rowsAfter(database, last.seq, before), folder);
    } finally {
      database.close();
    }
  }

  async #copy(rows: readonly AuditRow[], folder: string): Promise<readonly DueSource[]> {
    const [first, last] = [rows[0], rows.at(-1)];
    if (first === undefined || last === undefined) return [];
    if (this.state !== null) this.state.archivedThrough = last.seq;
    const file = path.join(folder, `upkeep-audit-${first.seq}-${last.seq}-${last.hash}.ndjson`);
    if (this.#context.dryRun) {
      this.#context.print(`entries ${first.seq} to ${last.seq} of Upkeep's audit log`);
      return [];
    }
    await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''), { mode: 0o600, flag: 'wx' });
    const stats = await lstat(file, { bigint: true });
    const { size, mtimeMs } = stats;
    return [
      { path: file, key: inodeKey(stats), bytes: Number(size), user: null, modifiedAt: new Date(Number(mtimeMs)) },
    ];
  }

  #refuse(store: string, problem: string): void {
    this.broken = true;
    this.#context.finding({
      ...{ level: 'critical', code: 'logs.audit', subject: store },
      message: `The audit log was changed: ${problem}. Nothing of it was archived; see "upkeep audit verify".`,
    });
  }
}

const fileName = /^upkeep-audit-(\d+)-(\d+)-([0-9a-f]{64})\.ndjson$/;

interface Reach {
  readonly seq: number;
  /** Of the last archived entry; null = none is archived. */
  readonly hash: string | null;
}

/** How far the archives of the folder reach. */
async function lastArchived(folder: string): Promise<Reach> {
  let reach: Reach = { seq: 0, hash: null };
  const { archives } = await contentsOf(folder).catch(() => ({ archives: [] }));
  for (const archive of archives) {
    if (!archive.startsWith('audit-')) continue;
    const places = placesOf(folder, archive);
    const manifest = (await readManifest(places.manifest)) ?? (await readManifest(places.pending));
    for (const file of manifest?.files ?? []) {
      const [, , last, hash] = fileName.exec(path.basename(file.path)) ?? [];
      if (last !== undefined && Number(last) > reach.seq) reach = { seq: Number(last), hash: hash ?? null };
    }
  }
  return reach;
}

/** Does the log still hold the entry with which the archives end? */
function joint(database: Database, { seq, hash }: Reach): string | null {
  if (hash === null) return null;
  const there = database.get('SELECT hash FROM audit WHERE seq = ?', seq)?.['hash'];
  return there === hash ? null : `its entry ${seq} is another than the one that was archived`;
}

function rowsAfter(database: Database, seq: number, before: number): readonly AuditRow[] {
  const rows: AuditRow[] = [];
  const text =
    'SELECT seq, at, actor, action, target, reason, detail, previous, hash FROM audit WHERE seq > ? ORDER BY seq LIMIT ?';
  for (let last = seq; ;) {
    const some = database.all(text, last, batch).map((row) => auditRow.parse(row));
    for (const row of some) {
      if (row.at >= before) return rows;
      if (auditHash(row) !== row.hash) throw new Error(`Entry ${row.seq} of the audit log changed while it was read.`);
      rows.push(row);
      last = row.seq;
    }
    if (some.length < batch) return rows;
  }
}
