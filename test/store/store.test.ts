import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { EventBus } from '../../agent/events.ts';
import { appendAudit, verifyAudit } from '../../agent/store/audit.ts';
import { Database } from '../../agent/store/database.ts';
import { lockState } from '../../agent/store/stateLock.ts';
import { createToken, listTokens, revokeToken, verifyToken } from '../../agent/store/tokens.ts';

describe('store', () => {
  let folder: string;
  let file: string;
  let database: Database;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-store-'));
    file = join(folder, 'upkeep.db');
    database = new Database(file);
  });
  afterEach(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });

  it('is readable by its owner alone', () => {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(`${file}-wal`).mode & 0o777, 0o600);
  });

  it('keeps its epoch and goes on counting events when it is opened again', () => {
    const { epoch } = database;
    new EventBus(database, () => 1000).emit('agent.started', { startedAt: new Date(0).toISOString(), version: '1' });
    database.close();
    database = new Database(file);
    assert.equal(database.epoch, epoch);
    const event = new EventBus(database, () => 2000).emit('agent.started', {
      startedAt: new Date(0).toISOString(),
      version: '1',
    });
    assert.equal(event.seq, 2);
  });

  it('refuses a store of a newer Upkeep and leaves it as it is', () => {
    database.close();
    const raw = new DatabaseSync(file);
    raw.exec('PRAGMA user_version = 999');
    raw.close();
    assert.throws(() => new Database(file), /version 999.*install the newer Upkeep/s);
    database = new Database(join(folder, 'other.db'));
  });

  it('undoes a transaction that throws', () => {
    assert.throws(() =>
      database.transaction(() => {
        database.change("INSERT INTO meta (key, value) VALUES ('a', 'b')");
        throw new Error('no');
      }),
    );
    assert.equal(database.get("SELECT value FROM meta WHERE key = 'a'"), undefined);
  });

  it('shows which entry of the audit log was changed or removed', () => {
    for (const target of ['one', 'two', 'three']) {
      appendAudit(database, { at: 1, actor: 'alice', action: 'run.start', target, reason: null, detail: {} });
    }
    assert.deepEqual(verifyAudit(database), { entries: 3, brokenAt: null });
    database.change("UPDATE audit SET actor = 'bob' WHERE seq = 2");
    assert.deepEqual(verifyAudit(database), { entries: 3, brokenAt: 2 });
    database.change("UPDATE audit SET actor = 'alice' WHERE seq = 2");
    database.change('DELETE FROM audit WHERE seq = 1');
    assert.equal(verifyAudit(database).brokenAt, 1);
  });

  it('V07: compares whole hashes: nothing near a token, and no length, is nearer to being let in', () => {
    const { id, token } = createToken(database, { name: 'ci', role: 'viewer', now: 0, expiresAt: null });
    const stored = database.all('SELECT hash FROM tokens').map(({ hash }) => String(hash));
    assert.deepEqual(stored, [createHash('sha256').update(token).digest('hex')]);
    const near = Array.from({ length: token.length }, (_, length) => token.slice(0, length));
    const wrong = [...near, `${token} `, `${token}\0`, token.toUpperCase(), stored[0] ?? '', id, '%', 'x'.repeat(512)];
    for (const text of wrong) assert.equal(verifyToken(database, text, 0), null, text);
    // A row whose hash is damaged is nobody's token, and hides no other.
    for (const hash of ['', 'ab', 'zz', `${stored[0]}00`]) {
      database.change('UPDATE tokens SET hash = ? WHERE id = ?', hash, id);
      for (const text of ['', token]) assert.equal(verifyToken(database, text, 0), null);
      const other = createToken(database, { name: 'other', role: 'viewer', now: 0, expiresAt: null });
      assert.equal(verifyToken(database, other.token, 0)?.name, 'other');
    }
  });

  it('knows a token by its hash until it expires or is revoked', () => {
    const { id, token } = createToken(database, { name: 'ci', role: 'viewer', now: 0, expiresAt: 1000 });
    assert.deepEqual(verifyToken(database, token, 999), { id, name: 'ci', role: 'viewer' });
    assert.equal(verifyToken(database, token, 1000), null);
    assert.equal(verifyToken(database, `${token}x`, 0), null);
    assert.equal(JSON.stringify(database.all('SELECT * FROM tokens')).includes(token), false);
    assert.equal(revokeToken(database, id, 5), true);
    assert.equal(verifyToken(database, token, 6), null);
    assert.equal(revokeToken(database, id, 7), false);
    assert.equal(listTokens(database)[0]?.revokedAt, new Date(5).toISOString());
  });

  it('lets one agent at a time have a state folder', () => {
    const unlock = lockState(folder);
    assert.throws(() => lockState(folder), new RegExp(`Another agent \\(pid ${process.pid}\\)`));
    unlock();
    lockState(folder)();
  });
});
