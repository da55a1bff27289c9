/** What must be known before work starts: standby, transaction ids, transactions that make VACUUM useless, missing insight. */
import { longTransactions } from './holders.ts';
import { printable } from './names.ts';
import type { DatabaseRun } from './run.ts';

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
