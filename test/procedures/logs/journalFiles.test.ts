/** What is said to be removed is what journalctl removes: both work on the same real files. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beyondLimits, journalFiles } from '../../../agent/procedures/logs/journalFiles.ts';
import { totalBytes } from '../../../agent/procedures/totalBytes.ts';
import { activeJournal, archivedJournal, damagedJournal, emptyJournal } from './journalWorld.ts';

const dayMs = 86_400_000;
const fileBytes = 8 * 2 ** 20;

describe('files of the journal', function () {
  this.timeout(60_000);
  let root: string;
  let made: string;
  before(() => {
    root = mkdtempSync(path.join(tmpdir(), 'upkeep-journals-'));
    made = path.join(root, 'made');
    const ago = (days: number): Date => new Date(Date.now() - days * dayMs);
    const machine = path.join(made, '0123456789abcdef0123456789abcdef');
    const remote = path.join(made, 'remote');
    for (const folder of [made, machine, remote]) mkdirSync(folder);
    for (const days of [40, 30, 9, 6, 1]) archivedJournal(machine, ago(days), 20);
    archivedJournal(machine, ago(20), 20, 'user-1000');
    activeJournal(machine, ago(50), 20);
    activeJournal(machine, ago(50), 20, 'user-1000');
    damagedJournal(machine, ago(25), 20);
    emptyJournal(machine, ago(0.5));
    for (const days of [35, 3]) archivedJournal(made, ago(days), 20);
    archivedJournal(remote, ago(40), 20);
    writeFileSync(path.join(machine, 'notes.txt'), 'mine');
    writeFileSync(path.join(machine, 'system@nonsense.journal'), 'mine');
  });
  after(() => {
    rmSync(root, { recursive: true });
  });

  const limits: readonly (readonly [days: number, bytes: number])[] = [
    [7, 0],
    [7, 3 * fileBytes],
    [36_500, 3 * fileBytes],
    [36_500, 10 ** 12],
    [28, 5 * fileBytes],
    [0.00002, 1],
  ];
  for (const [days, bytes] of limits) {
    it(`within ${days} days and ${bytes} bytes are told as journalctl keeps them`, async () => {
      const folder = path.join(root, 'journal');
      cpSync(made, folder, { recursive: true, preserveTimestamps: true });
      try {
        const before = await journalFiles(folder);
        const keepMs = days * dayMs;
        const due = beyondLimits(before, new Date(Date.now() - keepMs), bytes);
        const seconds = Math.max(1, Math.round(keepMs / 1000));
        const args = [`--vacuum-time=${seconds}s`, `--vacuum-size=${bytes}`, '--quiet'];
        execFileSync('journalctl', [`--directory=${folder}`, ...args], { stdio: 'pipe' });
        const left = await journalFiles(folder);
        const names = (files: readonly { readonly path: string }[]): string[] => files.map((file) => file.path).sort();
        const leftNames = new Set(names(left));
        assert.deepEqual(
          names(due),
          names(before).filter((file) => !leftNames.has(file)),
        );
        assert.equal(totalBytes(before) - totalBytes(due), totalBytes(left));
        assert.ok(left.filter(({ archived }) => !archived).length >= 3, 'files that journald writes stay');
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  }

  it('of a folder that is not there are none, and a link to a machine is followed as journalctl does', async () => {
    assert.deepEqual(await journalFiles(path.join(root, 'nowhere')), []);
    const folder = path.join(root, 'linked');
    mkdirSync(folder);
    symlinkSync(path.join(made, '0123456789abcdef0123456789abcdef'), path.join(folder, 'f'.repeat(32)));
    assert.equal((await journalFiles(folder)).length, 11);
  });
});
