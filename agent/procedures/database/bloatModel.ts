/**
 * What a table or a btree index would take if it were written anew: rows and index entries packed into pages as PostgreSQL
 * packs them. After ioguix/pgsql-bloat-estimation, and beyond it the alignment of each column, the upper levels of an index
 * and its deduplication. PostgreSQL manual: "Database Page Layout" (storage-page-layout), "B-Tree Indexes" (btree).
 */

/** A stored column in its order: pg_type's typalign, its fixed length (-1 = varies), mean width of its values, share of NULLs. */
export type Column = readonly [align: 'c' | 's' | 'i' | 'd', length: number, width: number, nulls: number];

/** Of one relation, widths and sizes in bytes. */
export interface Shape {
  readonly blockSize: number;
  /** MAXALIGN of the server: 8, or 4 on 32-bit machines. */
  readonly alignment: number;
  readonly rows: number;
  readonly fillFactor: number;
  readonly columns: readonly Column[];
}

export interface TableShape extends Shape {
  readonly toastRows: number;
}

export interface IndexShape extends Shape {
  /** Different keys; null where equal keys are kept one by one (unique, switched off, or a type that can not). */
  readonly distinct: number | null;
}

/** Pages of 24 bytes header; a row costs a 4-byte line pointer, its header of 23 bytes with null bitmap, and its data, both aligned. */
export function expectedTablePages(shape: TableShape): number {
  const { rows, toastRows } = shape;
  // A TOAST chunk is made so that four fill a page; the last chunk of each value takes less.
  return Math.ceil(rows / rowsPerPage(shape, rowSize(shape))) + (toastRows > 0 ? Math.ceil(toastRows / 4) : 0);
}

/** `size` with its line pointer. */
function rowsPerPage({ blockSize, fillFactor }: Pick<Shape, 'blockSize' | 'fillFactor'>, size: number): number {
  const reserve = (blockSize * (100 - fillFactor)) / 100;
  return Math.max(1, Math.floor((blockSize - pageHeader - reserve) / size));
}

/** Of a row of a table, with its line pointer. */
export function rowSize({ alignment, columns }: Pick<Shape, 'alignment' | 'columns'>): number {
  const full = columns.reduce((share, [, , , nulls]) => share * (1 - nulls), 1);
  const bitmap = Math.floor((columns.length + 7) / 8);
  const header = full * alignUp(rowHeader, alignment) + (1 - full) * alignUp(rowHeader + bitmap, alignment);
  return linePointer + header + dataSize(columns, alignment);
}

/** A metapage, leaves filled to `fillFactor`, and the levels above them, filled to 70 %. */
export function expectedIndexPages(shape: IndexShape): number {
  const { blockSize, alignment, fillFactor, rows, columns } = shape;
  if (rows === 0) return 1;
  const room = blockSize - pageHeader - btreeSpecial;
  const entry = entrySize(columns, alignment);
  const reserve = (blockSize * (100 - fillFactor)) / 100;
  // Each leaf but the last also holds a high key.
  const leaves = Math.ceil(leafBytes(shape, entry) / Math.max(entry, room - reserve - entry));
  const fanOut = Math.max(2, Math.floor((room * upperFill) / 100 / (entry + linePointer)));
  let pages = 1 + leaves;
  for (let level = leaves; level > 1;) {
    level = Math.ceil(level / fanOut);
    pages += level;
  }
  return pages;
}

/** True where the number of equal keys, known only on average, decides much of the size. */
export function dependsOnDuplicates(shape: Pick<IndexShape, 'rows' | 'distinct' | 'columns'>): boolean {
  const { distinct } = shape;
  if (distinct === null || distinct <= 0) return false;
  const each = (shape.rows * (1 - nullKeys(shape.columns))) / distinct;
  return each > 1.1 && each < 4;
}

/** With its line pointer. */
function entrySize(columns: readonly Column[], alignment: number): number {
  const full = columns.reduce((share, [, , , nulls]) => share * (1 - nulls), 1);
  const header = full * alignUp(entryHeader, alignment) + (1 - full) * alignUp(entryHeader + nullBitmap, alignment);
  return linePointer + header + dataSize(columns, alignment);
}

/** Equal keys are kept once, with a list of 6 bytes for each row. NULLs are equal to each other, there. */
function leafBytes(shape: IndexShape, entry: number): number {
  const { alignment, rows, columns, distinct } = shape;
  if (distinct === null || distinct <= 0) return rows * entry;
  const nulls = nullKeys(columns);
  if (nulls === 0) return groupedBytes(shape, rows, distinct, entry);
  const [column] = columns;
  const filled = column === undefined ? [] : [[column[0], column[1], column[2], 0] as const];
  return (
    groupedBytes(shape, rows * (1 - nulls), distinct, entrySize(filled, alignment)) +
    groupedBytes(shape, rows * nulls, 1, linePointer + alignUp(entryHeader + nullBitmap, alignment))
  );
}

/** Lists are cut so that an entry takes a tenth of a page at most. */
function groupedBytes(
  { blockSize, alignment }: Pick<Shape, 'blockSize' | 'alignment'>,
  rows: number,
  distinct: number,
  entry: number,
): number {
  const each = rows / distinct;
  if (each < 1.1) return rows * entry;
  const base = entry - linePointer;
  const largest = Math.floor(blockSize / 10 / alignment) * alignment - linePointer;
  const most = Math.max(1, Math.floor((alignDown(largest, alignment) - base) / tupleId));
  const lists = Math.floor(each / most);
  const rest = each - lists * most;
  const list = (ids: number): number => linePointer + alignUp(base + tupleId * ids, alignment);
  return distinct * (lists * list(most) + (rest >= 2 ? list(rest) : rest * entry));
}

/** Share of rows whose key is NULL; counted for keys of one column only. */
function nullKeys(columns: readonly Column[]): number {
  return columns.length === 1 ? (columns[0]?.[3] ?? 0) : 0;
}

/** Values in their order, each at its alignment. Once a width varies, half of an alignment is lost on average. */
function dataSize(columns: readonly Column[], alignment: number): number {
  let size = 0;
  let exact = true;
  for (const [align, length, width, nulls] of columns) {
    const bytes = length > 0 ? length : width;
    // A value of up to 126 bytes and a header of one byte needs no alignment.
    const boundary = length < 0 && width <= shortValue ? 1 : boundaries[align];
    const padding = exact ? alignUp(size, boundary) - size : (boundary - 1) / 2;
    size += (1 - nulls) * (padding + bytes);
    exact = exact && nulls === 0 && length > 0;
  }
  return exact ? alignUp(size, alignment) : size === 0 ? 0 : size + (alignment - 1) / 2;
}

function alignUp(bytes: number, alignment: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

function alignDown(bytes: number, alignment: number): number {
  return Math.floor(bytes / alignment) * alignment;
}

/** What pgstattuple_approx tells of a table; bytes, percent. */
export interface ApproximateTable {
  readonly bytes: number;
  readonly tuples: number;
  readonly tupleBytes: number;
  readonly scannedPercent: number;
}

/**
 * Pages that a measured table would fill. Of pages that were read, `tupleBytes` is the bare length of the live rows; of those
 * that were not (all visible), it is all but their free space, with the page's header and its line pointers: those of its
 * rows at least, those of all rows that it has room for at most. That bounds the size of a row; where `rowBytes`, its size
 * by the statistics, lies between the bounds, it is the better guess.
 */
export function measuredTablePages(
  table: ApproximateTable,
  shape: Pick<Shape, 'blockSize' | 'alignment' | 'fillFactor'>,
  rowBytes: number | null,
): number {
  const { bytes, tuples, tupleBytes, scannedPercent } = table;
  if (tuples === 0) return 0;
  const pages = bytes / shape.blockSize;
  const read = scannedPercent / 100;
  const padding = (tuples * read * (shape.alignment - 1)) / 2;
  const rowWith = (pointers: number): number => {
    const overhead = (1 - read) * (pages * pageHeader + Math.max(tuples, pointers) * linePointer);
    return Math.max(rowHeader + 1, (tupleBytes + padding - overhead) / tuples);
  };
  const most = rowWith(0);
  let least = most;
  // How many rows a page has room for depends on their size in turn: a few rounds settle it.
  for (let round = 0; round < 20; round++) least = rowWith(pages * rowsPerPage(shape, least + linePointer));
  const row = Math.max(least, Math.min(most, rowBytes ?? most));
  return Math.ceil(tuples / rowsPerPage(shape, row + linePointer));
}

/** What pgstatindex tells of an index. */
export interface MeasuredIndex {
  readonly leafPages: number;
  readonly internalPages: number;
  /** Percent. */
  readonly leafDensity: number;
}

/** Leaves as full as they are now, packed to the fill factor; the levels above shrink with them. */
export function measuredIndexPages(index: MeasuredIndex, fillFactor: number): number {
  const { leafPages, internalPages, leafDensity } = index;
  if (leafPages === 0 || Number.isNaN(leafDensity)) return 1;
  const leaves = Math.ceil(leafPages * Math.min(1, leafDensity / fillFactor));
  const above = leaves > 1 ? Math.max(1, Math.ceil((internalPages * leaves) / leafPages)) : 0;
  return 1 + leaves + above;
}

const boundaries = { c: 1, s: 2, i: 4, d: 8 } as const;
const pageHeader = 24;
const linePointer = 4;
const rowHeader = 23;
const entryHeader = 8;
const nullBitmap = 4;
const btreeSpecial = 16;
const upperFill = 70;
const tupleId = 6;
const shortValue = 127;
