/**
 * A process of its own in which files may grow to `k` bytes and no further (RLIMIT_FSIZE, setrlimit(2); Node ignores SIGXFSZ, so that
 * a write beyond is cut short and then fails, as on a full disk). Usage: node fullAtEveryByte.ts config|token|certificate|upgrade FOLDER STEP.
 * Writes a file over an old one with every k up to its size; prints how many times, and throws at the first that did harm.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readLastGood, saveLastGood } from '../../agent/config/lastGood.ts';
import { ensureSelfSigned, selfSignedFiles } from '../../agent/server/selfSigned.ts';
import { readTokenCopy } from '../../agent/store/copies.ts';
import { Database } from '../../agent/store/database.ts';
import { examine } from '../../agent/store/examine.ts';
import { schemaVersion, schemaVersionOf } from '../../agent/store/migrations.ts';
import { openStore } from '../../agent/store/openStore.ts';
import { getRun, listRuns } from '../../agent/store/runs.ts';
import { createToken, listTokens, verifyToken } from '../../agent/store/tokens.ts';
import { anyRun, fixtureRuns, olderVersion, writeOlderStore } from './olderStore.ts';

interface Target {
  /** Bytes of what is written. */
  readonly size: number;
  /** Before each write, without a limit. */
  readonly prepare?: () => void;
  readonly write: () => Promise<void>;
  /** After a write that failed (`failed`) or not: throws when something is not as it must be. */
  readonly check: (failed: boolean) => void;
}

const [, , name = '', folder = '', step = '1'] = process.argv;
const now = Date.UTC(2024, 2, 5);

function limit(bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:`]);
}

async function config(): Promise<Target> {
  const [source, old, fresh] = ['/etc/maintenance.yaml', 'maintenance: {}\n', 'maintenance: { checks: [] } # new\n'];
  await saveLastGood(folder, source, old);
  const files = readdirSync(join(folder, 'config'));
  return {
    size: statSync(join(folder, 'config', 'last-good.yaml')).size + fresh.length - old.length,
    write: () => saveLastGood(folder, source, fresh),
    check: (failed) => {
      assert.equal(readLastGood(folder, source), failed ? old : fresh);
      assert.deepEqual(readdirSync(join(folder, 'config')), files);
    },
  };
}

async function certificate(): Promise<Target> {
  const files = selfSignedFiles(folder);
  await ensureSelfSigned(folder, ['a.example.test'], now);
  const size = Math.max(statSync(files.cert).size, statSync(files.key).size);
  rmSync(files.cert);
  rmSync(files.key);
  return {
    size,
    write: () => ensureSelfSigned(folder, ['a.example.test'], now),
    check: (failed) => {
      const there = readdirSync(join(folder, 'tls'));
      assert.equal(there.length, failed ? 0 : 2);
      if (!failed) assert.match(readFileSync(files.cert, 'utf8'), /-----END CERTIFICATE-----\n$/);
    },
  };
}

/** Of the store and of its copy: a token that was made before stays good whatever happens to a new one. */
function token(): Target {
  const file = join(folder, 'upkeep.db');
  const first = new Database(file);
  const old = createToken(first, { name: 'old', role: 'admin', now, expiresAt: null });
  first.close();
  let made: string | null = null;
  return {
    size: 1000,
    write: () => {
      made = null;
      const database = new Database(file);
      try {
        made = createToken(database, { name: 'new', role: 'viewer', now, expiresAt: null }).token;
      } finally {
        database.close();
      }
      return Promise.resolve();
    },
    check: (failed) => {
      const database = new Database(file);
      assert.equal(verifyToken(database, old.token, now)?.name, 'old');
      assert.ok(failed || (made !== null && verifyToken(database, made, now)?.name === 'new'));
      assert.ok(readTokenCopy(folder).some(({ id }) => id === old.id));
      assert.deepEqual(
        readdirSync(folder).filter((one) => one.includes('.new')),
        [],
      );
      if (!failed) database.change("DELETE FROM tokens WHERE name = 'new'");
      assert.ok(listTokens(database).length >= 1);
      database.close();
    },
  };
}

/** Of the store of an older version: it is the old one or the new one, with all that was in it, and the next start finishes. */
function upgrade(): Target {
  const [file, kept, count] = [join(folder, 'upkeep.db'), join(folder, 'kept.db'), 200];
  writeOlderStore(kept, count);
  const open = (): Database =>
    openStore({
      directory: folder,
      now: () => now,
      onRepair: (message) => assert.fail(message),
    });
  return {
    // The log takes more than the file had.
    size: 2 * statSync(kept).size,
    prepare: () => {
      for (const other of readdirSync(folder)) if (other !== 'kept.db') rmSync(join(folder, other));
      copyFileSync(kept, file);
    },
    write: () => {
      open().close();
      return Promise.resolve();
    },
    check: (failed) => {
      assert.deepEqual(examine(file, true), { kind: 'ok' });
      const found = schemaVersionIn(file);
      assert.ok(found === schemaVersion || (failed && found === olderVersion), `version ${found}`);
      const database = open();
      for (let index = 0; index < count; index += 1)
        assert.deepEqual(getRun(database, anyRun(index).id), anyRun(index));
      assert.equal(listRuns(database, { limit: 1000 }).length, count + fixtureRuns);
      assert.equal(verifyToken(database, 'upkeep_00000000_test', 0)?.name, 'ci');
      database.close();
      assert.equal(schemaVersionIn(file), schemaVersion);
    },
  };
}

function schemaVersionIn(file: string): number {
  const sql = new DatabaseSync(file, { readOnly: true });
  try {
    return schemaVersionOf(sql);
  } finally {
    sql.close();
  }
}

const targets = { config, certificate, token, upgrade };
mkdirSync(folder, { recursive: true });
const target = await targets[name as keyof typeof targets]();
let [tries, failures] = [0, 0];
for (
  let bytes = 0;
  bytes <= target.size;
  bytes = bytes < target.size ? Math.min(target.size, bytes + Number(step)) : bytes + 1
) {
  tries += 1;
  target.prepare?.();
  limit(bytes);
  let failed = false;
  try {
    await target.write();
  } catch {
    failed = true;
    failures += 1;
  }
  limit('unlimited');
  target.check(failed);
}
console.log(JSON.stringify({ tries, failures }));
