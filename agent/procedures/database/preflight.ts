/** What must be known before work starts: standby, transaction ids, transactions that make VACUUM useless, missing insight. */
import { bytesText } from './bytesText.ts';
import { longTransactions } from './holders.ts';
import { endSession } from './lockTree.ts';
import { counted, printable } from './names.ts';
import type { DatabaseRun } from './run.ts';
import { durationText, insightFinding } from './serverFindings.ts';
import { slotFindings } from './wal.ts';
import { wraparoundFinding, type IdAge } from './wraparound.ts';

/** Reports findings; changes nothing. Returns false when the server only reads. */
export async function preflight(run: DatabaseRun): Promise<boolean> {
  await checkWraparound(run);
  await checkLongTransactions(run);
  if (!run.session.inRecovery) return true;
  run.context.finding({
    level: 'info',
    code: 'database.standby',
    subject: printable(run.session.target.name),
    message: `${printable(run.session.target.name)} is a standby: VACUUM and ANALYZE are left to its primary.`,
  });
  return false;
}

/**
 * The preflight of everything that locks or copies: as above, with who waits for locks already, and replicas that would have
 * to take the flood of WAL.
 */
export async function lockPreflight(run: DatabaseRun): Promise<boolean> {
  const writable = await preflight(run);
  if (!writable) return false;
  await checkWaitingLocks(run);
  await checkReplicas(run);
  for (const finding of await slotFindings(run.session)) run.context.finding(finding);
  return true;
}

async function checkWaitingLocks({ session, context }: DatabaseRun): Promise<void> {
  const rows = await session.query<{ waiting: number; longest: number }>(
    `select count(*)::float8 as waiting, coalesce(extract(epoch from max(now() - state_change)), 0)::float8 as longest
     from pg_catalog.pg_stat_activity
     where wait_event_type = 'Lock' and datname = pg_catalog.current_database() and state_change < now() - interval '1 second'`,
  );
  const { waiting, longest } = rows[0] ?? { waiting: 0, longest: 0 };
  if (waiting === 0) return;
  const subject = printable(session.target.name);
  context.finding({
    level: 'warning',
    code: 'database.locks_waiting',
    subject,
    message: `${counted(waiting, 'session')} of ${subject} ${waiting === 1 ? 'waits' : 'wait'} for locks, the longest for ${Math.round(longest)} s; whatever locks now makes the queue longer: find who holds them.`,
    value: waiting,
    threshold: 1,
    unit: 'sessions',
  });
}

/** Bytes that the slowest replica has still to replay; without the right to see others' sessions nothing is told. */
async function checkReplicas({ session, context }: DatabaseRun): Promise<void> {
  const rows = await session.query<{ name: string; lag: number | null }>(
    `select application_name as name, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), replay_lsn)::float8 as lag
     from pg_catalog.pg_stat_replication where replay_lsn is not null order by 2 desc limit 1`,
  );
  const slowest = rows[0];
  if (slowest === undefined || (slowest.lag ?? 0) < replicaLagWarning) return;
  context.finding({
    level: 'warning',
    code: 'database.replica_lag',
    subject: printable(session.target.name),
    message: `Replica ${printable(slowest.name)} is ${bytesText(slowest.lag ?? 0)} of WAL behind; a rebuild adds as much WAL as it writes: let it catch up first.`,
    value: slowest.lag ?? 0,
    threshold: replicaLagWarning,
    unit: 'bytes',
  });
}

async function checkWraparound({ session, context }: DatabaseRun): Promise<void> {
  const rows = await session.query<IdAge & Record<string, unknown>>(
    `select datname as name, age(datfrozenxid)::float8 as xid, mxid_age(datminmxid)::float8 as mxid
     from pg_catalog.pg_database order by greatest(age(datfrozenxid), mxid_age(datminmxid)) desc limit 1`,
  );
  const finding = wraparoundFinding(rows, session.target.name);
  if (finding !== null && finding.level !== 'ok') context.finding(finding);
}

async function checkLongTransactions({ session, settings, context }: DatabaseRun): Promise<void> {
  const subject = printable(session.target.name);
  const threshold = settings.long_transaction / 1000;
  for (const transaction of await longTransactions(session, threshold)) {
    const { who, seconds } = transaction;
    context.finding({
      level: 'warning',
      code: 'database.long_transaction',
      subject,
      message: `A transaction is open for ${durationText(seconds)}, ${who}: VACUUM can not remove newer dead rows; end it if nobody needs it.`,
      value: Math.round(seconds),
      threshold,
      unit: 's',
      remedy: endSession(session.target.name, transaction),
    });
  }
  const rows = await session.query<{ sees: boolean }>(
    `select pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') as sees`,
  );
  if (rows[0]?.sees !== true) context.finding(insightFinding(subject, session.target.user));
}

const replicaLagWarning = 256 * 1024 * 1024;
