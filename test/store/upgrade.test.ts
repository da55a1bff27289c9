import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, existsSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as after } from 'node:timers/promises';
import { lookAtStore } from '../../agent/doctor/state.ts';
import type { Finding, Run } from '../../agent/protocol/nouns.ts';
import { verifyAudit } from '../../agent/store/audit.ts';
import type { Database } from '../../agent/store/database.ts';
import { examine } from '../../agent/store/examine.ts';
import { schemaVersion } from '../../agent/store/migrations.ts';
import { findRunByRequest, getRun, listRuns } from '../../agent/store/runs.ts';
import { verifyToken } from '../../agent/store/tokens.ts';
import { full, megabytes, tell } from '../integration/measure.ts';
import { agentFolder, storeHarness, type StoreHarness } from './harness.ts';
import { anyRun, fixtureRuns, olderVersion, writeOlderStore } from './olderStore.ts';
import { canMount, smallDisk, type SmallDisk } from './smallDisk.ts';

const kills = full ? 200 : 5;
const large = full ? 1_000_000 : 10_000;

const numberOf = (sql: DatabaseSync, text: string): number => Number(Object.values(sql.prepare(text).get() ?? {})[0]);

/** As it is on the disk, looked at without changing it. */
function look<T>(file: string, work: (sql: DatabaseSync) => T): T {
  const sql = new DatabaseSync(file, { readOnly: true });
  try {
    return work(sql);
  } finally {
    sql.close();
  }
}

const versionOf = (file: string): number => look(file, (sql) => numberOf(sql, 'PRAGMA user_version'));
const vacuumIsDue = (file: string): boolean =>
  look(file, (sql) => numberOf(sql, "SELECT count(*) FROM meta WHERE key = 'vacuum'")) === 1;

/** Every run that was in the store, and what the fixture has besides. */
function assertWhole(database: Database, count: number): void {
  const found = new Map(listRuns(database, { limit: count + 10 }).map((run): [string, Run] => [run.id, run]));
  assert.equal(found.size, count + fixtureRuns);
  for (let index = 0; index < count; index += 1) {
    const run = anyRun(index);
    assert.deepEqual(found.get(run.id), run);
  }
  assert.deepEqual(verifyAudit(database), { entries: 1, brokenAt: null });
  assert.equal(verifyToken(database, 'upkeep_00000000_test', 0)?.role, 'operator');
}

describe('the upgrade of a store whose runs take more space', function () {
  this.timeout(full ? 600_000 : 60_000);
  let harness: StoreHarness;
  beforeEach(() => {
    harness = storeHarness();
  });
  afterEach(() => {
    harness.dispose();
  });

  it('F41: keeps every run as it was, whatever the form of its id', () => {
    writeOlderStore(harness.file, 400);
    const database = harness.open();
    assertWhole(database, 400);
    assert.deepEqual(harness.repairs, []);
    const asked = anyRun(1);
    assert.deepEqual(getRun(database, asked.id), asked);
    assert.deepEqual(findRunByRequest(database, `request-${asked.id}`), asked);
    assert.deepEqual(getRun(database, anyRun(6).id)?.id, anyRun(6).id);
    assert.equal(getRun(database, asked.id.toUpperCase()), null);
    database.close();
    assert.deepEqual(examine(harness.file, true), { kind: 'ok' });
  });

  it('gives a third of the space back', () => {
    writeOlderStore(harness.file, large);
    const before = statSync(harness.file).size;
    const begun = performance.now();
    harness.open().close();
    const seconds = (performance.now() - begun) / 1000;
    const { size } = statSync(harness.file);
    tell(`${large} runs: ${seconds.toFixed(1)} s, ${megabytes(before)} became ${megabytes(size)}`);
    assert.ok(size < before * 0.67, `${size} of ${before}`);
    assert.equal(vacuumIsDue(harness.file), false);
    assert.equal(
      look(harness.file, (sql) => numberOf(sql, 'SELECT count(*) FROM runs')),
      large + fixtureRuns,
    );
  });

  it(`F29: is done or not begun after each of ${kills} kills, and nothing is lost`, async () => {
    const [count, kept] = [3000, join(harness.folder, 'kept.db')];
    writeOlderStore(kept, count);
    const from = { version: olderVersion, whole: 0 };
    let longest = 0;
    for (let kill = 0; kill <= kills; kill += 1) {
      for (const suffix of ['', '-wal', '-shm', '.first-page']) rmSync(harness.file + suffix, { force: true });
      copyFileSync(kept, harness.file);
      const child = openElsewhere(harness.folder);
      const exited = once(child, 'exit');
      await once(child.stdout, 'data');
      const begun = performance.now();
      // At a moment that chance decides; the first goes to its end and tells how long that takes.
      if (kill > 0) await Promise.race([exited, after(Math.random() * longest)]);
      if (kill > 0) child.kill('SIGKILL');
      await exited;
      longest = kill === 0 ? performance.now() - begun : longest;
      if (versionOf(harness.file) === from.version) from.whole += 1;
      else assert.equal(versionOf(harness.file), schemaVersion);
      assert.deepEqual(examine(harness.file, true), { kind: 'ok' });
      const database = harness.open();
      assertWhole(database, count);
      database.close();
      assert.equal(vacuumIsDue(harness.file), false);
    }
    assert.deepEqual(harness.repairs, []);
    tell(`${kills} kills within ${longest.toFixed(0)} ms, ${from.whole} before the upgrade was committed`);
  });

  it('F28: of a large file finds damage that the start does not look for, and makes the store anew', () => {
    writeOlderStore(harness.file, 70_000);
    const page = 4096;
    const { size } = statSync(harness.file);
    assert.ok(size > 16 * 2 ** 20);
    const root = look(harness.file, (sql) => numberOf(sql, "SELECT rootpage FROM sqlite_schema WHERE name = 'runs'"));
    const descriptor = openSync(harness.file, 'r+');
    writeSync(descriptor, Buffer.alloc(page, 0x55), 0, page, (root - 1) * page);
    closeSync(descriptor);
    const database = harness.open();
    assert.match(
      harness.repairs[0] ?? '',
      /could not be used \(database disk image is malformed\).*1 token and 1 audit entry/,
    );
    assert.equal(verifyToken(database, 'upkeep_00000000_test', 0)?.role, 'operator');
    database.close();
    assert.equal(versionOf(harness.file), schemaVersion);
  });

  it('F28: lets a first page that is lost afterwards be made up for, where the copies are gone, too', () => {
    writeOlderStore(harness.file, 400);
    harness.open().close();
    for (const copy of ['tokens.json', 'audit.ndjson']) rmSync(join(harness.folder, copy));
    const ended = Array.from({ length: 400 }, (_, index) => anyRun(index)).filter(({ state }) => state === 'ended');
    const descriptor = openSync(harness.file, 'r+');
    writeSync(descriptor, Buffer.alloc(4096), 0, 4096, 0);
    closeSync(descriptor);
    const database = harness.open();
    assert.equal(harness.repairs.length, 1);
    for (const run of ended) assert.deepEqual(getRun(database, run.id), run);
    assert.equal(verifyToken(database, 'upkeep_00000000_test', 0)?.role, 'operator');
    assert.equal(verifyAudit(database).brokenAt, null);
  });

  it('F28: makes one anew whose rows break the rules of the store, with one run for each instant', () => {
    writeOlderStore(harness.file, 100);
    const sql = new DatabaseSync(harness.file);
    sql.exec(`DROP INDEX runs_by_instant; UPDATE runs SET task = 'job', scheduled_for = 0 WHERE trigger = 'schedule'`);
    sql.close();
    const database = harness.open();
    assert.match(harness.repairs[0] ?? '', /could not be used \(UNIQUE constraint failed/);
    assert.equal(listRuns(database, { limit: 200 }).filter(({ trigger }) => trigger === 'schedule').length, 1);
    assert.deepEqual(getRun(database, anyRun(1).id), anyRun(1));
  });

  it('F28: takes what it can from one that was damaged before it', () => {
    writeOlderStore(harness.file, 400);
    const descriptor = openSync(harness.file, 'r+');
    writeSync(descriptor, Buffer.alloc(100), 0, 100, 0);
    closeSync(descriptor);
    const database = harness.open();
    assert.equal(harness.repairs.length, 1);
    for (let index = 0; index < 400; index += 1) {
      const run = anyRun(index);
      assert.deepEqual(getRun(database, run.id), run.state === 'ended' ? run : null);
    }
    assert.equal(existsSync(`${harness.file}.new.salvage`), false);
  });
});

if (canMount) {
  describe('the upgrade of a store on a small disk (F03)', function () {
    this.timeout(60_000);

    it('F03: is done in the space of the reserve', () => {
      onFullDisk(8, 500, (harness) => {
        const database = harness.open();
        assertWhole(database, 500);
        assert.equal(database.condition().state, 'low');
        database.close();
        assert.equal(versionOf(harness.file), schemaVersion);
      });
    });

    it('F03: that has no room for it is refused in one sentence, and is upgraded when there is', () => {
      onFullDisk(8, 9000, (harness, disk) => {
        const refused =
          /The disk of the store .* is full: free space there\. .* takes (\d+) more bytes of room in (\S+) /;
        let message = '';
        assert.throws(
          () => harness.open(),
          (error: unknown) => {
            message = error instanceof Error ? error.message : '';
            return refused.test(message);
          },
        );
        assert.equal(versionOf(harness.file), olderVersion);
        const [, bytes, folder] = refused.exec(message) ?? [];
        assert.equal(folder, harness.folder);
        // What it says is enough, to the page.
        disk.release(Math.ceil(Number(bytes) / 4096));
        const database = harness.open();
        assertWhole(database, 9000);
        database.close();
      });
    });

    it('F03: waits for room to give the space back, and is done without', () => {
      onFullDisk(16, 6000, (harness, disk) => {
        disk.release(1600);
        let database = harness.open();
        assertWhole(database, 6000);
        database.close();
        assert.equal(versionOf(harness.file), schemaVersion);
        assert.equal(vacuumIsDue(harness.file), true);
        const looked = (): readonly Finding[] => lookAtVacuumOf(harness);
        assert.match(
          looked()
            .map(({ level, message }) => `${level} ${message}`)
            .join('\n'),
          /^warning [\d.]+ [KM]iB in it wait to be given back .*, which takes [\d.]+ MiB on the disk of \S+ \([\d.]+ [KM]?i?B are free\): make room, then restart the agent$/m,
        );
        const before = statSync(harness.file).size;
        disk.clear();
        assert.match(looked().at(-1)?.message ?? '', /: the next start of the agent does it$/);
        database = harness.open();
        assertWhole(database, 6000);
        database.close();
        assert.deepEqual(
          looked().map(({ level }) => level),
          ['ok'],
        );
        assert.equal(vacuumIsDue(harness.file), false);
        assert.ok(statSync(harness.file).size < before * 0.67);
      });
    });
  });
}

/** What the doctor says of the store. */
function lookAtVacuumOf({ folder }: StoreHarness): readonly Finding[] {
  const found = lookAtStore({
    ...{ configFile: '', stateDirectory: folder, socket: '', environment: {}, config: null, holder: null },
  });
  assert.ok(!(found instanceof Promise));
  return found;
}

/** A file system of so many megabytes, full, with a reserve and a store of so many runs. */
function onFullDisk(size: number, count: number, work: (harness: StoreHarness, disk: SmallDisk) => void): void {
  const disk = smallDisk(size);
  const harness = storeHarness(disk.folder);
  try {
    harness.open().close();
    rmSync(harness.file);
    writeOlderStore(harness.file, count);
    disk.fill();
    work(harness, disk);
  } finally {
    for (const suffix of ['', '-wal', '-shm']) rmSync(harness.file + suffix, { force: true });
    disk.dispose();
  }
}

/** A process that opens the store as the agent does, and says a word when it begins. */
function openElsewhere(directory: string) {
  const program = `
    const [agent, directory] = process.argv.slice(1);
    const { openStore } = await import(agent + '/store/openStore.ts');
    process.stdout.write('begun');
    openStore({ directory, now: () => Date.now(), onRepair: (text) => { throw new Error(text); } }).close();`;
  const args = ['--input-type=module', '--eval', program, agentFolder, directory];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
}
