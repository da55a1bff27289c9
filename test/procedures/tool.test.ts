import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runTool } from '../../agent/procedures/tool.ts';

const root = path.join(import.meta.dirname, '..', '..');

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

  it('F38: says so where descriptors are short, and leaves nothing behind, however many are free', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'upkeep-descriptors-'));
    const script = `
      import { closeSync, openSync, readdirSync } from 'node:fs';
      const { runTool } = await import(${JSON.stringify(path.join(root, 'agent', 'procedures', 'tool.ts'))});
      const run = () => runTool({ binary: '/bin/true', args: [], env: {}, signal: AbortSignal.timeout(60_000) });
      // All that it loads late is loaded.
      await run();
      const taken = [];
      try { for (;;) taken.push(openSync('/dev/null')); } catch {}
      const ends = [];
      for (let spare = 0; spare < 20; spare += 1) {
        // Twice at once, so that each may find what the other has just given back.
        ends.push(...(await Promise.all([run(), run()].map((end) => end.then(() => 'run', (error) => error.message)))));
        closeSync(taken.pop());
      }
      const left = readdirSync(process.env.TMPDIR);
      console.log(JSON.stringify({ first: ends[0], last: ends.at(-1), left }));`;
    const args = ['-c', 'ulimit -n 200; exec "$0" --input-type=module -e "$1"', process.execPath, script];
    try {
      const { stdout, stderr } = spawnSync('sh', args, { env: { ...process.env, TMPDIR: folder }, encoding: 'utf8' });
      assert.equal(stderr, '');
      const { first, last, left }: Record<string, unknown> = JSON.parse(stdout) as Record<string, unknown>;
      assert.match(String(first), /EMFILE/);
      assert.deepEqual([last, left], ['run', []]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
