/** The steps of daily maintenance in one database, in order. */
import type * as z from 'zod';
import type { relationSchema } from './bloat.ts';
import { analyzeParent, analyzeTable, canAnalyzeOnly } from './analyze.ts';
import { checkBloat } from './bloatCheck.ts';
import { isAnalyzeDue, isParentAnalyzeDue, vacuumDue } from './due.ts';
import { printable } from './names.ts';
import { preflight } from './preflight.ts';
import { subjectOf, type DatabaseRun } from './run.ts';
import { listPartitionParents, listTables } from './tables.ts';
import { vacuumTable } from './vacuum.ts';
import { walFindings } from './wal.ts';

/** Maintains the session's database; findings and actions go to the run. Returns the `relations` of the bloat check. */
export async function maintainDatabase(run: DatabaseRun): Promise<z.infer<typeof relationSchema>[]> {
  const { session, context } = run;
  const name = printable(session.target.name);
  if (session.version < oldestVersion) {
    const message = `PostgreSQL ${session.versionText} of ${name} is too old, 13 is the oldest supported; upgrade the server.`;
    context.finding({ level: 'critical', code: 'database.version', subject: name, message });
    return [];
  }
  context.print(`${name}: PostgreSQL ${session.versionText}`);
  if (await preflight(run)) await vacuumAndAnalyze(run);
  const relations = await checkBloat(run);
  for (const finding of await walFindings(session)) context.finding(finding);
  return relations;
}

/** PostgreSQL 13. */
const oldestVersion = 130000;

async function vacuumAndAnalyze(run: DatabaseRun): Promise<void> {
  const { session, settings, context } = run;
  const at = performance.now();
  const tables = await listTables(session);
  const toVacuum = vacuumDue(tables, settings, context.now());
  const vacuumed = new Set(toVacuum.map((table) => table.oid));
  const toAnalyze = tables.filter((table) => !vacuumed.has(table.oid) && isAnalyzeDue(table, settings));
  const parents = (await listPartitionParents(session)).filter((parent) => isParentAnalyzeDue(parent, settings));
  const total = toVacuum.length + toAnalyze.length + parents.length;
  context.print(
    `${printable(session.target.name)}: ${tables.length} tables, ${toVacuum.length} to vacuum, ` +
      `${toAnalyze.length + parents.length} to analyze`,
  );
  const step = progressSteps(run, total);
  for (const table of toVacuum) {
    await step(`VACUUM ${subjectOf(run, table.relation)}`, () => vacuumTable(run, { table, at }));
  }
  const analyzeParents = async (): Promise<void> => {
    for (const parent of parents) {
      await step(`ANALYZE ${subjectOf(run, parent.relation)}`, () => analyzeParent(run, parent));
    }
  };
  // Up to version 17 a parent takes its leaves along, which are then no longer due.
  const parentsFirst = !canAnalyzeOnly(session) && parents.length > 0;
  if (parentsFirst) await analyzeParents();
  const listedAt = parentsFirst ? -Infinity : at;
  for (const table of toAnalyze) {
    await step(`ANALYZE ${subjectOf(run, table.relation)}`, () => analyzeTable(run, { table, at: listedAt }));
  }
  if (!parentsFirst) await analyzeParents();
}

/** Tells progress before each table (what is being done) and after the last, with the time that is left by the pace so far. */
function progressSteps({ context }: DatabaseRun, total: number) {
  const start = performance.now();
  let done = 0;
  return async (message: string, work: () => Promise<unknown>): Promise<void> => {
    context.signal.throwIfAborted();
    context.progress({ done, total, unit: 'tables', message, ...eta(start, done, total) });
    await work();
    done++;
    if (done === total) context.progress({ done, total, unit: 'tables', message });
  };
}

function eta(start: number, done: number, total: number): { etaSeconds?: number } {
  if (done === 0) return {};
  return { etaSeconds: Math.round(((performance.now() - start) / 1000 / done) * (total - done)) };
}
