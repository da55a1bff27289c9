/**
 * Bloat of tables and btree indexes, estimated from statistics: the size that the rows would need against the size that they
 * take.
 */
import * as z from 'zod';
import {
  dependsOnDuplicates,
  expectedIndexPages,
  expectedTablePages,
  rowSize,
  type Column,
  type IndexShape,
  type TableShape,
} from './bloatModel.ts';
import { indexQuery, tableQuery } from './bloatQueries.ts';
import { readCatalogue } from './catalogue.ts';
import type { DatabaseSession } from './connection.ts';

export const relationSchema = z.object({
  database: z.string(),
  schema: z.string(),
  name: z.string(),
  kind: z.enum(['table', 'index']),
  bytes: z.number(),
  /** Null where there are no statistics to tell. */
  expectedBytes: z.number().nullable(),
  /** bytes / expectedBytes. */
  bloatRatio: z.number().nullable(),
  /** False without statistics, with stale ones, and where they do not tell enough. */
  reliable: z.boolean(),
});

/**
 * What the statistics are worth: `missing` = none, `hidden` = this role may not read them; `inexact` = they do not tell the
 * width of a column of type `name`, or how many keys of an index are equal; `toast` = much lies in TOAST, where the
 * expected size is too high, if anything.
 */
export type Statistics = 'present' | 'missing' | 'hidden' | 'stale' | 'inexact' | 'toast';

export interface BloatEstimate {
  readonly schema: string;
  readonly name: string;
  readonly oid: string;
  /** Quoted by the server where needed. */
  readonly relation: string;
  /** For an index its table, else the relation itself. */
  readonly table: string;
  readonly kind: 'table' | 'index';
  readonly bytes: number;
  readonly expectedBytes: number | null;
  readonly bloatRatio: number | null;
  readonly reliable: boolean;
  readonly statistics: Statistics;
  /** As its pages are made. */
  readonly pages: Pick<TableShape, 'blockSize' | 'alignment' | 'fillFactor'>;
  /** Mean size of a row of a table with its header; null without statistics, and for an index. */
  readonly rowBytes: number | null;
}

/** What the queries give of one relation; widths and headers in bytes. */
export interface BloatInput extends TableShape, Pick<IndexShape, 'distinct'> {
  readonly schema: string;
  readonly name: string;
  readonly oid: string;
  readonly relation: string;
  readonly table: string;
  readonly kind: 'table' | 'index';
  readonly pages: number;
  /** -1 = never vacuumed or analysed (from PostgreSQL 14 on). */
  readonly rows: number;
  readonly toastPages: number;
  readonly columns: readonly Column[];
  readonly missing: boolean;
  /** Whether this role may read the table, and with that its statistics. */
  readonly readable: boolean;
  readonly hasName: boolean;
  /** Rows changed since the last ANALYZE, for an index those of its table. */
  readonly modified: number;
  readonly live: number;
}

/** Estimates for all relations of at least `minimumBytes`, biggest first. */
export async function estimateBloat(
  session: DatabaseSession,
  options: { readonly minimumBytes: number; readonly stalePercent: number },
): Promise<BloatEstimate[]> {
  const values = [options.minimumBytes, options.stalePercent];
  const tables = await readCatalogue<BloatInput>(session, tableQuery, values);
  const indexes = await readCatalogue<BloatInput>(session, indexQuery, values);
  return [...tables, ...indexes]
    .map((input) => estimate(input, options.stalePercent))
    .sort((a, b) => b.bytes - a.bytes || (a.relation < b.relation ? -1 : 1));
}

export function estimate(input: BloatInput, stalePercent: number): BloatEstimate {
  const { schema, name, oid, relation, table, kind, blockSize, alignment, fillFactor } = input;
  const countsToast = input.toastRows >= 0;
  const bytes = (input.pages + (countsToast ? input.toastPages : 0)) * blockSize;
  const pages = { blockSize, alignment, fillFactor };
  const rowBytes = kind === 'index' || input.missing ? null : rowSize(input) - 4;
  const base = { schema, name, oid, relation, table, kind, bytes, pages, rowBytes };
  // ANALYZE leaves no statistics of a table without rows: its expected size is known all the same.
  if (input.rows < 0 || (input.missing && input.rows > 0)) {
    const statistics = input.readable ? 'missing' : 'hidden';
    return { ...base, expectedBytes: null, bloatRatio: null, reliable: false, statistics };
  }
  const expectedPages = kind === 'table' ? expectedTablePages(input) : expectedIndexPages(input);
  const expectedBytes = Math.max(1, expectedPages) * blockSize;
  const statistics = worthOf(input, stalePercent);
  return {
    ...base,
    expectedBytes,
    bloatRatio: Math.round((bytes / expectedBytes) * 100) / 100,
    reliable: statistics === 'present',
    statistics,
  };
}

function worthOf(input: BloatInput, stalePercent: number): Statistics {
  if (input.modified > Math.max(1000, (input.live * stalePercent) / 100)) return 'stale';
  if (input.hasName || (input.kind === 'index' && dependsOnDuplicates(input))) return 'inexact';
  return input.toastRows > 0 && input.toastPages > input.pages / 4 ? 'toast' : 'present';
}
