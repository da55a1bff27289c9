/** ANALYZE where statistics are stale: tables, and partitioned parents, which autovacuum never does. */
import { carryOut, type Effect, type Measures } from './carryOut.ts';
import type { DatabaseSession } from './connection.ts';
import { isAnalyzeDue } from './due.ts';
import { currentStatistics, relationFinding, subjectOf, type DatabaseRun, type Listed } from './run.ts';
import type { Step } from './steps.ts';
import {
  listPartitionParents,
  tableStatistics,
  type PartitionParent,
  type Table,
  type TableStatistics,
} from './tables.ts';

type Judgement = Pick<Effect, 'reported' | 'proven'>;

export interface AnalyzeWork {
  readonly tables: readonly Table[];
  readonly parents: readonly PartitionParent[];
  /** performance.now() when they were listed. */
  readonly at: number;
  /** Whether what is not stale is analysed too. */
  readonly all?: boolean;
}

/** Steps that analyse tables and partitioned parents, in an order in which nothing is analysed twice. */
export function analyzeSteps(run: DatabaseRun, { tables, parents, at, all = false }: AnalyzeWork): Step[] {
  const ofParents = parents.map((parent) => ({
    message: `ANALYZE ${subjectOf(run, parent.relation)}`,
    work: (worker: DatabaseRun) => analyzeParent(worker, parent),
  }));
  // Up to version 17 a parent takes its leaves along, which are then no longer due.
  const parentsFirst = !canAnalyzeOnly(run.session) && parents.length > 0;
  const ofTables = tables.map((table) => ({
    message: `ANALYZE ${subjectOf(run, table.relation)}`,
    work: (worker: DatabaseRun) => analyzeTable(worker, { table, at: parentsFirst ? -Infinity : at }, all),
  }));
  return parentsFirst ? [...ofParents, ...ofTables] : [...ofTables, ...ofParents];
}

/**
 * Analyses one table, unless that happened since it was listed; with `all` even if it is not stale.
 * Returns whether it was worked on.
 */
async function analyzeTable(run: DatabaseRun, listed: Listed<Table>, all: boolean): Promise<boolean> {
  const { table } = listed;
  const before = await currentStatistics(run, listed);
  const analyzed = table.analyzed || before.lastAnalyze !== null;
  const due = all
    ? before.analyzes === table.analyzes
    : isAnalyzeDue({ ...before, analyzed, filled: table.filled }, run.settings);
  if (!due) return false;
  await analyze(run, table, `ANALYZE ${table.relation}`, before, (after) => {
    const reported = after.analyzes > before.analyzes;
    return { reported, proven: reported && (after.modified < before.modified || before.modified === 0) };
  });
  return true;
}

/** Whether the server knows ANALYZE ONLY, which leaves the leaves of a partitioned table alone. */
function canAnalyzeOnly({ version }: Pick<DatabaseSession, 'version'>): boolean {
  return version >= 180000;
}

/**
 * Analyses a partitioned parent. Up to PostgreSQL 17 that takes its leaves along; from 18 on ONLY leaves them to their own
 * staleness.
 */
async function analyzeParent(run: DatabaseRun, parent: PartitionParent): Promise<void> {
  const { session } = run;
  const before = await tableStatistics(session, parent.oid);
  const sql = `ANALYZE ${canAnalyzeOnly(session) ? 'ONLY ' : ''}${parent.relation}`;
  await analyze(run, parent, sql, before, async (after) => {
    // Version 13 does not count the ANALYZE of a parent; there only its statistics can be looked for.
    const proven = session.version < 140000 ? await hasStatistics(session, parent) : after.analyzes > before.analyzes;
    return { reported: proven, proven };
  });
}

async function hasStatistics(session: DatabaseSession, parent: PartitionParent): Promise<boolean> {
  const parents = await listPartitionParents(session);
  return parents.some((other) => other.oid === parent.oid && other.analyzed);
}

async function analyze(
  run: DatabaseRun,
  table: Pick<Table, 'oid' | 'relation' | 'allowed'>,
  sql: string,
  before: TableStatistics,
  judge: (after: TableStatistics) => Promise<Judgement> | Judgement,
): Promise<void> {
  await carryOut(run, {
    verb: 'ANALYZE',
    sql,
    oid: table.oid,
    relation: table.relation,
    allowed: table.allowed,
    before: measures(before),
    verify: async () => {
      const after = await tableStatistics(run.session, table.oid);
      return { after: measures(after), ...(await judge(after)) };
    },
    unproven: () => {
      relationFinding(run, table.relation, {
        level: 'warning',
        code: 'database.statistics',
        text: (subject) =>
          `ANALYZE of ${subject} ended, but the server's statistics do not show it; check track_counts.`,
      });
      return Promise.resolve();
    },
  });
}

function measures({ modified, live, lastAnalyze }: TableStatistics): Measures {
  return { modifiedSinceAnalyze: modified, liveTuples: live, lastAnalyze: lastAnalyze?.toISOString() ?? null };
}
