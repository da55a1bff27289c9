import assert from 'node:assert/strict';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { EventBus } from '../../agent/events.ts';
import { Database } from '../../agent/store/database.ts';

describe('changes that share a commit', () => {
  let folder: string;
  let database: Database;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-group-'));
    database = new Database(join(folder, 'upkeep.db'));
  });

  afterEach(() => {
    database.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** What another connection sees: only that is committed. */
  function committed(): readonly unknown[] {
    const other = new DatabaseSync(database.file, { readOnly: true });
    try {
      return other
        .prepare("SELECT key FROM meta WHERE key LIKE 'test-%' ORDER BY key")
        .all()
        .map((row) => row['key']);
    } finally {
      other.close();
    }
  }

  function put(key: string): void {
    database.change("INSERT INTO meta (key, value) VALUES (?, '')", key);
  }

  /** Joins the group, and resolves with what it is told. */
  function add(key: string): Promise<Error | null> {
    return new Promise((resolve) => {
      database.together(() => {
        put(key);
      }, resolve);
    });
  }

  it('are told of when all of them are on the disk, and not before', async () => {
    const ends = [add('test-1'), add('test-2')];
    assert.deepEqual(committed(), []);
    assert.deepEqual(await Promise.race(ends), null);
    assert.deepEqual(committed(), ['test-1', 'test-2']);
    assert.deepEqual(await Promise.all(ends), [null, null]);
  });

  it('are committed before anybody reads, and with the next transaction that must be on the disk', async () => {
    const first = add('test-1');
    assert.equal(database.peek("SELECT count(*) AS n FROM meta WHERE key = 'test-1'")?.['n'], 1);
    assert.deepEqual(committed(), []);
    assert.equal(database.get("SELECT count(*) AS n FROM meta WHERE key = 'test-1'")?.['n'], 1);
    assert.deepEqual(committed(), ['test-1']);
    const second = add('test-2');
    database.transaction(() => {
      put('test-3');
    });
    assert.deepEqual(committed(), ['test-1', 'test-2', 'test-3']);
    assert.deepEqual(await Promise.all([first, second]), [null, null]);
  });

  it('are undone alone when their own work throws', async () => {
    const first = add('test-1');
    assert.throws(() => {
      database.together(
        () => {
          put('test-2');
          put('test-1');
        },
        () => assert.fail('it was told of though it was undone'),
      );
    }, /UNIQUE/);
    const third = add('test-3');
    assert.deepEqual(await Promise.all([first, third]), [null, null]);
    assert.deepEqual(committed(), ['test-1', 'test-3']);
  });

  it('all hear of a commit that failed, and none of them is there', async () => {
    database.change('CREATE TABLE parent (id INTEGER PRIMARY KEY)');
    database.change('CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)');
    const first = add('test-1');
    const second = new Promise<Error | null>((resolve) => {
      database.together(() => {
        database.change('INSERT INTO child (id) VALUES (7)');
      }, resolve);
    });
    for (const problem of await Promise.all([first, second])) assert.match(String(problem), /FOREIGN KEY/);
    assert.deepEqual(committed(), []);
    assert.equal(await add('test-2'), null);
    assert.deepEqual(committed(), ['test-2']);
  });

  it('are on the disk when the store is closed', () => {
    let told: Error | null | undefined;
    database.together(
      () => {
        put('test-1');
      },
      (error) => {
        told = error;
      },
    );
    database.close();
    assert.equal(told, null);
    assert.deepEqual(committed(), ['test-1']);
  });

  it('show their events when they are committed: a reader sees none before, and hurries nothing', async () => {
    const events = new EventBus(database, () => 0);
    const first = events.emit('report.removed', { id: 'a' });
    let told = 0;
    events.onAppend(() => (told += 1));
    await Promise.resolve();
    told = 0;
    const end = new Promise((resolve) => {
      database.together(() => {
        events.emit('report.removed', { id: 'b' });
      }, resolve);
    });
    assert.deepEqual([events.latest(), events.read(0, 10).map(({ seq }) => seq), told], [first.seq, [first.seq], 0]);
    assert.equal(database.gathering, true);
    await end;
    assert.deepEqual([events.latest(), events.read(0, 10).length, told], [first.seq + 1, 2, 1]);
  });
});
