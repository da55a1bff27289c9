import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { runCommand } from '../../agent/cli/program.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { schemaVersion, schemaVersionOf } from '../../agent/store/migrations.ts';
import { lockState } from '../../agent/store/stateLock.ts';
import { storeHarness, type StoreHarness } from '../store/harness.ts';
import { olderVersion, writeOlderStore } from '../store/olderStore.ts';

describe('upkeep token', () => {
  let harness: StoreHarness;
  beforeEach(() => {
    harness = storeHarness();
    writeOlderStore(harness.file, 3);
  });
  afterEach(() => {
    harness.dispose();
  });

  async function list(): Promise<{ readonly code: number; readonly text: string }> {
    let text = '';
    const write = (more: string | Uint8Array): void => {
      text += String(more);
    };
    const io = { stdout: { write }, stderr: { write }, env: process.env, secrets: new Secrets(), exitCode: 0 };
    return { code: await runCommand(['token', 'list', '--state', harness.folder], io), text };
  }

  function versionOf(): number {
    const sql = new DatabaseSync(harness.file, { readOnly: true });
    try {
      return schemaVersionOf(sql);
    } finally {
      sql.close();
    }
  }

  it('F41: does not upgrade the store under an agent of an older Upkeep, and says what to do', async () => {
    const unlock = lockState(harness.folder);
    const refused = await list();
    assert.notEqual(refused.code, 0);
    assert.match(refused.text, /The agent \(pid \d+\) is of an older Upkeep than this command: restart it/);
    assert.equal(versionOf(), olderVersion);
    unlock();
    const listed = await list();
    assert.deepEqual([listed.code, /\bci\b/.test(listed.text), versionOf()], [0, true, schemaVersion]);
  });
});
