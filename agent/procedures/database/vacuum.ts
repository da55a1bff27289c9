/** VACUUM (ANALYZE) of the tables whose dead rows call for it, proven by the counters afterwards. */
import { carryOut, type Measures, type Work } from './carryOut.ts';
import type { DatabaseSession } from './connection.ts';
import { deadPercent, isVacuumDue } from './due.ts';
import { horizonHolders } from './holders.ts';
import { currentStatistics, relationFinding, subjectOf, type DatabaseRun, type Listed } from './run.ts';
import { runStatement } from './statement.ts';
import type { Step } from './steps.ts';
import { tableStatistics, type Table, type TableStatistics } from './tables.ts';

/**
 * Steps that vacuum tables. From PostgreSQL 16 on, with many of them, the age of the whole database, for which every VACUUM reads
 * all of pg_class, is brought up to date once at the end, as vacuumdb does. What each has come to is then read over the second
 * connection while the next one is being vacuumed.
 */
export function vacuumSteps(
  run: DatabaseRun,
  {
    tables,
    at,
    isDue,
  }: { readonly tables: readonly Table[]; readonly at: number; readonly isDue?: (table: Table) => boolean },
): Step[] {
  const many = tables.length >= manyTables;
  let left = tables.length;
  let reading: Promise<unknown> = Promise.resolve();
  return tables.map((table) => ({
    message: `VACUUM ${subjectOf(run, table.relation)}`,
    work: async (worker) => {
      // Two that work leave no connection to look on.
      const observer = many && worker.detail !== undefined ? await worker.observer.open().catch(() => null) : null;
      let conclude: (() => Promise<unknown>) | undefined;
      const later = (given: () => Promise<unknown>): void => {
        conclude = given;
      };
      try {
        await vacuumTable(worker, { table, at, many, ...(observer === null ? {} : { observer, later }) }, isDue);
      } finally {
        await reading;
      }
      reading = conclude?.() ?? reading;
      reading.catch(() => undefined);
      left--;
      if (left > 0) return;
      await reading;
      if (!many || run.session.version < 160000 || run.context.dryRun) return;
      await runStatement(worker, { sql: 'VACUUM (ONLY_DATABASE_STATS)' });
    },
  }));
}

interface ToVacuum extends Listed<Table> {
  readonly many: boolean;
  /** Reads the effect, where that is done later. */
  readonly observer?: DatabaseSession;
  readonly later?: NonNullable<Work['later']>;
}

const manyTables = 20;

/**
 * Vacuums one table, unless autovacuum was faster since it was listed. `isDue` judges its present statistics, by default after
 * the settings of the daily maintenance. Returns whether it was worked on.
 */
async function vacuumTable(
  run: DatabaseRun,
  listed: ToVacuum,
  isDue: (table: Table) => boolean = (table) => isVacuumDue(table, run.settings, run.context.now()),
): Promise<boolean> {
  const { session, context } = run;
  const { table, observer: reader = session } = listed;
  const before = await currentStatistics(run, listed);
  if (!isDue({ ...table, ...before })) {
    context.print(`${subjectOf(run, table.relation)}: no longer due, autovacuum was there or it was dropped`);
    return false;
  }
  let last: TableStatistics = before;
  const start = performance.now();
  await carryOut(run, {
    verb: 'VACUUM',
    sql: `VACUUM (ANALYZE${listed.many && session.version >= 160000 ? ', SKIP_DATABASE_STATS' : ''}) ${table.relation}`,
    oid: table.oid,
    relation: table.relation,
    allowed: table.allowed,
    before: measures(before),
    ...(listed.later === undefined ? {} : { later: listed.later }),
    verify: async () => {
      last = await tableStatistics(reader, table.oid);
      const reported = last.vacuums > before.vacuums;
      const fallen = hasFallen(before, last);
      const after = measures(last);
      if (!reported || fallen) return { after, reported, proven: reported && fallen };
      const loaded = last.changed > before.changed;
      const waiting = !loaded && performance.now() - start < flushMilliseconds;
      return { after, reported: !waiting, proven: loaded && (await horizonHolders(reader, 1)).length === 0 };
    },
    unproven: async () => {
      const holders = await horizonHolders(reader);
      relationFinding(run, table.relation, {
        level: 'warning',
        code: 'database.dead_rows',
        value: last.dead,
        unit: 'rows',
        text: (subject) => unprovenText(subject, before, last, holders),
      });
    },
  });
  return true;
}

/** Sessions tell of their changes once a second: after that a load on the table shows in its counters. */
const flushMilliseconds = 1_500;

/**
 * Dead rows fell, those set aside that a load has made since. A load whose changes come late hides a fall; it then counts as
 * proven that the server has done the VACUUM and no transaction older than a second holds rows back.
 */
export function hasFallen(
  before: Pick<TableStatistics, 'dead' | 'changed'>,
  after: Pick<TableStatistics, 'dead' | 'changed'>,
): boolean {
  return before.dead === 0 || after.dead - (after.changed - before.changed) < before.dead;
}

function unprovenText(subject: string, before: TableStatistics, last: TableStatistics, holders: string[]): string {
  if (last.vacuums <= before.vacuums) {
    return `VACUUM of ${subject} ended, but the server's statistics do not show it; check track_counts.`;
  }
  const cause =
    holders.length === 0 ? '' : ` Rows are held back by ${holders.join(' and ')}; end it, then run this again.`;
  return `${subject} still has ${last.dead} dead rows after VACUUM (${before.dead} before).${cause}`;
}

function measures(statistics: TableStatistics): Measures {
  return {
    deadTuples: statistics.dead,
    liveTuples: statistics.live,
    deadPercent: Math.round(deadPercent(statistics) * 10) / 10,
    modifiedSinceAnalyze: statistics.modified,
    lastVacuum: statistics.lastVacuum?.toISOString() ?? null,
  };
}
