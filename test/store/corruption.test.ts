import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { verifyAudit } from '../../agent/store/audit.ts';
import type { Database } from '../../agent/store/database.ts';
import { listRuns } from '../../agent/store/runs.ts';
import { createToken, listTokens, verifyToken } from '../../agent/store/tokens.ts';
import { addRun, fillStore, runNumber, storeHarness, type StoreHarness } from './harness.ts';

function wipe(file: string, from: number, bytes: number): void {
  const descriptor = openSync(file, 'r+');
  writeSync(descriptor, Buffer.alloc(bytes), 0, bytes, from);
  closeSync(descriptor);
}

function wipeMiddlePage(file: string): void {
  wipe(file, Math.floor(statSync(file).size / 4096 / 2) * 4096, 4096);
}

const damages: readonly [name: string, damage: (file: string) => void][] = [
  [
    'garbage',
    (file) => {
      writeFileSync(file, Buffer.alloc(statSync(file).size, 0x55));
    },
  ],
  [
    'a wiped header',
    (file) => {
      wipe(file, 0, 100);
    },
  ],
  [
    'a wiped first page',
    (file) => {
      wipe(file, 0, 4096);
    },
  ],
  [
    'no content',
    (file) => {
      truncateSync(file, 0);
    },
  ],
  ['a wiped page inside', wipeMiddlePage],
  [
    'its second half missing',
    (file) => {
      truncateSync(file, Math.floor(statSync(file).size / 2));
    },
  ],
];

function contents(database: Database): object {
  return {
    runs: listRuns(database, { limit: 500 }).map(({ id, outcome }) => ({ id, outcome })),
    tokens: listTokens(database).length,
    auditBrokenAt: verifyAudit(database).brokenAt,
  };
}

describe('a damaged store (F28)', () => {
  let harness: StoreHarness;
  let token: string;
  let sound: object;
  beforeEach(() => {
    harness = storeHarness();
    token = fillStore(harness);
    const database = harness.open();
    sound = contents(database);
    database.close();
  });
  afterEach(() => {
    harness.dispose();
  });

  for (const [name, damage] of damages) {
    it(`F28: with ${name} is set aside and made anew, with every run, token and audit entry`, () => {
      const before = new DatabaseSync(harness.file, { readOnly: true });
      const epoch = before.prepare("SELECT value FROM meta WHERE key = 'epoch'").get()?.['value'];
      before.close();
      damage(harness.file);
      const damaged = readFileSync(harness.file);
      const database = harness.open();
      assert.equal(harness.repairs.length, 1);
      assert.match(
        harness.repairs[0] ?? '',
        /could not be used .* 20 runs, 1 token and 20 audit entries. The old file is/,
      );
      assert.deepEqual(contents(database), sound);
      assert.notEqual(verifyToken(database, token, 1), null);
      assert.notEqual(database.epoch, epoch);
      const aside = readdirSync(harness.folder).find((file) => /^upkeep\.db\.damaged-\d{8}T\d{6}$/.test(file)) ?? '';
      assert.deepEqual(readFileSync(join(harness.folder, aside)), damaged);
      assert.equal(verifyAudit(database).entries, 21, 'the repair itself is in the log');
    });
  }

  it('F28: that lost its file is made anew from directories and copies', () => {
    rmSync(harness.file);
    const database = harness.open();
    assert.match(harness.repairs[0] ?? '', /it is gone.*20 runs, 1 token and 20 audit entries\. There was no old file/);
    assert.deepEqual(contents(database), sound);
  });

  it('F28: gives what can still be read, where the copies are gone, too', () => {
    for (const copy of ['tokens.json', 'audit.ndjson']) rmSync(join(harness.folder, copy));
    wipe(harness.file, 0, 100);
    const database = harness.open();
    assert.deepEqual(contents(database), sound);
    assert.notEqual(verifyToken(database, token, 1), null);
  });

  it('F28: without its -wal file is brought up to its directories and copies, under a new epoch', () => {
    const first = harness.open();
    const { epoch } = first;
    // What a copy of the main file alone holds, while an agent works.
    const main = readFileSync(harness.file);
    addRun(first, harness.root, runNumber(50));
    createToken(first, { name: 'late', role: 'viewer', now: 0, expiresAt: null });
    first.close();
    for (const suffix of ['-wal', '-shm']) rmSync(`${harness.file}${suffix}`, { force: true });
    writeFileSync(harness.file, main);
    const database = harness.open();
    assert.match(harness.repairs.at(-1) ?? '', /was behind its copies.* 1 run, 1 token/);
    assert.equal(listTokens(database).length, 2);
    assert.equal(listRuns(database, { limit: 500 }).length, 21);
    assert.notEqual(database.epoch, epoch);
  });

  it('F28: a token that was revoked stays so, whatever is restored', () => {
    const first = harness.open();
    const [known] = listTokens(first);
    first.change('UPDATE tokens SET revoked_at = 5 WHERE id = ?', known?.id ?? '');
    first.close();
    wipe(harness.file, 0, 100);
    // The copy of before says that it is good.
    const database = harness.open();
    assert.equal(verifyToken(database, token, 10), null);
  });

  it('F28: that is damaged while it is open is made anew for the next request', () => {
    const database = harness.open();
    const raw = new DatabaseSync(harness.file);
    raw.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    raw.close();
    writeFileSync(harness.file, Buffer.alloc(statSync(harness.file).size, 0x55));
    assert.throws(() => contents(database), /found damaged and has been made anew/);
    assert.deepEqual(contents(database), sound);
    assert.equal(harness.repairs.length, 1);
  });

  it('keeps the last three files that were set aside', () => {
    for (let time = 0; time < 5; time += 1) {
      truncateSync(harness.file, 0);
      harness.open().close();
    }
    const aside = readdirSync(harness.folder).filter((name) => name.includes('.damaged-'));
    assert.equal(aside.length, 3);
    assert.equal(existsSync(`${harness.file}.new`), false);
  });

  if (process.getuid?.() !== 0) {
    it('F28: that may not be written is refused by name, and not set aside', () => {
      chmodSync(harness.file, 0o400);
      assert.throws(() => harness.open(), /can not be written.*upkeep\.db|upkeep\.db can not be written/);
      assert.equal(
        readdirSync(harness.folder).some((name) => name.includes('.damaged-')),
        false,
      );
      chmodSync(harness.file, 0o600);
    });
  }
});
