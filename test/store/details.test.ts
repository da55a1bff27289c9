import assert from 'node:assert/strict';
import { rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Run } from '../../agent/protocol/nouns.ts';
import { Database } from '../../agent/store/database.ts';
import { readPause, savePause } from '../../agent/store/holds.ts';
import { openStore } from '../../agent/store/openStore.ts';
import { getRun, insertRun } from '../../agent/store/runs.ts';
import { saveSchedule, scheduleOf } from '../../agent/store/schedule.ts';
import { makeStateFolder } from '../../agent/store/stateFolder.ts';
import { lockState } from '../../agent/store/stateLock.ts';
import { storeCheck } from '../../agent/store/storeCheck.ts';
import { isDamage, isOutOfSpace } from '../../agent/store/storeErrors.ts';
import { wholeUpTo } from '../../agent/store/examine.ts';
import { fillStore, runNumber, storeHarness, type StoreHarness } from './harness.ts';

describe('what the store keeps', () => {
  let harness: StoreHarness;
  beforeEach(() => {
    harness = storeHarness();
  });
  afterEach(() => {
    harness.dispose();
  });

  it('is given back as it was: the progress and approval of a run', () => {
    const database = harness.open();
    const approval = { required: 2, roles: ['admin' as const], given: [], expiresAt: '2026-03-01T02:00:00.000Z' };
    const run: Run = runNumber(1, {
      state: 'running',
      outcome: null,
      progress: { done: 1, total: 3 },
      approval,
      adopted: true,
    });
    insertRun(database, run, null);
    const found = getRun(database, run.id);
    assert.deepEqual([found?.progress, found?.approval, found?.adopted], [{ done: 1, total: 3 }, approval, true]);
  });

  it('is given back as it was: a schedule that the configuration has no more, a pause without a reason', () => {
    const database = harness.open();
    const record = { consideredUntil: 5, fingerprint: 'f', anchor: 1, configured: false };
    saveSchedule(database, 'job', record);
    assert.deepEqual(scheduleOf(database, 'job'), record);
    assert.equal(scheduleOf(database, 'other'), null);
    savePause(database, { since: 7, actor: 'alice', reason: null });
    assert.deepEqual(readPause(database), { since: 7, actor: 'alice', reason: null });
  });

  it('is not looked for in a file that is too short for a header', () => {
    const file = join(harness.folder, 'short.db');
    writeFileSync(file, 'SQLite format 3');
    assert.throws(() => new Database(file));
  });

  it('is opened by one agent, which a pid file that holds something else does not name', () => {
    const release = lockState(harness.folder);
    for (const text of ['rubbish', '1', '-5', '']) {
      writeFileSync(join(harness.folder, 'agent.pid'), text);
      assert.throws(() => lockState(harness.folder), /Another agent \(just starting\)/, text);
    }
    release();
  });

  it('is not to be had where its folder is a link to nothing, and that is said', () => {
    const folder = join(harness.folder, 'link');
    symlinkSync(join(harness.folder, 'nothing'), folder);
    assert.throws(() => {
      makeStateFolder(folder);
    }, /The state folder .*link can not be made: EEXIST/);
  });

  it('is not given up for what is no error of SQLite', () => {
    for (const thrown of [new Error('odd'), 'text', null])
      assert.deepEqual([isOutOfSpace(thrown), isDamage(thrown)], [false, false]);
  });

  it('is neither sound nor damaged where the program that checks it is missing, and that is said', async () => {
    fillStore(harness, 1);
    truncateSync(harness.file, wholeUpTo + 1);
    const { check } = storeCheck(['/nowhere/upkeep'], harness.folder);
    await assert.rejects(check?.() ?? assert.fail(), /ENOENT/);
    const { check: failing } = storeCheck(['/bin/sh', '-c', 'echo no store here >&2; exit 2'], harness.folder);
    await assert.rejects(failing?.() ?? assert.fail(), /no store here/);
  });

  it('is not opened half: what goes wrong when it tells what it lacks closes it again', () => {
    fillStore(harness, 2);
    rmSync(join(harness.folder, 'tokens.json'), { force: true });
    rmSync(harness.root, { recursive: true });
    writeFileSync(harness.root, '');
    const open = (onRepair: (message: string) => void): Database =>
      openStore({ directory: harness.folder, now: () => 0, onRepair });
    const refuse = (message: string): never => {
      throw new Error(message);
    };
    assert.throws(() => open(refuse), /^Error: Runs in .*\/runs \(ENOTDIR\) can not be read/);
    rmSync(harness.root);
    open(() => undefined).close();
  });
});
