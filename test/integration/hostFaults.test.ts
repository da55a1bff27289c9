/** What the host does to the agent: processes that can not be started, files that vanish. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentClient } from '../../agent/cli/client.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { AgentWorld, endOf, entry } from './agentProcess.ts';
import { tell } from './measure.ts';

/** nobody: limits of processes do not bind root (setrlimit(2)). */
const other = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] as const;
const canBeOther =
  existsSync('/usr/bin/prlimit') &&
  spawnSync(other[0], [...other.slice(1), process.execPath, entry, '--version'], { stdio: 'ignore' }).status === 0;

describe('the agent on a host in trouble', function () {
  this.timeout(90_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
    world.script('ok.sh', 'echo fine');
    world.write('maintenance:\n  checks: []\n  automated_tasks:\n    - { name: ok, script: ok.sh }\n');
  });
  afterEach(async () => {
    await world.dispose();
  });

  const runOk = async (client: AgentClient): Promise<Run> => {
    const { run } = await client.request('tasks.run', { task: 'ok', requestId: randomUUID() });
    return run.state === 'ended' ? run : endOf(client, run.id);
  };

  if (canBeOther) {
    it('F38: records a run for which there is no process left (EAGAIN), and goes on when there is one', async () => {
      for (const path of [world.folder, world.config, join(world.folder, 'ok.sh')]) chownSync(path, 65_534, 65_534);
      const { client, pid } = await world.start(['--listen', 'none'], {}, other);
      const limit = (processes: string): void => {
        execFileSync(other[0], [...other.slice(1), 'prlimit', '--pid', String(pid), `--nproc=${processes}:`]);
      };
      assert.equal((await runOk(client)).outcome, 'changed');
      const before = /^Max processes\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1] ?? '';
      limit('1');
      const failed = await runOk(client);
      limit(before);
      tell(`no process left: ${failed.outcomeReason ?? ''}`);
      assert.equal(failed.outcome, 'failed');
      assert.match(failed.outcomeReason ?? '', /EAGAIN|process/);
      assert.equal((await runOk(client)).outcome, 'changed');
    });

    it('F39: starts though the folders of runs can not be read (EACCES), says which, and ends them as lost', async () => {
      world.script('slow.sh', `touch "${world.folder}/began"; sleep 300`);
      const task = (name: string): string => `    - { name: ${name}, script: slow.sh, locks: [one] }\n`;
      world.write(`maintenance:\n  checks: []\n  automated_tasks:\n${task('slow')}${task('next')}`);
      for (const path of [world.folder, world.config, join(world.folder, 'slow.sh')]) chownSync(path, 65_534, 65_534);
      const first = await world.start(['--listen', 'none'], {}, other);
      const began = watch(world.folder);
      const runOf = async (name: string): Promise<Run> =>
        (await first.client.request('tasks.run', { task: name, requestId: randomUUID() })).run;
      const running = await runOf('slow');
      while (!existsSync(join(world.folder, 'began'))) await once(began, 'change');
      began.close();
      const waiting = await runOf('next');
      assert.equal(waiting.state, 'queued');
      await first.stop('SIGKILL');
      const folderOf = ({ id, queuedAt }: Run): string => join(world.state, 'runs', queuedAt.slice(0, 10), id);
      const modes = (mode: number): void => {
        for (const run of [running, waiting]) chmodSync(folderOf(run), mode);
      };
      modes(0o000);
      const { client, log } = await world.start(['--listen', 'none'], {}, other);
      const lost = (await client.request('runs.get', { runId: waiting.id })).run;
      const reason = `its folder ${folderOf(waiting)} can not be read (EACCES)`;
      assert.deepEqual(
        [lost.outcome, lost.outcomeReason],
        ['lost', `could not be started: ${reason}; ask for it again`],
      );
      assert.ok(log().includes(reason));
      // What goes on is watched all the same: the lock stays taken, and it can be stopped.
      assert.equal((await client.request('runs.get', { runId: running.id })).run.state, 'running');
      const { run: ended } = await client.request('runs.cancel', { runId: running.id });
      assert.equal(ended.outcome, 'cancelled');
      const { alerts } = await client.request('snapshot', {});
      assert.ok(alerts.some(({ title, message }) => title === 'next lost' && message.includes(folderOf(waiting))));
      modes(0o700);
    });

    it('F39: ends in good order where its state folder became read-only, and the next one finds no lock', async () => {
      for (const path of [world.folder, world.config, join(world.folder, 'ok.sh')]) chownSync(path, 65_534, 65_534);
      const agent = await world.start(['--listen', 'none'], {}, other);
      assert.equal((await runOk(agent.client)).outcome, 'changed');
      chmodSync(world.state, 0o500);
      const code = await agent.stop();
      chmodSync(world.state, 0o700);
      assert.deepEqual([code, agent.log().split('agent.pid can not be removed').length], [0, 2], agent.log());
      const { client } = await world.start(['--listen', 'none'], {}, other);
      assert.equal((await runOk(client)).outcome, 'changed');
    });
  }

  it('F39: outlives the loss of its folder of runs, says so, and goes on when that is back', async () => {
    const { client } = await world.start();
    const [runs, away] = [join(world.state, 'runs'), join(world.state, 'runs-away')];
    const first = await runOk(client);
    renameSync(runs, away);
    writeFileSync(runs, 'no folder');
    const failed = await runOk(client);
    tell(`no folder of runs: ${failed.outcomeReason ?? ''}`);
    assert.equal(failed.outcome, 'failed');
    assert.match(failed.outcomeReason ?? '', /runs/);
    rmSync(runs);
    renameSync(away, runs);
    assert.equal((await runOk(client)).outcome, 'changed');
    assert.equal((await client.request('runs.output', { runId: first.id, offset: 0 })).text, 'fine\n');
  });

  it('F39: outlives the loss of its whole state folder, ends with 0, and starts anew', async () => {
    const agent = await world.start();
    await runOk(agent.client);
    rmSync(world.state, { recursive: true });
    const { run } = await agent.client
      .request('tasks.run', { task: 'ok', requestId: randomUUID() })
      .catch((error: unknown) => ({ run: { outcome: String(error) } }));
    tell(`no state folder: ${String(run.outcome)}`);
    assert.equal((await agent.client.request('snapshot', {})).tasks.length, 1);
    const exited = once(agent.child, 'exit');
    agent.child.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
    const { client } = await world.start();
    assert.equal((await runOk(client)).outcome, 'changed');
  });

  it('F08: a client that is stopped and woken goes on where it was', async () => {
    world.script('slow.sh', `mkfifo "${world.folder}/go"; echo before; read line < "${world.folder}/go"; echo after`);
    world.write('maintenance:\n  checks: []\n  automated_tasks:\n    - { name: slow, script: slow.sh }\n');
    await world.start();
    const client = spawn(process.execPath, [entry, 'run', 'slow', '--follow', '--socket', world.socket], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    const before = Promise.withResolvers<undefined>();
    client.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('before')) before.resolve(undefined);
    });
    await before.promise;
    client.kill('SIGSTOP');
    writeFileSync(join(world.folder, 'go'), 'go\n');
    client.kill('SIGCONT');
    const [code] = (await once(client, 'close')) as [number | null];
    assert.equal(code, 0);
    assert.match(said, /^before\nafter\nslow: changed after /);
  });
});
