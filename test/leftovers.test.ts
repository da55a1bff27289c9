import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killLeft, processesOf, processesWith } from './leftovers.ts';

const waiting = ['-e', 'console.log("ready"); setInterval(() => undefined, 1000)'];

describe('leftovers', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-leftovers-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it('finds a process by its folder, by its arguments and by its environment', async () => {
    const children = [
      spawn(process.execPath, waiting, { cwd: folder }),
      spawn(process.execPath, [...waiting, folder]),
      spawn(process.execPath, waiting, { env: { SOMETHING: `${folder}/file` } }),
    ];
    await Promise.all(children.map((child) => once(child.stdout, 'data')));
    const found = processesOf(folder).map((line) => line.pid);
    assert.deepEqual(found.toSorted(), children.map((child) => child.pid ?? 0).toSorted());
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(children.map((child) => once(child, 'exit')));
  });

  it('kills and names what does not end by itself', async () => {
    const child = spawn(process.execPath, waiting, { env: { MARK: folder } });
    const exit = once(child, 'exit');
    await once(child.stdout, 'data');
    const left = await killLeft(() => processesWith('MARK', folder));
    assert.deepEqual(
      left.map((line) => line.pid),
      [child.pid],
    );
    assert.deepEqual(await exit, [null, 'SIGKILL']);
    assert.deepEqual(processesWith('MARK', folder), []);
  });
});
