import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noteFullDisk } from '../../agent/run/fullDisk.ts';
import { canMount, smallDisk } from '../store/smallDisk.ts';

const told = 'the disk of its output was full: output may be missing';

describe('the verdict on a run whose output found no space', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-full-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('is as it was while there is space', () => {
    const output = join(folder, 'output.log');
    writeFileSync(output, 'x');
    const verdict = { outcome: 'changed', reason: null } as const;
    assert.equal(noteFullDisk(verdict, output, false), verdict);
    assert.equal(noteFullDisk(verdict, '/nowhere/at/all/output.log', false), verdict);
    assert.equal(readFileSync(output, 'utf8'), 'x');
  });

  it('F05: has a word about it beside its own reason, and so has the output', () => {
    const output = join(folder, 'output.log');
    writeFileSync(output, 'x');
    assert.deepEqual(noteFullDisk({ outcome: 'changed', reason: null }, output, true), {
      outcome: 'changed',
      reason: told,
    });
    assert.deepEqual(noteFullDisk({ outcome: 'failed', reason: 'exit code 3' }, output, true), {
      outcome: 'failed',
      reason: `exit code 3; ${told}`,
    });
    assert.match(readFileSync(output, 'utf8'), /^x\n\[upkeep: the disk of its output was full.* above\]\n/);
  });

  it('F05: has it also where not even a mark can be written', () => {
    const output = join(folder, 'gone', 'output.log');
    assert.equal(noteFullDisk({ outcome: 'changed', reason: null }, output, true).reason, told);
  });

  if (canMount) {
    it('F05: has it when the disk of the output is full, though that of the store is not', () => {
      const disk = smallDisk(1);
      try {
        disk.fill();
        const { reason } = noteFullDisk({ outcome: 'changed', reason: null }, join(disk.folder, 'output.log'), false);
        assert.equal(reason, told);
      } finally {
        disk.dispose();
      }
    });
  }
});
