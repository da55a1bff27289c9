import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  backupStart,
  planArchiveCleanup,
  segmentPosition,
  type ArchivedFile,
} from '../../../agent/procedures/database/archivePlan.ts';

const cutoff = new Date('2026-03-01T00:00:00Z');
const old = new Date('2026-02-01T00:00:00Z');
const young = new Date('2026-03-02T00:00:00Z');

function file(name: string, modified = old): ArchivedFile {
  return { name, bytes: 16, modified };
}

function segment(number: number, timeline = 1): string {
  const hex = (value: number): string => value.toString(16).toUpperCase().padStart(8, '0');
  return `${hex(timeline)}${hex(0)}${hex(number)}`;
}

function removed(files: readonly ArchivedFile[]): string[] {
  return planArchiveCleanup(files, cutoff).remove.map((entry) => entry.name);
}

describe('the plan of removing archived WAL', () => {
  it('removes what is older than the retention', () => {
    const files = [file(segment(1)), file(segment(2)), file(segment(3), young)];
    assert.deepEqual(removed(files), [segment(1), segment(2)]);
  });

  it('keeps an old segment that comes after a young one, as pg_archivecleanup does', () => {
    assert.deepEqual(removed([file(segment(1)), file(segment(2), young), file(segment(3))]), [segment(1)]);
  });

  it('keeps what the oldest backup needs, from its first segment on, however old', () => {
    const backup = `${segment(3)}.00000028.backup`;
    const later = `${segment(5)}.00000028.backup`;
    const files = [1, 2, 3, 4, 5, 6].map((number) => file(segment(number)));
    const plan = planArchiveCleanup([...files, file(backup), file(later, young)], cutoff);
    assert.deepEqual(
      plan.remove.map((entry) => entry.name),
      [segment(1), segment(2)],
    );
    assert.equal(plan.heldByBackup, backup);
    assert.equal(plan.keep, 4);
  });

  it('says nothing of a backup that holds back nothing', () => {
    const files = [file(segment(1)), file(segment(2), young), file(`${segment(2)}.00000028.backup`, young)];
    const plan = planArchiveCleanup(files, cutoff);
    assert.equal(plan.heldByBackup, null);
    assert.equal(plan.remove.length, 1);
  });

  it('compares without the time line, so that a backup of the former one is safe', () => {
    const files = [
      file(segment(9, 2)),
      file(segment(2, 1)),
      file(segment(1, 2)),
      file(`${segment(2, 1)}.0000AB28.backup`),
    ];
    assert.deepEqual(removed(files), [segment(1, 2)]);
  });

  it('takes partial and compressed segments, and nothing else', () => {
    const names = [`${segment(1)}.partial`, `${segment(2)}.gz`, `${segment(3)}.zst`];
    const others = [
      '00000002.history',
      `${segment(1)}.tmp`,
      segment(1).toLowerCase().replace('0', 'a'),
      `${segment(1)}0`,
      'README',
      `${segment(1)}.00000028.backup.orig`,
      `x${segment(1)}`,
    ];
    assert.deepEqual(removed([...names, ...others].map((name) => file(name))), names);
  });

  it('removes nothing from an empty or foreign folder', () => {
    assert.deepEqual(removed([]), []);
    assert.deepEqual(removed([file('notes.txt')]), []);
  });

  it('reads positions', () => {
    assert.equal(segmentPosition('0000000100000002000000AF'), '00000002000000AF');
    assert.equal(segmentPosition('0000000100000002000000AF.00000028.backup'), null);
    assert.equal(backupStart('0000000100000002000000AF.00000028.backup'), '00000002000000AF');
    assert.equal(backupStart('0000000100000002000000AF'), null);
  });
});
