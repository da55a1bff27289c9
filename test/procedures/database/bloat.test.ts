import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  estimate,
  expectedIndexPages,
  expectedTablePages,
  type BloatInput,
} from '../../../agent/procedures/database/bloat.ts';

function input(given: Partial<BloatInput> = {}): BloatInput {
  return {
    schema: 'public',
    name: 't',
    relation: 'public.t',
    table: 'public.t',
    kind: 'table',
    blockSize: 8192,
    alignment: 8,
    pages: 100,
    rows: 10_000,
    toastPages: 0,
    toastRows: 0,
    fillFactor: 100,
    columns: 2,
    nullable: false,
    dataWidth: 100,
    missing: false,
    hasName: false,
    modified: 0,
    live: 10_000,
    ...given,
  };
}

describe('the bloat estimate', () => {
  it('expects of a table what its rows take: 4 + 24 + 104 bytes each, 8168 to a page', () => {
    assert.equal(expectedTablePages(input()), Math.ceil(10_000 / (8168 / 132)));
  });

  it('makes room for the null bitmap of nine columns and more', () => {
    assert.equal(expectedTablePages(input({ nullable: true, columns: 8 })), expectedTablePages(input()));
    assert.ok(expectedTablePages(input({ nullable: true, columns: 9 })) > expectedTablePages(input()));
  });

  it('respects fillfactor: a page half empty on purpose is not bloat', () => {
    const half = estimate(input({ fillFactor: 50, pages: 324 }), 10);
    assert.equal(half.bloatRatio, 1);
    assert.equal(estimate(input({ pages: 324 }), 10).bloatRatio, 2);
  });

  it('expects of a btree a metapage and its leaf pages', () => {
    const index = input({ kind: 'index', dataWidth: 4, fillFactor: 90 });
    assert.equal(expectedIndexPages(index), 1 + Math.ceil(10_000 / Math.floor((8152 * 0.9) / 20)));
  });

  it('counts TOAST on both sides, or on none while it was never vacuumed', () => {
    const known = estimate(input({ toastPages: 100, toastRows: 400 }), 10);
    assert.equal(known.bytes, 200 * 8192);
    assert.equal(known.expectedBytes, (expectedTablePages(input()) + 100) * 8192);
    assert.equal(estimate(input({ toastPages: 100, toastRows: -1 }), 10).bytes, 100 * 8192);
  });

  it('tells nothing without statistics, rather than that all is well', () => {
    for (const given of [{ missing: true }, { rows: -1 }]) {
      const { expectedBytes, bloatRatio, reliable, statistics } = estimate(input(given), 10);
      assert.deepEqual(
        { expectedBytes, bloatRatio, reliable },
        { expectedBytes: null, bloatRatio: null, reliable: false },
      );
      assert.equal(statistics, 'missing');
    }
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
