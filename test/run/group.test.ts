import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { isAlive, leftBehind, membersOf, runMarker, stopGroup } from '../../agent/run/group.ts';
import { visitProcesses } from '../../agent/run/processes.ts';
import { codeOf } from '../../agent/thrown.ts';

const runId = '20260301T020000-0123abcd';

describe('the processes of a run', () => {
  let child: ChildProcess;
  let pid: number;
  beforeEach(async () => {
    // Both of them are there once it says so.
    child = spawn('sh', ['-c', 'sleep 300 & echo ready; wait'], {
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'], [runMarker]: runId },
    });
    assert.ok(child.stdout !== null && child.pid !== undefined);
    pid = child.pid;
    await once(child.stdout, 'data');
  });
  afterEach(() => {
    try {
      process.kill(-pid, 'SIGKILL');
    } catch (error) {
      assert.equal(codeOf(error), 'ESRCH');
    }
  });

  it('are known by the marker of this very run, whoever has their pid', async () => {
    assert.equal(await isAlive(runId, pid), true);
    assert.equal(await isAlive('20260301T020000-ffffffff', pid), false);
    assert.equal(await isAlive(runId, 2 ** 22 + 1), false);
    assert.ok((await membersOf(runId, null)).includes(pid));
  });

  it('are stopped by their group alone where nothing names their output', async () => {
    const ended = once(child, 'exit');
    assert.deepEqual(await stopGroup(runId, pid, 60_000), { killed: false, left: [] });
    assert.deepEqual(await ended, [null, 'SIGTERM']);
    assert.deepEqual(await leftBehind(runId, pid), []);
  });

  it('that can not be told yet are looked at four times, and no more', async () => {
    const seen: number[] = [];
    await visitProcesses((entry, last) => {
      if (entry.pid !== pid) return true;
      seen.push(entry.pid);
      return last ? true : null;
    });
    assert.deepEqual(seen, [pid, pid, pid, pid]);
  });

  // procps is no part of the smallest Debian.
  if (!existsSync('/bin/ps')) return;
  describe('where there is no /proc', () => {
    const { platform } = process;
    beforeEach(() => {
      Object.defineProperty(process, 'platform', { value: 'darwin' });
    });
    afterEach(() => {
      Object.defineProperty(process, 'platform', { value: platform });
    });

    it('are known by their group, as ps(1) shows it', async () => {
      assert.equal(await isAlive(runId, pid), true);
      const members = await membersOf(runId, pid);
      assert.ok(members.includes(pid) && members.length === 2, members.join());
      assert.deepEqual(await membersOf(runId, null), []);
    });

    it('are stopped by their group', async () => {
      const ended = once(child, 'exit');
      const { killed, left } = await stopGroup(runId, pid, 60_000);
      assert.deepEqual([killed, left], [false, []]);
      await ended;
      assert.equal(await isAlive(runId, pid), false);
    });
  });
});
