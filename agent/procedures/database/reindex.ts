/** REINDEX CONCURRENTLY of one index, proven by the catalogue: a new file, valid, and how much smaller. */
import { bytesText } from './bytesText.ts';
import { carryOut } from './carryOut.ts';
import { hasRoom } from './diskSpace.ts';
import { longTransactions } from './holders.ts';
import { indexState, type Index } from './indexes.ts';
import { dropLeftoversOf } from './leftovers.ts';
import { relationFinding, subjectOf, type DatabaseRun } from './run.ts';
import type { StatementOutcome } from './statement.ts';
import { runStatement } from './statement.ts';
import type { Step } from './steps.ts';

export function reindexStep(run: DatabaseRun, index: Index): Step {
  return {
    message: `REINDEX ${subjectOf(run, index.relation)}`,
    work: (worker) => reindex(worker, index),
  };
}

/** Rebuilds it beside the old one; reads and writes go on all the time. */
async function reindex(run: DatabaseRun, index: Index): Promise<void> {
  if (index.exclusion) {
    run.context.print(
      `${subjectOf(run, index.relation)}: upholds an exclusion constraint, which PostgreSQL can not rebuild concurrently`,
    );
    return;
  }
  if (!(await hasRoom(run, { verb: 'REINDEX', relation: index.relation, oid: index.oid, bytes: index.bytes }))) return;
  const cleanUp = async (): Promise<void> => {
    const left = await dropLeftoversOf(run, index);
    if (left === 0) return;
    relationFinding(run, index.relation, {
      level: 'warning',
      code: 'database.index_invalid',
      text: (subject) =>
        `The interrupted REINDEX of ${subject} left an invalid index that can not be dropped now; the next run of optimize-indexes by the owner of its table drops it.`,
    });
  };
  const sql = `REINDEX INDEX CONCURRENTLY ${index.relation}`;
  await carryOut(run, {
    verb: 'REINDEX',
    sql,
    oid: index.oid,
    relation: index.relation,
    allowed: index.allowed,
    before: measures(index),
    plan: `SHARE UPDATE EXCLUSIVE: reads and writes go on; ${bytesText(index.bytes)} are built anew beside it`,
    execute: async () => (await oldTransactions(run)) ?? runStatement(run, { sql, cleanUp }),
    cleanUp,
    verify: async () => {
      const after = await indexState(run.session, await currentOid(run, index));
      if (after === null) return { after: {}, reported: true, proven: false };
      return { after: measures(after), reported: true, proven: after.valid && after.fileNode !== index.fileNode };
    },
    unproven: () => {
      relationFinding(run, index.relation, {
        level: 'warning',
        code: 'database.index_invalid',
        text: (subject) => `${subject} is not rebuilt after REINDEX; see the server's log.`,
      });
      return Promise.resolve();
    },
  });
}

/** The new index takes the name of the old one, not its oid. */
async function currentOid(run: DatabaseRun, index: Index): Promise<string> {
  const rows = await run.session.query<{ oid: string | null }>(
    'select pg_catalog.to_regclass($1)::oid::text as oid',
    [index.relation],
    'oid_of_relation',
  );
  return rows[0]?.oid ?? '0';
}

/**
 * REINDEX CONCURRENTLY waits for every older transaction of its database and gives up after lock_timeout, leaving an invalid
 * index. Where one is already older than that it is not begun at all.
 */
async function oldTransactions(run: DatabaseRun): Promise<StatementOutcome | null> {
  const { session, settings } = run;
  const seconds = Math.max(1, settings.lock_timeout / 1000);
  const [oldest] = await longTransactions(session, seconds, 'this database');
  if (oldest === undefined) return null;
  return {
    kind: 'locked',
    reason: `it would wait for a transaction that is open for ${Math.round(oldest.seconds)} s, ${oldest.who}`,
  };
}

function measures({ bytes, fileNode, valid }: Pick<Index, 'bytes' | 'fileNode' | 'valid'>) {
  return { bytes, fileNode, valid: valid ? 'yes' : 'no' };
}
