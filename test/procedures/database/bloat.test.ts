import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { estimate, type BloatInput } from '../../../agent/procedures/database/bloat.ts';
import { expectedIndexPages, expectedTablePages } from '../../../agent/procedures/database/bloatModel.ts';
import type { Column } from '../../../agent/procedures/database/bloatModel.ts';

const int: Column = ['i', 4, 4, 0];
const bigint: Column = ['d', 8, 8, 0];
const boolean: Column = ['c', 1, 1, 0];
const text = (width: number, nulls = 0): Column => ['i', -1, width, nulls];

function input(given: Partial<BloatInput> = {}): BloatInput {
  return {
    schema: 'public',
    name: 't',
    oid: '16384',
    relation: 'public.t',
    table: 'public.t',
    kind: 'table',
    blockSize: 8192,
    alignment: 8,
    pages: 100,
    rows: 10_000,
    toastPages: 0,
    toastRows: 0,
    distinct: null,
    fillFactor: 100,
    columns: [int, bigint],
    missing: false,
    readable: true,
    hasName: false,
    modified: 0,
    live: 10_000,
    ...given,
  };
}

const table = (given: Partial<BloatInput>): number => expectedTablePages(input(given));
const index = (given: Partial<BloatInput>): number => expectedIndexPages(input({ fillFactor: 90, ...given }));

describe('the size that a table needs', () => {
  it('is that of its rows: 4 + 24 + 16 bytes each, 185 to a page of 8168', () => {
    assert.equal(table({}), Math.ceil(10_000 / 185));
  });

  it('counts what is lost between columns: their order makes a difference', () => {
    const spread = table({ columns: [boolean, bigint, boolean, bigint] });
    const tight = table({ columns: [bigint, bigint, boolean, boolean] });
    assert.equal(spread, Math.ceil(10_000 / Math.floor(8168 / (4 + 24 + 32))));
    assert.equal(tight, Math.ceil(10_000 / Math.floor(8168 / (4 + 24 + 24))));
  });

  it('makes room for the null bitmap of nine columns and more, in rows that have a NULL', () => {
    const nullable = (count: number): number =>
      table({ columns: Array.from({ length: count }, (): Column => ['i', 4, 4, 0.5]) });
    const filled = (count: number): number => table({ columns: Array.from({ length: count }, () => int) });
    assert.ok(nullable(8) < filled(8));
    assert.ok(nullable(9) > nullable(8));
  });

  it('is measured in whole rows: seven of 1,100 bytes fill a page', () => {
    assert.equal(table({ columns: [text(1_100)] }), Math.ceil(10_000 / 7));
  });

  it('is greater where fillfactor leaves room on purpose', () => {
    const half = estimate(input({ fillFactor: 50, pages: table({ fillFactor: 50 }) }), 10);
    assert.equal(half.bloatRatio, 1);
    assert.ok((estimate(input({ pages: table({ fillFactor: 50 }) }), 10).bloatRatio ?? 0) > 1.9);
  });

  it('counts TOAST on both sides, or on none while it was never vacuumed', () => {
    const known = estimate(input({ toastPages: 100, toastRows: 400 }), 10);
    assert.equal(known.bytes, 200 * 8192);
    assert.equal(known.expectedBytes, (table({}) + 100) * 8192);
    assert.equal(known.statistics, 'toast');
    assert.equal(estimate(input({ toastPages: 100, toastRows: -1 }), 10).bytes, 100 * 8192);
  });
});

describe('the size that a btree needs', () => {
  it('is a metapage, leaves filled to 90 %, and the levels above', () => {
    // 20 bytes an entry; 8152 less a tenth of the page, less the high key of each leaf.
    const leaves = Math.ceil((10_000 * 20) / (8152 - 819.2 - 20));
    assert.equal(index({ columns: [int] }), 1 + leaves + 1);
    assert.equal(index({ columns: [int], rows: 0 }), 1);
  });

  it('keeps equal keys once, with a list of their rows, unless they are kept one by one', () => {
    const each = index({ columns: [int], rows: 1e6, distinct: null });
    const merged = index({ columns: [int], rows: 1e6, distinct: 100 });
    assert.ok(merged < each / 2.5 && merged > each / 4, `${merged} of ${each}`);
    assert.equal(index({ columns: [int], rows: 1e6, distinct: 1e6 }), each);
  });

  it('keeps NULLs as one key', () => {
    const nulls = index({ columns: [text(33, 0.9)], rows: 1e6, distinct: 1e5 });
    assert.ok(nulls < index({ columns: [text(33)], rows: 1e6, distinct: 1e6 }) / 4);
  });

  it('is told with less trust where a few rows share a key', () => {
    const trust = (distinct: number) => estimate(input({ kind: 'index', columns: [int], distinct }), 10).statistics;
    assert.deepEqual([trust(10_000), trust(5_000), trust(50)], ['present', 'inexact', 'present']);
  });
});

describe('the bloat estimate', () => {
  it('tells nothing without statistics, rather than that all is well', () => {
    for (const given of [{ missing: true }, { rows: -1 }]) {
      const { expectedBytes, bloatRatio, reliable, statistics } = estimate(input(given), 10);
      assert.deepEqual(
        { expectedBytes, bloatRatio, reliable },
        { expectedBytes: null, bloatRatio: null, reliable: false },
      );
      assert.equal(statistics, 'missing');
    }
    assert.equal(estimate(input({ missing: true, readable: false }), 10).statistics, 'hidden');
  });

  it('expects one page of an analysed table without rows, of which there never are statistics', () => {
    const empty = estimate(input({ rows: 0, live: 0, missing: true }), 10);
    assert.deepEqual([empty.expectedBytes, empty.bloatRatio, empty.reliable], [8192, 100, true]);
  });

  it('does not rely on stale statistics, nor on the width of a column of type name', () => {
    assert.equal(estimate(input({ modified: 2_000 }), 10).statistics, 'stale');
    assert.equal(estimate(input({ modified: 900 }), 10).statistics, 'present');
    assert.equal(estimate(input({ hasName: true }), 10).reliable, false);
    assert.equal(estimate(input(), 10).reliable, true);
  });
});
