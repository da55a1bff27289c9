import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { lockoutRefusal } from '../../../agent/procedures/database/lockout.ts';
import { toolFor, type RebuildTools } from '../../../agent/procedures/database/rebuildTool.ts';
import { lastWords } from '../../../agent/procedures/database/repackProgram.ts';
import { phaseText } from '../../../agent/procedures/database/watch.ts';
import { hasFallen } from '../../../agent/procedures/database/vacuum.ts';

const tools: RebuildTools = { version: 150000, walLevel: 'replica', repack: null, repackProblem: null };
const table = { kind: 'table', identity: true } as const;

describe('the choice of what writes a table anew', () => {
  const repack = { program: '/usr/bin/pg_repack' };
  const rows: readonly (readonly [string, Partial<RebuildTools>, Parameters<typeof toolFor>[1], string])[] = [
    ['PostgreSQL 19', { version: 190000 }, table, 'REPACK (CONCURRENTLY)'],
    ['19 with pg_repack beside it', { version: 190001, repack }, table, 'REPACK (CONCURRENTLY)'],
    ['19, no key', { version: 190000 }, { ...table, identity: false }, 'VACUUM FULL'],
    ['19, wal_level minimal', { version: 190000, walLevel: 'minimal' }, table, 'VACUUM FULL'],
    ['18 with pg_repack', { version: 180004, repack }, table, 'pg_repack'],
    ['13 with pg_repack, no key', { version: 130000, repack }, { ...table, identity: false }, 'VACUUM FULL'],
    ['a materialized view', { repack }, { kind: 'materialized view', identity: true }, 'VACUUM FULL'],
    ['15 alone', {}, table, 'VACUUM FULL'],
  ];
  for (const [title, given, of, name] of rows) {
    it(`${title}: ${name}`, () => {
      assert.equal(toolFor({ ...tools, ...given }, of).name, name);
    });
  }

  it('says why nothing gentler does it', () => {
    const tool = toolFor({ ...tools, repackProblem: 'the program pg_repack is not installed here' }, table);
    assert.deepEqual(tool, { name: 'VACUUM FULL', because: 'the program pg_repack is not installed here' });
  });
});

describe('work that locks readers and writers out', () => {
  const now = (): Date => new Date('2026-03-10T03:00:00Z');
  it('is refused outside of a window, and after the end of the one it began in', () => {
    assert.equal(lockoutRefusal({ env: {}, now }, false), 'no maintenance window is open');
    const env = { UPKEEP_WINDOW: 'win-1', UPKEEP_WINDOW_ENDS: '2026-03-10T03:00:00.000Z' };
    assert.equal(lockoutRefusal({ env, now }, false), 'the maintenance window is over');
  });

  it('may begin inside a window, or by force', () => {
    const env = { UPKEEP_WINDOW: 'win-1', UPKEEP_WINDOW_ENDS: '2026-03-10T03:00:01.000Z' };
    assert.equal(lockoutRefusal({ env, now }, false), null);
    assert.equal(lockoutRefusal({ env: {}, now }, true), null);
  });
});

describe('what is told of a long statement', () => {
  it('is its phase, how far it is, and whom it waits for', () => {
    assert.equal(phaseText({ phase: 'scanning heap', done: 2, total: 5, waitsFor: null }), 'scanning heap, 40 %');
    assert.equal(phaseText({ phase: 'initializing', done: 0, total: 0, waitsFor: null }), 'initializing');
    assert.equal(
      phaseText({ phase: 'waiting for old snapshots', done: 0, total: 1, waitsFor: 12 }),
      'waiting for old snapshots, 0 % (pid 12)',
    );
  });

  it('is the last error of pg_repack, else its last line', () => {
    assert.equal(lastWords('INFO: a\nERROR: b\nDETAIL: c\n'), 'ERROR: b');
    assert.equal(lastWords('INFO: a\n'), 'INFO: a');
    assert.equal(lastWords(''), 'it said nothing');
  });
});

describe('dead rows after a VACUUM', () => {
  it('have fallen even when a load has made new ones since', () => {
    assert.equal(hasFallen({ dead: 100, changed: 1_000 }, { dead: 0, changed: 1_000 }), true);
    assert.equal(hasFallen({ dead: 100, changed: 1_000 }, { dead: 150, changed: 1_150 }), true);
    assert.equal(hasFallen({ dead: 0, changed: 0 }, { dead: 20, changed: 20 }), true);
  });

  it('have not fallen when something holds them back', () => {
    assert.equal(hasFallen({ dead: 100, changed: 1_000 }, { dead: 100, changed: 1_000 }), false);
    assert.equal(hasFallen({ dead: 100, changed: 1_000 }, { dead: 150, changed: 1_050 }), false);
  });
});
