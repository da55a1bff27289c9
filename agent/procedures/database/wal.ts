/** Write-ahead log: is it archived, and who makes the server keep it. PostgreSQL manual: "Continuous Archiving", "pg_replication_slots". */
import type { Finding } from '../../protocol/nouns.ts';
import { bytesText } from './bytesText.ts';
import type { DatabaseSession } from './connection.ts';
import { errorCode } from './connectionProblem.ts';
import { counted, printable } from './names.ts';

/** Findings about the server's WAL; changes nothing. */
export async function walFindings(session: DatabaseSession): Promise<Finding[]> {
  return [...(await archiverFindings(session)), ...(await slotFindings(session))];
}

interface Archiver {
  readonly mode: string;
  readonly configured: boolean;
  readonly archived: number;
  readonly failed: number;
  readonly failing: boolean;
  readonly lastFailed: string | null;
  readonly lastFailedAt: Date | null;
}

async function archiverFindings(session: DatabaseSession): Promise<Finding[]> {
  const rows = await session.query<Archiver>(
    // archive_library exists from version 15 on; the values of both are hidden from roles without pg_read_all_settings.
    `select current_setting('archive_mode') as mode,
       coalesce((select bool_or(setting not in ('', '(disabled)')) from pg_catalog.pg_settings
                 where name in ('archive_command', 'archive_library')), true) as configured,
       archived_count::float8 as archived, failed_count::float8 as failed,
       coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) as failing,
       last_failed_wal as "lastFailed", last_failed_time as "lastFailedAt"
     from pg_catalog.pg_stat_archiver`,
  );
  const archiver = rows[0];
  if (archiver === undefined || archiver.mode === 'off') return [];
  if (session.inRecovery && archiver.mode !== 'always') return [];
  const subject = printable(session.target.name);
  const backlog = await archiveBacklog(session);
  const waiting = backlog === null ? '' : `, ${counted(backlog, 'segment')} ${backlog === 1 ? 'waits' : 'wait'}`;
  if (!archiver.configured) {
    const message = `archive_mode is on and archive_command is empty, so the server keeps all WAL${waiting}; set archive_command.`;
    return [{ level: 'warning', code: 'database.archiver', subject, message }];
  }
  const findings: Finding[] = [];
  if (archiver.failing) {
    const message =
      `Archiving of WAL ${printable(archiver.lastFailed ?? '?')} failed at ${archiver.lastFailedAt?.toISOString() ?? '?'}` +
      `${waiting}; see the server's log and correct archive_command before the disk is full.`;
    findings.push({
      level: 'critical',
      code: 'database.archiver',
      subject,
      message,
      value: archiver.failed,
      unit: 'failures',
    });
  }
  if (backlog !== null && backlog >= backlogWarning) {
    findings.push({
      level: 'warning',
      code: 'database.archive_backlog',
      subject,
      message: `${backlog} WAL segments wait to be archived; make archive_command faster, or find out why it hangs.`,
      value: backlog,
      threshold: backlogWarning,
      unit: 'segments',
    });
  }
  return findings;
}

/** Segments that are ready and not yet archived; null without the right to look (pg_monitor). */
async function archiveBacklog(session: DatabaseSession): Promise<number | null> {
  try {
    const rows = await session.query<{ ready: number }>(
      `select count(*)::float8 as ready from pg_catalog.pg_ls_archive_statusdir() where name like '%.ready'`,
    );
    return rows[0]?.ready ?? null;
  } catch (error) {
    if (errorCode(error) === '42501') return null;
    throw error;
  }
}

interface Slot {
  readonly name: string;
  readonly type: string;
  readonly active: boolean;
  readonly status: string | null;
  readonly retained: number | null;
  readonly limit: number;
}

/** Replication slots that make the server keep WAL. */
export async function slotFindings(session: DatabaseSession): Promise<Finding[]> {
  const position = session.inRecovery ? 'pg_catalog.pg_last_wal_replay_lsn()' : 'pg_catalog.pg_current_wal_lsn()';
  const slots = await session.query<Slot>(
    `select slot_name as name, slot_type as type, active, wal_status as status,
       pg_catalog.pg_wal_lsn_diff(${position}, restart_lsn)::float8 as retained,
       (select setting::float8 * 1024 * 1024 from pg_catalog.pg_settings where name = 'max_wal_size') as "limit"
     from pg_catalog.pg_replication_slots where not temporary order by slot_name`,
  );
  return slots.flatMap((slot) => slotFinding(slot, session.target.name));
}

/** A slot may hold as much WAL as max_wal_size; `lost` and `unreserved` tell of one beyond max_slot_wal_keep_size. */
export function slotFinding(slot: Slot, target: string): Finding[] {
  const name = printable(slot.name);
  // Servers may have slots of the same name.
  const base = { code: 'database.replication_slot', subject: `${printable(target)}: ${name}` };
  const drop = 'start its consumer, or drop the slot (pg_drop_replication_slot) if that is gone';
  if (slot.status === 'lost' || slot.status === 'unreserved') {
    const state = slot.status === 'lost' ? 'has lost' : 'is about to lose';
    const message = `Replication slot ${name} ${state} WAL that its consumer needs: build the consumer anew and drop the slot.`;
    return [{ ...base, level: 'critical', message }];
  }
  if (slot.retained === null) return [];
  const size = { value: slot.retained, threshold: slot.limit, unit: 'bytes' };
  const text = `Replication slot ${name} (${slot.type}, ${slot.active ? 'active' : 'inactive'}) retains ${bytesText(slot.retained)} of WAL`;
  if (slot.retained > slot.limit) return [{ ...base, ...size, level: 'warning', message: `${text}; ${drop}.` }];
  if (slot.active) return [];
  return [{ ...base, ...size, level: 'info', message: `${text}; if that goes on, ${drop}.` }];
}

const backlogWarning = 20;
