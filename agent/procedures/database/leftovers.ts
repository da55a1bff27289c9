/**
 * Invalid indexes that a REINDEX CONCURRENTLY left behind when it was stopped: `…_ccnew` (the unfinished new one) and `…_ccold`
 * (the old one that was not dropped yet). PostgreSQL manual: "Rebuilding Indexes Concurrently" (sql-reindex).
 */
import { carryOut } from './carryOut.ts';
import { openSession, type DatabaseSession } from './connection.ts';
import { indexState, type Index } from './indexes.ts';
import { printable } from './names.ts';
import { relationFinding, subjectOf, type DatabaseRun } from './run.ts';
import type { Step } from './steps.ts';

/**
 * Whether it may be dropped: invalid, named as REINDEX names its own, and a twin of the same shape is there in its place.
 * Whatever else is invalid (a CREATE INDEX CONCURRENTLY that failed) is for people to decide.
 */
export function isLeftover(index: Index, all: readonly Index[]): boolean {
  if (index.valid || !leftoverName.test(index.name)) return false;
  return all.some(
    (other) =>
      other.oid !== index.oid &&
      other.tableOid === index.tableOid &&
      other.shape === index.shape &&
      !leftoverName.test(other.name),
  );
}

const leftoverName = /_cc(?:new|old)\d*$/;

/** Finds invalid indexes and tells each; returns the steps that drop those that may go. `dropping` = they are dropped now. */
export async function leftoverSteps(run: DatabaseRun, indexes: readonly Index[], dropping: boolean): Promise<Step[]> {
  const steps: Step[] = [];
  const database = run.session.target.name;
  const now = dropping && !run.context.dryRun;
  const busy = await tablesInWork(run.session);
  for (const index of indexes.filter((one) => !one.valid && !busy.has(one.tableOid))) {
    const leftover = isLeftover(index, indexes);
    relationFinding(run, index.relation, {
      level: leftover && now ? 'info' : 'warning',
      code: 'database.index_invalid',
      value: index.bytes,
      unit: 'bytes',
      text: (subject) =>
        leftover
          ? `${subject} is an invalid index that an interrupted REINDEX CONCURRENTLY left; ${now ? 'it is dropped' : 'drop it'}.`
          : `${subject} is invalid, so no query uses it while every write pays for it: REINDEX INDEX CONCURRENTLY it, or drop it.`,
      remedy: leftover
        ? { procedure: 'optimize-indexes', options: { database, apply: true }, title: 'Drop invalid leftovers' }
        : {
            procedure: 'optimize-indexes',
            options: { database, apply: true, index: [index.relation] },
            title: `Reindex ${printable(index.relation)}`,
          },
    });
    if (leftover) steps.push(dropStep(run, index));
  }
  return steps;
}

function dropStep(run: DatabaseRun, index: Index): Step {
  return {
    message: `DROP INDEX ${subjectOf(run, index.relation)}`,
    work: (worker) =>
      carryOut(worker, {
        verb: 'DROP INDEX',
        sql: `DROP INDEX CONCURRENTLY ${index.relation}`,
        oid: index.oid,
        relation: index.relation,
        allowed: index.allowed,
        rights: 'MAINTAIN is not enough to drop an index, let the owner of the table run this',
        before: { bytes: index.bytes, valid: 'no' },
        plan: 'SHARE UPDATE EXCLUSIVE: reads and writes go on',
        verify: async () => {
          const gone = (await indexState(worker.session, index.oid)) === null;
          return { after: { bytes: gone ? 0 : index.bytes }, reported: gone, proven: gone };
        },
        unproven: () => {
          relationFinding(worker, index.relation, {
            level: 'warning',
            code: 'database.index_invalid',
            text: (subject) => `${subject} is still there after DROP INDEX; see the server's log.`,
          });
          return Promise.resolve();
        },
      }),
  };
}

/** Tables on which an index is being made or rebuilt at this moment: what is invalid there is work in progress. */
async function tablesInWork(session: DatabaseSession): Promise<ReadonlySet<string>> {
  const rows = await session.query<{ oid: string }>(
    `select relid::text as oid from pg_catalog.pg_stat_progress_create_index where pid <> pg_catalog.pg_backend_pid()
     union select relation::text from pg_catalog.pg_locks
     where locktype = 'relation' and mode = 'ShareUpdateExclusiveLock' and granted and pid <> pg_catalog.pg_backend_pid()`,
  );
  return new Set(rows.map((row) => row.oid));
}

/**
 * Drops what a REINDEX CONCURRENTLY of this index has just left, over a connection of its own: the run may be being stopped.
 * Returns how many are left; what can not be dropped now is found by the next run.
 */
export async function dropLeftoversOf(run: DatabaseRun, index: Index): Promise<number> {
  const { parameters, settings } = run;
  let left = 0;
  try {
    const session = await openSession(parameters, {
      settings: { ...settings, lock_timeout: Math.min(settings.lock_timeout, cleanUpLimit / 2) },
      signal: AbortSignal.timeout(cleanUpLimit),
    });
    try {
      const rows = await session.query<{ relation: string }>(
        `select pg_catalog.format('%I.%I', n.nspname, x.relname) as relation
         from pg_catalog.pg_index i join pg_catalog.pg_class x on x.oid = i.indexrelid
         join pg_catalog.pg_namespace n on n.oid = x.relnamespace
         where i.indrelid = $1::oid and i.indkey::text = $2 and not i.indisvalid and x.relname ~ '_cc(new|old)[0-9]*$'
           and (i.indexrelid <> $3::oid or $4)`,
        [index.tableOid, index.keys, index.oid, index.valid],
      );
      left = rows.length;
      for (const { relation } of rows) {
        await session.command(`DROP INDEX CONCURRENTLY ${relation}`);
        left--;
      }
    } finally {
      await session.close();
    }
  } catch {
    // Told by what is left.
  }
  return left;
}

/** Milliseconds; a run that is stopped has ten seconds until it is killed. */
const cleanUpLimit = 6_000;
