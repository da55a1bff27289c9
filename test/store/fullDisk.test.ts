import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EventBus } from '../../agent/events.ts';
import { appendAudit, verifyAudit } from '../../agent/store/audit.ts';
import { Database } from '../../agent/store/database.ts';
import { Reserve } from '../../agent/store/reserve.ts';
import { insertRun, listRuns } from '../../agent/store/runs.ts';
import { createToken } from '../../agent/store/tokens.ts';
import { runNumber } from './harness.ts';
import { canMount, smallDisk, type SmallDisk } from './smallDisk.ts';

const rowsOf = (database: Database): number => listRuns(database, { limit: 100_000 }).length;

describe('the reserve of the store', () => {
  it('is a file of random bytes that is there before it is needed', () => {
    if (!canMount) return;
    const disk = smallDisk(8);
    try {
      const reserve = new Reserve(join(disk.folder, 'reserve'));
      assert.equal(reserve.create(), true);
      const bytes = readFileSync(join(disk.folder, 'reserve'));
      assert.ok(bytes.length >= 64 * 1024 && bytes.length <= 4 * 1024 * 1024);
      assert.equal(new Set(bytes.subarray(0, 4096)).size > 200, true);
      reserve.release();
      disk.fill();
      assert.equal(reserve.create(), false);
      assert.equal(reserve.exists(), false);
    } finally {
      disk.dispose();
    }
  });
});

if (canMount) {
  describe('the store on a full disk (F03)', () => {
    let disk: SmallDisk;
    let database: Database;
    const open = (): Database =>
      new Database(join(disk.folder, 'upkeep.db'), { reserve: new Reserve(join(disk.folder, 'reserve')) });
    beforeEach(() => {
      disk = smallDisk(4);
      database = open();
    });
    afterEach(() => {
      database.close();
      disk.dispose();
    });

    /** Runs with their events until the store has nowhere to write any more. */
    function flood(limit = 20_000): number {
      const events = new EventBus(database, () => 0);
      let written = 0;
      while (database.condition().state !== 'held' && written < limit) {
        const run = runNumber(written);
        database.transaction(() => {
          insertRun(database, run, null);
          events.emit('run.changed', { run });
        });
        written += 1;
      }
      return written;
    }

    it('F03: takes every write: from the reserve first, then in memory, and reads it back', () => {
      const states: string[] = [];
      database.onCondition(() => states.push(database.condition().state));
      const written = flood();
      assert.deepEqual(states, ['low', 'held']);
      assert.equal(existsSync(join(disk.folder, 'reserve')), false);
      assert.equal(rowsOf(database), written);
      appendAudit(database, { at: 1, actor: 'a', action: 'b', target: 'c', reason: null, detail: {} });
      assert.deepEqual(verifyAudit(database), { entries: 1, brokenAt: null });
      assert.equal(database.recover(), false);
      assert.match(database.condition().cause ?? '', /full/);
    });

    it('F03: brings what it held to the disk when there is space again, and keeps the numbers of events', () => {
      disk.fill();
      const written = flood(3000);
      const { epoch } = database;
      const events = new EventBus(database, () => 0);
      const latest = events.latest();
      assert.ok(database.condition().held > 0);
      disk.clear();
      assert.equal(database.recover(), true);
      assert.deepEqual(database.condition(), { state: 'ok', cause: null, held: 0 });
      assert.equal(existsSync(join(disk.folder, 'reserve')), true);
      database.close();
      database = open();
      assert.equal(rowsOf(database), written);
      assert.deepEqual([database.epoch, new EventBus(database, () => 0).latest()], [epoch, latest]);
    });

    it('F03: undoes a transaction that throws while it holds, and nothing else', () => {
      disk.fill();
      const written = flood(3000);
      assert.throws(() =>
        database.transaction(() => {
          insertRun(database, runNumber(90_000), null);
          throw new Error('no');
        }),
      );
      insertRun(database, runNumber(90_001), null);
      assert.equal(rowsOf(database), written + 1);
    });

    it('F03: deletes on a full disk, which SQLite alone can not', () => {
      const written = flood();
      database.change('DELETE FROM events');
      database.change('DELETE FROM runs WHERE queued_at < ?', Date.parse(runNumber(written - 10).queuedAt));
      assert.equal(rowsOf(database), 10);
      disk.clear();
      database.recover();
      assert.equal(rowsOf(database), 10);
    });

    it('F03: has a new epoch after it died with events in memory', () => {
      disk.fill();
      flood(3000);
      const { epoch } = database;
      // What a kill leaves: the file as it is, the lock gone.
      const copy = join(disk.folder, 'copy.db');
      disk.clear();
      for (const suffix of ['', '-wal'])
        writeFileSync(`${copy}${suffix}`, readFileSync(join(disk.folder, `upkeep.db${suffix}`)));
      const next = new Database(copy, { reserve: new Reserve(join(disk.folder, 'reserve')) });
      assert.notEqual(next.epoch, epoch);
      next.close();
    });

    it('F03: holds a bounded amount: of a flood the events go, and clients see the gap', () => {
      disk.fill();
      flood(3000);
      const events = new EventBus(database, () => 0);
      const before = process.memoryUsage().rss;
      const progress = { done: 1, message: 'x'.repeat(1000) };
      for (let index = 0; index < 40_000; index += 1) events.emit('run.progress', { runId: 'r', progress });
      const megabytes = (process.memoryUsage().rss - before) / 1024 / 1024;
      assert.ok(megabytes < 100, `${megabytes} MB`);
      assert.ok(events.oldest() > 1);
      assert.equal(events.latest() - events.oldest() < 20_000, true);
    });

    it('a command is told, and nothing is kept for it in memory', () => {
      database.close();
      disk.fill();
      assert.throws(() => {
        const plain = new Database(join(disk.folder, 'upkeep.db'));
        try {
          for (;;) createToken(plain, { name: 'x'.repeat(500), role: 'viewer', now: 0, expiresAt: null });
        } finally {
          plain.close();
        }
      }, /The disk of the store .* is full: free space/);
      disk.clear();
      database = open();
    });
  });
}
