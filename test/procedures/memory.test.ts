import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeMemory } from '../../agent/procedures/memory.ts';

describe('the memory of a procedure', () => {
  it('is made when something is to be kept, for its owner alone, and may be there already', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'upkeep-memory-'));
    try {
      const memory = join(folder, 'state', 'memory', 'rotate-logs');
      await makeMemory(memory);
      await makeMemory(memory);
      assert.equal(statSync(memory).mode & 0o777, 0o700);
      assert.equal(statSync(join(folder, 'state')).mode & 0o777, 0o700);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('says what to do where it can not be made', async () => {
    await assert.rejects(
      makeMemory('/proc/none/memory'),
      /^Error: Nothing can be kept in \/proc\/none\/memory \(.*\); set UPKEEP_STATE to a folder that this user may write to\.$/,
    );
  });
});
