/** What an agent finds when it opens its store, and what it brings back. */
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Run } from '../../agent/protocol/nouns.ts';
import { appendAudit, verifyAudit } from '../../agent/store/audit.ts';
import { auditCopyFile, readAuditCopy } from '../../agent/store/copies.ts';
import { Database } from '../../agent/store/database.ts';
import { deleteEventsBefore, latestEvent, oldestEvent } from '../../agent/store/events.ts';
import { examine, wholeUpTo } from '../../agent/store/examine.ts';
import { indexRuns } from '../../agent/store/rebuild.ts';
import { Reserve } from '../../agent/store/reserve.ts';
import { getRun } from '../../agent/store/runs.ts';
import { StoreError } from '../../agent/store/storeErrors.ts';
import { addRun, fillStore, runNumber, storeHarness, type StoreHarness } from './harness.ts';

describe('opening a store', () => {
  let harness: StoreHarness;
  beforeEach(() => {
    harness = storeHarness();
  });
  afterEach(() => {
    harness.dispose();
  });
  const entry = { at: 0, actor: 'alice', action: 'run.start', target: 'job', reason: null, detail: {} };

  it('finds one damaged that lacks a table, and looks at every page of a large one only when asked', () => {
    fillStore(harness, 2);
    const database = new Database(harness.file);
    database.change('DROP TABLE tokens');
    database.close();
    assert.deepEqual(examine(harness.file), { kind: 'damaged', problem: 'it has no table tokens' });
    const large = storeHarness();
    try {
      fillStore(large, 2);
      // Pages that belong to no table: a look at the whole file finds them.
      truncateSync(large.file, wholeUpTo + 4096);
      assert.deepEqual(examine(large.file), { kind: 'ok' });
    } finally {
      large.dispose();
    }
  });

  it('says when a store can not be looked at, rather than that it is damaged or not there', () => {
    mkdirSync(join(harness.folder, 'store.db'));
    assert.throws(() => examine(join(harness.folder, 'store.db')), StoreError);
  });

  it('takes a file that is too short to be a store for a damaged one, and keeps it aside', () => {
    fillStore(harness, 2);
    for (const more of ['-wal', '-shm']) rmSync(`${harness.file}${more}`, { force: true });
    truncateSync(harness.file, 50);
    const database = harness.open();
    assert.match(
      harness.repairs.join(),
      /was made anew with 2 runs, 1 token and \d+ audit entr(?:y|ies)\. The old file is /,
    );
    assert.equal(verifyAudit(database).brokenAt, null);
  });

  it('says what could not be brought back: an entry of the audit log, and a run that can not be understood', () => {
    fillStore(harness, 3);
    const copy = readAuditCopy(harness.folder).filter(({ seq }) => seq !== 2);
    const [first, ...others] = copy;
    // One that was changed is none.
    const lines = [{ ...first, actor: 'mallory' }, ...others].map((row) => `${JSON.stringify(row)}\n`);
    writeFileSync(auditCopyFile(harness.folder), lines.join(''));
    const broken = addRun(null, harness.root, runNumber(9));
    writeFileSync(join(broken.path, 'run.json'), '{"run":');
    writeFileSync(harness.file, 'rubbish'.repeat(1000));
    for (const more of ['-wal', '-shm']) rmSync(`${harness.file}${more}`, { force: true });
    harness.open();
    assert.match(
      harness.repairs.join(),
      /; entry \d+ of the audit log is missing; 1 run directories can not be understood\. The old file is /,
    );
  });

  it('brings back entries that only the copy has, as after a backup was put back', () => {
    const database = harness.open();
    appendAudit(database, entry);
    database.close();
    cpSync(harness.file, `${harness.file}.backup`);
    const later = harness.open();
    appendAudit(later, entry);
    appendAudit(later, entry);
    later.close();
    for (const more of ['', '-wal', '-shm']) rmSync(`${harness.file}${more}`, { force: true });
    cpSync(`${harness.file}.backup`, harness.file);
    const back = harness.open();
    assert.match(
      harness.repairs.join(),
      /was behind its copies .*; 0 runs, 0 tokens and 2 audit entries were brought back/,
    );
    assert.deepEqual(verifyAudit(back), { entries: 3, brokenAt: null });
  });

  it('goes on where the copies can not be written, and makes them when they can', () => {
    const database = harness.open();
    mkdirSync(auditCopyFile(harness.folder));
    appendAudit(database, entry);
    assert.equal(verifyAudit(database).entries, 1);
    database.close();
    rmSync(auditCopyFile(harness.folder), { recursive: true });
    harness.open();
    assert.equal(readAuditCopy(harness.folder).length, 1);
  });

  it('knows the oldest event, also when none is left', () => {
    fillStore(harness, 3);
    const database = harness.open();
    const latest = latestEvent(database);
    assert.equal(oldestEvent(database), 1);
    deleteEventsBefore(database, latest + 1);
    assert.deepEqual([oldestEvent(database), latestEvent(database)], [latest + 1, latest]);
  });

  describe('of which only the run directories are left', () => {
    const rebuilt = (run: Run, more: (path: string) => void): Run | null => {
      const database = harness.open();
      more(addRun(null, harness.root, run).path);
      indexRuns(database, harness.root);
      return getRun(database, run.id);
    };

    it('knows how a procedure has ended, and what it had found', () => {
      const lines = [
        { type: 'progress', done: 1 },
        { type: 'finding', level: 'critical', code: 'a.b', subject: 's', message: 'm' },
        { type: 'result', outcome: 'failed', part: {} },
      ];
      const run = rebuilt(runNumber(1, { kind: 'procedure', procedure: 'rotate-logs', exitCode: 1 }), (path) => {
        appendFileSync(join(path, 'results.ndjson'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      });
      assert.deepEqual([run?.outcome, run?.outcomeReason, run?.findings.critical], ['failed', 'see its findings', 1]);
      const silent = rebuilt(runNumber(2, { kind: 'procedure', procedure: 'rotate-logs' }), () => undefined);
      assert.match(silent?.outcomeReason ?? '', /ended without a result/);
    });

    it('knows that a run was stopped, and by whom', () => {
      const run = rebuilt(runNumber(1, { exitCode: 143, startedAt: null }), (path) => {
        writeFileSync(join(path, 'stop.json'), '{"cause":"cancelled","by":"alice"}');
      });
      assert.deepEqual([run?.outcome, run?.outcomeReason], ['cancelled', 'stopped by alice']);
    });

    it('judges by the rest where the record of the end is not whole', () => {
      const run = rebuilt(runNumber(1, { exitCode: 3 }), (path) => {
        writeFileSync(join(path, 'end.json'), '{}');
      });
      assert.deepEqual([run?.outcome, run?.exitCode], ['failed', 3]);
    });
  });

  describe('and working with it', () => {
    it('a look changes nothing, and a change in it is refused', () => {
      fillStore(harness, 1);
      const look = new Database(harness.file, { readOnly: true });
      assert.equal(look.all('SELECT id FROM runs').length, 1);
      assert.throws(() => look.change('DELETE FROM runs'), StoreError);
      look.close();
      assert.equal(look.close(), 0);
    });

    it('a shared commit is not begun within a transaction, which commits anyway', () => {
      const database = harness.open();
      assert.throws(() => {
        database.transaction(() => {
          database.together(
            () => undefined,
            () => undefined,
          );
        });
      }, /a transaction is going on/);
      assert.equal(database.recover(), true);
    });

    it('damage throws where no repair was arranged, and says what to do', () => {
      fillStore(harness, 1);
      const database = new Database(harness.file);
      assert.throws(() => {
        database.transaction(() => {
          throw Object.assign(new Error('database disk image is malformed'), { code: 'ERR_SQLITE_ERROR', errcode: 11 });
        });
      }, StoreError);
      assert.equal(database.all('SELECT id FROM runs').length, 1);
      database.close();
    });

    it('damage that a check from outside has found is repaired, and the store goes on', () => {
      fillStore(harness, 2);
      const database = harness.open();
      database.replaceDamaged('page 7 is wrong');
      assert.match(harness.repairs.join(), /page 7 is wrong.*was made anew with 2 runs/);
      appendAudit(database, entry);
      assert.equal(verifyAudit(database).brokenAt, null);
    });

    it('a reserve for which there is no room leaves the store low on space from the start', () => {
      const folder = join(harness.folder, 'other');
      mkdirSync(folder);
      const database = new Database(join(folder, 'upkeep.db'), {
        reserve: new Reserve(join(folder, 'gone', 'reserve')),
      });
      assert.deepEqual(database.condition(), { state: 'low', cause: 'there is no space for the reserve', held: 0 });
      assert.equal(database.recover(), false);
      database.close();
    });
  });
});
