/** Reads the audit log of a state folder, its copy and its archives, beside a running agent, and joins them. Nothing is changed. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { auditHash, auditState } from '../../store/audit.ts';
import type { ChainLink } from '../../store/audit.ts';
import { auditCopyFile, auditRowIn } from '../../store/copies.ts';
import { storeFile } from '../../store/openStore.ts';
import { StoreSnapshot } from '../../store/snapshot.ts';
import { auditArchivesIn, readAuditArchive } from './auditArchives.ts';
import type { ReadArchive } from './auditArchives.ts';
import { joinAudit } from './auditJoin.ts';
import type { AuditFinding, AuditVerification, StoreLog } from './auditJoin.ts';

export interface VerifyAudit {
  /** The state folder. */
  readonly state: string;
  /** Folders of archives, and single archives. */
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly heads: readonly ChainLink[];
  readonly signal: AbortSignal;
}

/** Rejects with StoreError when there is no store that can be read, or with the system's error for a folder. */
export async function verifyAuditLog(given: VerifyAudit): Promise<AuditVerification> {
  const first = await look(given);
  // Between the archives and the store an agent may have archived and trimmed: then the second look is in order.
  return first.ok ? first : await look(given);
}

async function look({ state, folders, files, heads, signal }: VerifyAudit): Promise<AuditVerification> {
  const copy = auditCopyFile(state);
  // The copy is written after the store, and archives are made from it: read before it, neither is ahead.
  const copied = await stat(copy).then(
    ({ size }) => size,
    () => 0,
  );
  const archives: ReadArchive[] = [];
  const seen = new Set<string>();
  for (const archive of [...(await Promise.all(folders.map(auditArchivesIn))).flat(), ...files]) {
    const place = path.resolve(archive);
    if (seen.has(place)) continue;
    seen.add(place);
    archives.push(await readAuditArchive(place, signal));
  }
  archives.sort((one, other) => firstOf(one) - firstOf(other));
  const store = new StoreSnapshot(storeFile(state));
  try {
    const log: StoreLog = {
      file: store.file,
      state: auditState(store),
      hashAt: (seq) => {
        const hash = store.get('SELECT hash FROM audit WHERE seq = ?', seq)?.['hash'];
        return typeof hash === 'string' ? hash : null;
      },
      highest: Number(store.get("SELECT seq FROM sqlite_sequence WHERE name = 'audit'")?.['seq'] ?? 0),
    };
    const result = joinAudit({ log, archives, folders, heads });
    const problem = await compareCopy(copy, copied, log);
    if (problem === null) return result;
    return { ...result, ok: result.ok && problem.level !== 'critical', findings: [...result.findings, problem] };
  } finally {
    store.close();
  }
}

/** The first entry of the copy that the store does not have, or has otherwise. What was trimmed does not count. */
async function compareCopy(file: string, bytes: number, log: StoreLog): Promise<AuditFinding | null> {
  if (bytes === 0) return null;
  const end = log.state.head?.seq ?? log.state.base.seq;
  for await (const line of createInterface({ input: createReadStream(file, { end: bytes - 1 }) })) {
    const row = auditRowIn(line);
    // A crash or a full disk may leave half a line.
    if (row === null || row.seq <= log.state.base.seq) continue;
    const about = { subject: file, entry: row.seq };
    const sound = row.hash === auditHash(row);
    if (sound && row.seq > end)
      return {
        ...about,
        level: 'critical',
        code: 'audit.truncated',
        message: `the copy holds entry ${row.seq}, and the log in the store ends with ${end}: its end was cut off. A starting agent brings it back from this copy.`,
      };
    const there = log.hashAt(row.seq);
    if (sound && there !== row.hash) {
      const how =
        there === null
          ? 'is missing in the store, and is still here'
          : 'is another here than in the store: one of them was rewritten';
      return {
        ...about,
        level: 'critical',
        code: 'audit.copy',
        message: `entry ${row.seq} ${how}. Keep both files for whoever looks into it.`,
      };
    }
    if (!sound)
      return {
        ...about,
        level: 'warning',
        code: 'audit.copy',
        message: `entry ${row.seq} of the copy was changed; the log in the store is what counts. Remove the copy, and restart the agent to make it anew.`,
      };
  }
  return null;
}

function firstOf({ stated }: ReadArchive): number {
  return stated[0]?.first ?? Number.MAX_SAFE_INTEGER;
}
