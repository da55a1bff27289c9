import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import {
  appendAudit,
  AuditChain,
  auditState,
  auditStateInSteps,
  newestTrim,
  trimAudit,
  verifyAudit,
  walkAudit,
  type TrimRecord,
} from '../../agent/store/audit.ts';
import {
  auditCopyFile,
  lastAuditCopy,
  readAuditCopy,
  readTokenCopy,
  shortenAuditCopy,
} from '../../agent/store/copies.ts';
import { Database } from '../../agent/store/database.ts';
import { createToken } from '../../agent/store/tokens.ts';
import { storeHarness, type StoreHarness } from './harness.ts';

describe('the chain of the audit log', () => {
  let harness: StoreHarness;
  let database: Database;
  beforeEach(() => {
    harness = storeHarness();
    database = harness.open();
  });
  afterEach(() => {
    harness.dispose();
  });

  const add = (count: number, more: Readonly<Record<string, unknown>> = {}): void => {
    database.transaction(() => {
      for (let index = 0; index < count; index += 1) {
        appendAudit(database, {
          at: index,
          actor: 'alice',
          action: 'run.start',
          target: 'job',
          reason: null,
          detail: more,
        });
      }
    });
  };
  const hashAt = (seq: number): string =>
    String(database.get('SELECT hash FROM audit WHERE seq = ?', seq)?.['hash'] ?? assert.fail(`no entry ${seq}`));
  const trimThrough = (through: number, from = 1): TrimRecord => {
    const record = {
      from,
      through,
      hash: hashAt(through),
      folder: '/var/archive',
      archives: [{ name: 'a', sha256: 'b' }],
    };
    trimAudit(database, record, 99);
    return record;
  };

  it('is whole over thousands of entries, read at once, in steps, and from a place on', async () => {
    add(2500);
    const whole = auditState(database);
    assert.deepEqual([whole.entries, whole.brokenAt, whole.head?.seq, whole.trimmed], [2500, null, 2500, null]);
    assert.deepEqual(await auditStateInSteps(database, new AbortController().signal), whole);
    await assert.rejects(auditStateInSteps(database, AbortSignal.abort()), { name: 'AbortError' });
    const walk = walkAudit(database, { seq: 1200, hash: hashAt(1200) });
    let step = walk.next();
    while (step.done !== true) step = walk.next();
    assert.equal(step.value.entries, 1300);
  });

  it('loses its beginning only by a trim, which says what left and is itself part of it', () => {
    add(5);
    assert.equal(newestTrim(database), null);
    const record = trimThrough(3);
    const state = auditState(database);
    assert.deepEqual(
      [state.entries, state.brokenAt, state.base, state.head?.seq, state.trimmed],
      [3, null, { seq: 3, hash: record.hash }, 6, record],
    );
    assert.deepEqual(newestTrim(database), record);
    const second = trimThrough(5, 4);
    assert.deepEqual([auditState(database).trimmed, newestTrim(database)], [second, second]);
  });

  it('is not trimmed where the log holds another entry than the archive', () => {
    add(3);
    const record = { from: 1, through: 2, hash: 'f'.repeat(64), folder: '/', archives: [] };
    assert.throws(() => {
      trimAudit(database, record, 0);
    }, /Entry 2 of the audit log is not the one that was archived/);
    assert.throws(() => {
      trimAudit(database, { ...record, through: 9 }, 0);
    }, /Entry 9/);
    assert.deepEqual(verifyAudit(database), { entries: 3, brokenAt: null });
  });

  it('is broken from its first entry on where its beginning is gone and no trim says so', () => {
    add(4);
    database.change('DELETE FROM audit WHERE seq <= 2');
    assert.deepEqual(verifyAudit(database), { entries: 2, brokenAt: 1 });
    // A word about a trim that is no such word.
    for (const detail of ['{}', '{"from":'])
      database.change('UPDATE audit SET action = ?, detail = ? WHERE seq = 3', 'audit.trim', detail);
    assert.equal(verifyAudit(database).brokenAt, 1);
    assert.equal(newestTrim(database), null);
  });

  it('is broken where an entry is none, was changed, or is missing', () => {
    add(3);
    database.change("UPDATE audit SET hash = 'short' WHERE seq = 2");
    assert.equal(verifyAudit(database).brokenAt, 2);
    database.change("UPDATE audit SET hash = 'short' WHERE seq = 1");
    assert.equal(verifyAudit(database).brokenAt, 1);
    const chain = new AuditChain();
    assert.deepEqual([chain.add(null, 7), chain.brokenAt, chain.add(null, 8), chain.brokenAt], [false, 7, false, 7]);
  });

  describe('beside the store', () => {
    const file = (): string => auditCopyFile(harness.folder);
    const copied = (): number[] => readAuditCopy(harness.folder).map(({ seq }) => seq);

    it('has every entry, and goes on behind a line that was cut off', () => {
      add(3);
      assert.deepEqual([copied(), lastAuditCopy(harness.folder)], [[1, 2, 3], 3]);
      appendFileSync(file(), '{"seq":4,"at":');
      assert.equal(lastAuditCopy(harness.folder), 3);
      add(1);
      assert.deepEqual(copied(), [1, 2, 3, 4]);
      writeFileSync(file(), 'nothing of ours\nat all');
      assert.equal(lastAuditCopy(harness.folder), 0);
      add(1);
      assert.deepEqual(copied(), [1, 2, 3, 4, 5]);
    });

    it('loses what was trimmed, and nothing else, however long its lines are', () => {
      add(2600, { text: 'x'.repeat(1000) });
      trimThrough(2500);
      shortenAuditCopy(database);
      assert.deepEqual([copied().length, copied()[0]], [101, 2501]);
      const before = readFileSync(file());
      shortenAuditCopy(database);
      assert.deepEqual(readFileSync(file()), before);
      assert.equal(existsSync(`${file()}.new`), false);
    });

    it('is left as it is where there is none, or nothing of it is to go', () => {
      shortenAuditCopy(database);
      assert.equal(existsSync(file()), false);
      add(2);
      writeFileSync(file(), 'nothing of ours\n');
      shortenAuditCopy(database);
      assert.deepEqual(copied(), []);
    });

    it('is no concern of a store in memory', () => {
      const memory = new Database(':memory:');
      appendAudit(memory, { at: 0, actor: 'a', action: 'b', target: 'c', reason: null, detail: {} });
      createToken(memory, { name: 'ci', role: 'viewer', now: 0, expiresAt: null });
      shortenAuditCopy(memory);
      assert.deepEqual(verifyAudit(memory), { entries: 1, brokenAt: null });
      memory.close();
    });

    it('keeps tokens, and gives back those that are as they should be', () => {
      createToken(database, { name: 'ci', role: 'viewer', now: 0, expiresAt: null });
      const tokens = `${harness.folder}/tokens.json`;
      const [row] = readTokenCopy(harness.folder);
      assert.equal(row?.name, 'ci');
      writeFileSync(tokens, JSON.stringify([row, { ...row, role: 'god' }, 7]));
      assert.deepEqual(readTokenCopy(harness.folder), [row]);
      for (const text of ['{"half":', '{}', '']) {
        writeFileSync(tokens, text);
        assert.deepEqual(readTokenCopy(harness.folder), [], text);
      }
      rmSync(tokens);
      assert.deepEqual(readTokenCopy(harness.folder), []);
    });
  });
});
