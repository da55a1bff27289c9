import assert from 'node:assert/strict';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runTool } from '../../agent/procedures/tool.ts';

describe('a tool that a procedure runs', () => {
  it('writes into a file that never had a name, so that no kill leaves one behind', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'upkeep-nameless-'));
    const before = process.env['TMPDIR'];
    process.env['TMPDIR'] = folder;
    try {
      const { mtimeNs } = await stat(folder, { bigint: true });
      const call = { binary: '/bin/sh', args: ['-c', 'echo one; ls -A "$1"; echo two >&2', 'sh', folder], env: {} };
      const run = await runTool({ ...call, signal: AbortSignal.timeout(60_000) });
      assert.deepEqual(run, { lines: ['one', 'two', ''], exitCode: 0, killedBy: null });
      assert.equal((await stat(folder, { bigint: true })).mtimeNs, mtimeNs);
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
      await rm(folder, { recursive: true });
    }
  });
});
