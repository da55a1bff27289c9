/** What must be known before work starts: standby, transaction ids, transactions that make VACUUM useless, missing insight. */
import { bytesText } from './bytesText.ts';
import { longTransactions } from './holders.ts';
import { printable } from './names.ts';
import type { DatabaseRun } from './run.ts';
import { slotFindings } from './wal.ts';

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
    message: `${waiting} sessions of ${subject} wait for locks, the longest for ${Math.round(longest)} s; whatever locks now makes the queue longer: find who holds them.`,
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

/** Share of the 2^31 transaction ids used by the oldest database. PostgreSQL manual: "Preventing Transaction ID Wraparound Failures". */
async function checkWraparound({ session, context }: DatabaseRun): Promise<void> {
  const rows = await session.query<{ name: string; xid: number; mxid: number }>(
    `select datname as name, age(datfrozenxid)::float8 as xid, mxid_age(datminmxid)::float8 as mxid
     from pg_catalog.pg_database order by greatest(age(datfrozenxid), mxid_age(datminmxid)) desc limit 1`,
  );
  const oldest = rows[0];
  if (oldest === undefined) return;
  const kind = oldest.xid >= oldest.mxid ? 'transaction' : 'multixact';
  const percent = Math.round((Math.max(oldest.xid, oldest.mxid) / 2 ** 31) * 1000) / 10;
  if (percent < wraparoundWarning) return;
  context.finding({
    level: percent >= wraparoundCritical ? 'critical' : 'warning',
    code: 'database.wraparound',
    subject: printable(oldest.name),
    message:
      `Database ${printable(oldest.name)} has used ${percent} % of the ${kind} ids: ` +
      'run VACUUM (FREEZE) there, and find what holds autovacuum back, before the server refuses to write.',
    value: percent,
    threshold: wraparoundWarning,
    unit: '%',
  });
}

async function checkLongTransactions({ session, context }: DatabaseRun): Promise<void> {
  const subject = printable(session.target.name);
  for (const { who, seconds } of await longTransactions(session, longTransactionSeconds)) {
    context.finding({
      level: 'warning',
      code: 'database.long_transaction',
      subject,
      message: `A transaction is open for ${Math.round(seconds / 60)} minutes, ${who}: VACUUM can not remove newer dead rows; end it if nobody needs it.`,
      value: Math.round(seconds),
      threshold: longTransactionSeconds,
      unit: 's',
    });
  }
  const rows = await session.query<{ sees: boolean }>(
    `select pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') as sees`,
  );
  if (rows[0]?.sees === true) return;
  context.finding({
    level: 'info',
    code: 'database.insight',
    subject,
    message: `Role ${printable(session.target.user)} can not see the sessions of others, so long transactions may go unnoticed; grant it pg_monitor.`,
  });
}

const wraparoundWarning = 40;
/** As vacuum_failsafe_age: 1.6 of 2.1 thousand million. */
const wraparoundCritical = 75;
const longTransactionSeconds = 3600;
const replicaLagWarning = 256 * 1024 * 1024;
