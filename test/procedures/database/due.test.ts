import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  isAnalyzeDue,
  isParentAnalyzeDue,
  isVacuumDue,
  needsVacuum,
  vacuumDue,
} from '../../../agent/procedures/database/due.ts';
import type { PartitionParent, Table } from '../../../agent/procedures/database/tables.ts';

const now = new Date('2026-03-10T03:00:00Z');
const settings = { dead_tuple_percent: 10, dead_tuple_minimum: 1000, stale_statistics_percent: 10 };

function daysAgo(days: number): Date {
  return new Date(now.getTime() - days * 86_400_000);
}

function table(given: Partial<Table> = {}): Table {
  return {
    oid: '1',
    relation: 'public.t',
    live: 100_000,
    dead: 0,
    modified: 0,
    inserted: 0,
    changed: 0,
    unseen: 0,
    unfrozen: 0.1,
    vacuums: 1,
    analyzes: 1,
    lastVacuum: daysAgo(1),
    lastAnalyze: daysAgo(1),
    analyzed: true,
    filled: true,
    allowed: true,
    ...given,
  };
}

describe('tables that are due for VACUUM', () => {
  const rows: readonly (readonly [string, Partial<Table>, boolean])[] = [
    ['a tenth of the rows dead', { live: 9_000, dead: 1_000 }, true],
    ['just less than a tenth dead', { live: 9_100, dead: 1_000 }, false],
    ['a big share of few rows', { live: 1, dead: 999 }, false],
    ['no dead rows', { dead: 0 }, false],
    ['half the share, vacuumed yesterday', { live: 19_000, dead: 1_000 }, false],
    ['half the share, not vacuumed for a week', { live: 19_000, dead: 1_000, lastVacuum: daysAgo(7) }, true],
    ['half the share, never vacuumed', { live: 19_000, dead: 1_000, lastVacuum: null }, true],
    ['a clock that went backwards', { live: 19_000, dead: 1_000, lastVacuum: daysAgo(-3) }, false],
  ];
  for (const [title, given, due] of rows) {
    it(`${title}: ${due ? 'due' : 'not due'}`, () => {
      assert.equal(isVacuumDue(table(given), settings, now), due);
    });
  }

  it('takes no table without dead rows even when the minimum is 0', () => {
    assert.equal(isVacuumDue(table({ live: 0, dead: 0 }), { ...settings, dead_tuple_minimum: 0 }, now), false);
  });

  it('orders by share of dead rows and by days since the last VACUUM, worst first', () => {
    const fresh = table({ relation: 'fresh', live: 50_000, dead: 50_000, lastVacuum: daysAgo(0) });
    const neglected = table({ relation: 'neglected', live: 80_000, dead: 20_000, lastVacuum: daysAgo(20) });
    const never = table({ relation: 'never', live: 80_000, dead: 20_000, lastVacuum: null });
    const order = vacuumDue([fresh, table(), neglected, never], settings, now).map((entry) => entry.relation);
    assert.deepEqual(order, ['never', 'neglected', 'fresh']);
  });
});

describe('stale statistics', () => {
  it('are those of a tenth of the rows changed', () => {
    assert.equal(isAnalyzeDue(table({ modified: 10_000 }), settings), true);
    assert.equal(isAnalyzeDue(table({ modified: 9_999 }), settings), false);
  });

  it('are not made stale by a handful of changes in a tiny table', () => {
    assert.equal(isAnalyzeDue(table({ live: 10, modified: 49 }), settings), false);
    assert.equal(isAnalyzeDue(table({ live: 10, modified: 50 }), settings), true);
  });

  it('are missing where rows are and no ANALYZE was', () => {
    assert.equal(isAnalyzeDue(table({ live: 3, analyzed: false }), settings), true);
    assert.equal(isAnalyzeDue(table({ live: 0, analyzed: false }), settings), true);
    assert.equal(isAnalyzeDue(table({ live: 0, analyzed: false, filled: false }), settings), false);
  });
});

describe('stale statistics of a partitioned parent', () => {
  const parent: PartitionParent = {
    oid: '2',
    relation: 'public.p',
    allowed: true,
    analyzed: true,
    lastAnalyze: daysAgo(3),
    live: 1_000,
    modified: 0,
    renewed: 0,
  };
  it('are those whose leaves changed, or got newer statistics', () => {
    assert.equal(isParentAnalyzeDue(parent, settings), false);
    assert.equal(isParentAnalyzeDue({ ...parent, modified: 100 }, settings), true);
    assert.equal(isParentAnalyzeDue({ ...parent, renewed: 100 }, settings), true);
    assert.equal(isParentAnalyzeDue({ ...parent, renewed: 99 }, settings), false);
  });

  it('are missing until the first ANALYZE, unless there are no rows', () => {
    assert.equal(isParentAnalyzeDue({ ...parent, analyzed: false }, settings), true);
    assert.equal(isParentAnalyzeDue({ ...parent, analyzed: false, live: 0 }, settings), false);
  });
});

describe('tables in which VACUUM finds anything to do', () => {
  const rows: readonly (readonly [string, Partial<Table>, boolean])[] = [
    ['a dead row', { dead: 1 }, true],
    ['a row inserted since the last VACUUM', { inserted: 1 }, true],
    ['rows old enough to be frozen', { unfrozen: 1 }, true],
    ['nothing changed', {}, false],
    ['a few pages that are not known to be visible to all', { unseen: 0.01 }, false],
    ['many such pages', { unseen: 0.5 }, true],
    ['never vacuumed', { lastVacuum: null, unseen: 1 }, true],
    ['never vacuumed, and empty', { lastVacuum: null, filled: false }, false],
  ];
  for (const [title, given, due] of rows) {
    it(`${title}: ${due ? 'yes' : 'no'}`, () => {
      assert.equal(needsVacuum(table(given)), due);
    });
  }
});
