/**
 * Bloat of tables and btree indexes, estimated from statistics after the method of ioguix/pgsql-bloat-estimation: the size
 * that the rows would need, by their mean width, against the size that they take.
 */
import * as z from 'zod';
import type { DatabaseSession } from './connection.ts';
import { indexQuery, tableQuery } from './bloatQueries.ts';
import { readCatalogue } from './catalogue.ts';

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
  /** False without statistics, with stale ones, and with columns of type `name`, whose width they do not tell. */
  reliable: z.boolean(),
});

export interface BloatEstimate {
  readonly schema: string;
  readonly name: string;
  /** Quoted by the server where needed. */
  readonly relation: string;
  /** For an index its table, else the relation itself. */
  readonly table: string;
  readonly kind: 'table' | 'index';
  readonly bytes: number;
  readonly expectedBytes: number | null;
  readonly bloatRatio: number | null;
  readonly reliable: boolean;
  /** Why nothing can be estimated. */
  readonly statistics: 'present' | 'missing' | 'stale' | 'inexact';
}

/** What the queries give of one relation; widths and headers in bytes. */
export interface BloatInput {
  readonly schema: string;
  readonly name: string;
  readonly relation: string;
  readonly table: string;
  readonly kind: 'table' | 'index';
  readonly blockSize: number;
  /** MAXALIGN of the server: 8, or 4 on 32-bit machines. */
  readonly alignment: number;
  readonly pages: number;
  /** -1 = never vacuumed or analysed (from PostgreSQL 14 on). */
  readonly rows: number;
  readonly toastPages: number;
  readonly toastRows: number;
  readonly fillFactor: number;
  readonly columns: number;
  readonly nullable: boolean;
  /** Mean bytes of the values of a row, NULLs counted as nothing. */
  readonly dataWidth: number;
  readonly missing: boolean;
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
  const tables = await readCatalogue<BloatInput>(session, tableQuery, [options.minimumBytes]);
  const indexes = await readCatalogue<BloatInput>(session, indexQuery, [options.minimumBytes]);
  return [...tables, ...indexes]
    .map((input) => estimate(input, options.stalePercent))
    .sort((a, b) => b.bytes - a.bytes || (a.relation < b.relation ? -1 : 1));
}

export function estimate(input: BloatInput, stalePercent: number): BloatEstimate {
  const { schema, name, relation, table, kind, blockSize } = input;
  const countsToast = input.toastRows >= 0;
  const pages = input.pages + (countsToast ? input.toastPages : 0);
  const bytes = pages * blockSize;
  const base = { schema, name, relation, table, kind, bytes };
  // ANALYZE leaves no statistics of a table without rows: its expected size is known all the same.
  if (input.rows < 0 || (input.missing && input.rows > 0)) {
    return { ...base, expectedBytes: null, bloatRatio: null, reliable: false, statistics: 'missing' };
  }
  const expectedPages = kind === 'table' ? expectedTablePages(input) : expectedIndexPages(input);
  const expectedBytes = Math.max(1, expectedPages) * blockSize;
  const stale = input.modified > Math.max(1000, (input.live * stalePercent) / 100);
  const statistics = stale ? 'stale' : input.hasName ? 'inexact' : 'present';
  return {
    ...base,
    expectedBytes,
    bloatRatio: Math.round((bytes / expectedBytes) * 100) / 100,
    reliable: statistics === 'present',
    statistics,
  };
}

/** Pages of 24 bytes header; a row costs a 4-byte line pointer, its header of 23 bytes with null bitmap, and its data, both aligned. */
export function expectedTablePages(input: BloatInput): number {
  const { blockSize, alignment, fillFactor, rows } = input;
  const header = 23 + (input.nullable ? Math.floor((7 + input.columns) / 8) : 0);
  const row = 4 + align(header, alignment) + align(input.dataWidth, alignment);
  const heap = Math.ceil(rows / (((blockSize - pageHeader) * fillFactor) / 100 / row));
  // A TOAST chunk is made so that four fill a page.
  return heap + (input.toastRows > 0 ? Math.ceil(input.toastRows / 4) : 0);
}

/** A metapage, and leaf pages with 24 bytes header and 16 bytes of btree data; an entry costs line pointer, header and key. */
export function expectedIndexPages(input: BloatInput): number {
  const { blockSize, alignment, fillFactor, rows } = input;
  const header = 8 + (input.nullable ? 4 : 0);
  const entry = 4 + align(header, alignment) + align(input.dataWidth, alignment);
  const perPage = Math.max(1, Math.floor(((blockSize - pageHeader - 16) * fillFactor) / 100 / entry));
  return 1 + Math.ceil(rows / perPage);
}

function align(bytes: number, alignment: number): number {
  return Math.ceil(Math.ceil(bytes) / alignment) * alignment;
}

const pageHeader = 24;
