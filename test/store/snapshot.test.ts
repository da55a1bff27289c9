import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { appendAudit } from '../../agent/store/audit.ts';
import { wholeUpTo } from '../../agent/store/examine.ts';
import { Reserve } from '../../agent/store/reserve.ts';
import { StoreSnapshot } from '../../agent/store/snapshot.ts';
import { makeStateFolder } from '../../agent/store/stateFolder.ts';
import { lockHolder, lockState } from '../../agent/store/stateLock.ts';
import { storeCheck } from '../../agent/store/storeCheck.ts';
import { StoreError } from '../../agent/store/storeErrors.ts';
import { storeHarness, type StoreHarness } from './harness.ts';

describe('beside and around the store', () => {
  let harness: StoreHarness;
  beforeEach(() => {
    harness = storeHarness();
  });
  afterEach(() => {
    harness.dispose();
  });
  const entry = { at: 0, actor: 'alice', action: 'run.start', target: 'job', reason: null, detail: {} };

  it('a snapshot stays as it was while the agent goes on writing', () => {
    const database = harness.open();
    appendAudit(database, entry);
    const snapshot = new StoreSnapshot(harness.file);
    appendAudit(database, entry);
    assert.deepEqual(
      [snapshot.all('SELECT seq FROM audit').length, snapshot.get('SELECT count(*) AS n FROM audit')?.['n']],
      [1, 1],
    );
    assert.equal(snapshot.get('SELECT 1 FROM audit WHERE seq = ?', 7), undefined);
    assert.throws(() => snapshot.all('SELECT seq FROM nowhere'), /nowhere/);
    snapshot.close();
    assert.equal(database.all('SELECT seq FROM audit').length, 2);
  });

  it('a snapshot of what is no store says so', () => {
    assert.throws(() => new StoreSnapshot(join(harness.folder, 'none.db')), StoreError);
    writeFileSync(harness.file, 'no database at all, though it is long enough to be looked at as one'.repeat(20));
    assert.throws(() => new StoreSnapshot(harness.file), StoreError);
  });

  it('a state folder is made with all that is above it, open to its owner alone', () => {
    const folder = join(harness.folder, 'a', 'b');
    makeStateFolder(folder);
    makeStateFolder(folder);
    assert.deepEqual(
      [folder, join(folder, '..')].map((path) => statSync(path).mode & 0o777),
      [0o700, 0o700],
    );
  });

  it('a state folder that can not be had says which, why and what to do', () => {
    const file = join(harness.folder, 'file');
    writeFileSync(file, '');
    assert.throws(() => {
      makeStateFolder(file);
    }, /The state folder .*file is no folder: choose another with --state/);
    for (const folder of [join(file, 'below'), '/proc/upkeep/state'])
      assert.throws(
        () => {
          makeStateFolder(folder);
        },
        (error) => error instanceof Error && error.message.includes(`${folder} can not be made`),
        folder,
      );
  });

  it('a lock is held without a name where that can not be written, and given back once', () => {
    mkdirSync(join(harness.folder, 'agent.pid'));
    const release = lockState(harness.folder);
    assert.throws(() => lockState(harness.folder), /Another agent \(just starting\)/);
    assert.equal(lockHolder(harness.folder), null);
    rmdirSync(join(harness.folder, 'agent.pid'));
    release();
    release();
    lockState(harness.folder)();
  });

  it("a lock that can not be looked at is nobody's", () => {
    mkdirSync(join(harness.folder, 'agent.lock'));
    assert.equal(lockHolder(harness.folder), null);
    assert.throws(() => lockState(harness.folder), StoreError);
  });

  it('a reserve that can not be had is none, and is not left half made', () => {
    const reserve = new Reserve(join(harness.folder, 'gone', 'reserve'));
    assert.deepEqual([reserve.exists(), reserve.create(), reserve.hasRoom(1)], [false, false, false]);
  });

  describe('a large store', () => {
    /** A program in the place of Upkeep. */
    const check = (script: string): Promise<string | null> => {
      const { check: run } = storeCheck(['/bin/sh', '-c', script, 'sh'], harness.folder);
      return run?.() ?? assert.fail('it is not checked');
    };
    beforeEach(() => {
      harness.open().close();
    });
    const grow = (): void => {
      truncateSync(harness.file, wholeUpTo + 1);
    };

    it('is checked in a process of its own, a small one not again', () => {
      assert.deepEqual(storeCheck(['upkeep'], harness.folder), {});
      grow();
      assert.equal(typeof storeCheck(['upkeep'], harness.folder).check, 'function');
    });

    it('is sound, or damaged as that process says, also by its exit code 1', async () => {
      grow();
      assert.equal(await check(`echo '{"problem":null}'`), null);
      assert.equal(await check(`echo '{"problem":"page 7"}'; exit 1`), 'page 7');
      assert.equal(
        await check(
          `[ "$1 $2 $3 $4 $5" = "store check --json --state ${harness.folder}" ] && echo '{"problem":"asked"}'`,
        ),
        'asked',
      );
    });

    it('is neither where that process can not be run or says nothing of the kind', async () => {
      grow();
      await assert.rejects(check('exit 2'));
      await assert.rejects(check(`echo '{"fine":true}'`));
      const { check: missing } = storeCheck(['/nowhere/upkeep'], harness.folder);
      await assert.rejects(missing?.() ?? assert.fail(), /ENOENT|JSON/);
    });
  });
});
