import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EventBus } from '../../agent/events.ts';
import { verifyAudit } from '../../agent/store/audit.ts';
import { listOpenAlerts, listWindows } from '../../agent/store/documents.ts';
import { schemaVersion } from '../../agent/store/migrations.ts';
import { findRunByRequest, getRun } from '../../agent/store/runs.ts';
import { scheduleOf } from '../../agent/store/schedule.ts';
import { verifyToken } from '../../agent/store/tokens.ts';
import { fillStore, storeHarness, type StoreHarness } from './harness.ts';

describe('a store of another version (F41)', () => {
  let harness: StoreHarness;
  beforeEach(() => {
    harness = storeHarness();
  });
  afterEach(() => {
    harness.dispose();
  });

  const older = [schemaVersion - 2, schemaVersion - 1].filter((version) => version >= 1);
  for (const version of older) {
    it(`F41: opens one of schema version ${version} with all that is in it`, () => {
      const sql = new DatabaseSync(harness.file);
      sql.exec(readFileSync(join(import.meta.dirname, 'fixtures', `version${version}.sql`), 'utf8'));
      sql.close();
      const database = harness.open();
      assert.deepEqual(harness.repairs, []);
      assert.equal(database.epoch, `0f0f0f0f-0000-4000-8000-00000000000${version}`);
      assert.equal(getRun(database, '20240305T020000-00000001')?.outcome, 'changed');
      assert.equal(findRunByRequest(database, 'request-0001')?.reason, 'a test');
      assert.equal(scheduleOf(database, 'nightly')?.consideredUntil, Date.parse('2024-03-05T02:00:00.000Z'));
      assert.deepEqual(verifyAudit(database), { entries: 1, brokenAt: null });
      assert.equal(verifyToken(database, 'upkeep_00000000_test', 0)?.role, 'operator');
      assert.equal(listWindows(database, 10)[0]?.state, 'closed');
      assert.equal(listOpenAlerts(database)[0]?.key, 'task:by-hand');
      assert.equal(new EventBus(database, () => 0).read(0, 10)[0]?.type, 'agent.started');
    });
  }

  it('F41: refuses one of a newer Upkeep and leaves each of its bytes as it is', () => {
    fillStore(harness, 3);
    const raw = new DatabaseSync(harness.file);
    raw.exec('PRAGMA user_version = 999; PRAGMA journal_mode = DELETE');
    raw.close();
    const before = readFileSync(harness.file);
    assert.throws(() => harness.open(), /version 999.*install the newer Upkeep/s);
    assert.deepEqual(readFileSync(harness.file), before);
    assert.equal(existsSync(`${harness.file}-wal`), false);
  });

  it('F41: passes by events of types that it does not know, and keeps their numbers', () => {
    const database = harness.open();
    const events = new EventBus(database, () => 0);
    events.emit('agent.started', { startedAt: new Date(0).toISOString(), version: '1' });
    database.change("INSERT INTO events (at, type, data) VALUES (0, 'moon.changed', '{}')");
    events.emit('agent.started', { startedAt: new Date(0).toISOString(), version: '2' });
    assert.deepEqual(
      events.read(0, 10).map(({ seq }) => seq),
      [1, 3],
    );
  });

  it('goes on from a store that was killed while it was being made', () => {
    writeFileSync(harness.file, '');
    const sql = new DatabaseSync(harness.file);
    sql.exec('PRAGMA journal_mode = WAL');
    sql.close();
    harness.open();
    assert.deepEqual(harness.repairs, []);
  });
});
