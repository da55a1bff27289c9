/** Bloat as the extension pgstattuple measures it: it reads what is not all visible of a table, and all of an index. */
import { totalBytes } from '../totalBytes.ts';
import type { BloatEstimate } from './bloat.ts';
import { measuredIndexPages, measuredTablePages, type ApproximateTable, type MeasuredIndex } from './bloatModel.ts';
import type { DatabaseSession } from './connection.ts';
import { errorCode, isConnectionLost } from './connectionProblem.ts';
import { findExtension, howToInstall } from './extension.ts';
import { printable } from './names.ts';
import { relationFinding, subjectOf } from './run.ts';
import type { Visit } from './visit.ts';

/** An estimate, or a measurement in its place. */
export interface BloatMeasure extends BloatEstimate {
  readonly method: 'estimate' | 'exact';
}

/** Measures each relation, one by one. What can not be measured keeps its estimate, and a finding says why. */
export async function measureBloat(visit: Visit, estimates: readonly BloatEstimate[]): Promise<BloatMeasure[]> {
  const { session, context } = visit;
  const estimated = (estimate: BloatEstimate): BloatMeasure => ({ ...estimate, method: 'estimate' });
  const extension = await findExtension(session, 'pgstattuple');
  if (extension.schema === null) {
    const subject = printable(session.target.name);
    context.finding({
      level: 'warning',
      code: 'database.extension',
      subject,
      message: `Bloat of ${subject} is estimated, not measured, for pgstattuple is not installed there: ${howToInstall('pgstattuple', extension, Math.floor(session.version / 10_000))}.`,
    });
    return estimates.map(estimated);
  }
  const measures: BloatMeasure[] = [];
  for (const [index, estimate] of estimates.entries()) {
    context.signal.throwIfAborted();
    const message = subjectOf(visit, estimate.relation);
    context.progress({ done: index, total: estimates.length, unit: 'relations', message });
    measures.push((await measure(visit, extension.schema, estimate)) ?? estimated(estimate));
  }
  return measures;
}

/** Null when it can not be measured. */
async function measure(visit: Visit, schema: string, estimate: BloatEstimate): Promise<BloatMeasure | null> {
  const { session, context } = visit;
  try {
    const { bytes, pages } = await (estimate.kind === 'table' ? measureTable : measureIndex)(session, schema, estimate);
    const expected = Math.max(1, pages) * estimate.pages.blockSize;
    const bloatRatio = Math.round((bytes / expected) * 100) / 100;
    return {
      ...estimate,
      bytes,
      expectedBytes: expected,
      bloatRatio,
      reliable: true,
      statistics: 'present',
      method: 'exact',
    };
  } catch (error) {
    context.signal.throwIfAborted();
    if (isConnectionLost(error)) throw error;
    const cause = causes[errorCode(error)];
    if (cause === undefined) throw error;
    const [code, reason] = cause;
    const text = (subject: string): string => `${subject} could not be measured, its bloat is estimated: ${reason}.`;
    relationFinding(visit, estimate.relation, { level: 'warning', code, text });
    return null;
  }
}

/** By SQLSTATE. */
const causes: Readonly<Record<string, readonly [code: string, reason: string]>> = {
  '55P03': ['database.lock', 'it is locked by another session; try again later'],
  '42501': ['database.rights', 'this role may not; grant it pg_stat_scan_tables, or pg_monitor'],
  '57014': ['database.timeout', 'that took longer than database.statement_timeout; raise it'],
  '42P01': ['database.dropped', 'it was dropped meanwhile'],
  XX000: ['database.dropped', 'it was dropped meanwhile, or is damaged'],
};

interface Measured {
  readonly bytes: number;
  /** Those that it would fill. */
  readonly pages: number;
}

async function measureTable(session: DatabaseSession, schema: string, estimate: BloatEstimate): Promise<Measured> {
  const parts = await session.query<ApproximateTable & { toast: boolean } & Record<string, unknown>>(
    `select p.toast, m.table_len::float8 as bytes, m.approx_tuple_count::float8 as tuples,
       m.approx_tuple_len::float8 as "tupleBytes", m.scanned_percent as "scannedPercent"
     from (
       select c.oid as relation, false as toast from pg_catalog.pg_class c where c.oid = $1::oid
       union all
       select c.reltoastrelid, true from pg_catalog.pg_class c where c.oid = $1::oid and c.reltoastrelid <> 0
     ) p cross join lateral ${schema}.pgstattuple_approx(p.relation::regclass) m`,
    [estimate.oid],
  );
  const pagesOf = (part: (typeof parts)[number]): number =>
    part.toast
      ? measuredTablePages(part, { ...estimate.pages, fillFactor: 100 }, null)
      : measuredTablePages(part, estimate.pages, estimate.rowBytes);
  return {
    bytes: totalBytes(parts),
    pages: parts.reduce((sum, part) => sum + pagesOf(part), 0),
  };
}

async function measureIndex(session: DatabaseSession, schema: string, estimate: BloatEstimate): Promise<Measured> {
  const rows = await session.query<MeasuredIndex & { bytes: number } & Record<string, unknown>>(
    `select index_size::float8 as bytes, leaf_pages::float8 as "leafPages", internal_pages::float8 as "internalPages",
       avg_leaf_density as "leafDensity"
     from ${schema}.pgstatindex($1::oid::regclass)`,
    [estimate.oid],
  );
  const [index] = rows;
  if (index === undefined) throw new Error(`pgstatindex gave nothing of ${estimate.relation}.`);
  return { bytes: index.bytes, pages: measuredIndexPages(index, estimate.pages.fillFactor) };
}
