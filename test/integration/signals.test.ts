import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import { AgentWorld, endOf, nextEvent, type AgentProcess } from './agentProcess.ts';

const entry = join(import.meta.dirname, '..', '..', 'agent', 'main.ts');

describe('signals to the agent (F42)', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
    world.script(
      'slow.sh',
      `mkfifo "${world.folder}/go"; echo waiting; read line < "${world.folder}/go"; echo "$line"`,
    );
    world.write('maintenance:\n  automated_tasks:\n    - { name: slow, script: slow.sh }\n  checks: []\n');
  });
  afterEach(async () => {
    await world.dispose();
  });

  /** A run that waits for a line in the pipe `go`. */
  async function startSlow({ client }: AgentProcess): Promise<string> {
    const { run } = await client.request('tasks.run', { task: 'slow', requestId: randomUUID() });
    await client.request('runs.output', { runId: run.id, offset: 0, wait: true });
    return run.id;
  }

  async function end(
    child: ChildProcess,
    ...signals: NodeJS.Signals[]
  ): Promise<readonly [number | null, string | null]> {
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    for (const signal of signals) child.kill(signal);
    return exited;
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`F42: ${signal} ends it with code 0 and leaves its run running for the next one`, async () => {
      const first = await world.start();
      const runId = await startSlow(first);
      assert.deepEqual(await end(first.child, signal), [0, null]);
      const second = await world.start();
      writeFileSync(join(world.folder, 'go'), 'after all\n');
      const run = await endOf(second.client, runId);
      assert.deepEqual([run.outcome, run.adopted], ['changed', true]);
      assert.match(first.log(), /"runsGoingOn":1/);
    });
  }

  it('F42: a signal while it starts ends it with code 0, and nothing is left', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const state = join(world.folder, signal);
      const args = [
        entry,
        'serve',
        '--config',
        world.config,
        '--state',
        state,
        '--socket',
        world.socket,
        '--listen',
        'none',
      ];
      const child = spawn(process.execPath, args, {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'] },
      });
      // The first thing that it makes: from then on it is starting.
      while (!existsSync(join(state, 'agent.lock')) && child.exitCode === null) await delay(5);
      assert.deepEqual(await end(child, signal), [0, null]);
      assert.equal(existsSync(world.socket), false);
      assert.equal(existsSync(join(state, 'agent.pid')), false);
    }
    await world.start();
  });

  it('F42: a second signal ends it at once', async () => {
    const agent = await world.start();
    const runId = await startSlow(agent);
    // Both are there before it can act on the first one.
    agent.child.kill('SIGSTOP');
    agent.child.kill('SIGTERM');
    agent.child.kill('SIGINT');
    const exited = once(agent.child, 'exit');
    agent.child.kill('SIGCONT');
    const [code, signal] = (await exited) as [number | null, string | null];
    assert.deepEqual([code, signal], [1, null]);
    assert.match(agent.log(), /a second signal came/);
    const next = await world.start();
    writeFileSync(join(world.folder, 'go'), 'x\n');
    assert.equal((await endOf(next.client, runId)).outcome, 'changed');
  });

  it('F42: SIGHUP reads the configuration again, and ends nothing in any state', async () => {
    const agent = await world.start();
    const runId = await startSlow(agent);
    const changed = nextEvent(
      agent.client,
      (event): event is Extract<AgentEvent, { type: 'tasks.changed' }> =>
        event.type === 'tasks.changed' && event.data.tasks.some(({ name }) => name === 'more'),
    );
    world.write(
      'maintenance:\n  automated_tasks:\n    - { name: slow, script: slow.sh }\n    - { name: more, script: slow.sh }\n  checks: []\n',
    );
    agent.child.kill('SIGHUP');
    await changed;
    writeFileSync(join(world.folder, 'go'), 'x\n');
    assert.equal((await endOf(agent.client, runId)).outcome, 'changed');
    // While it stops, it means nothing.
    assert.deepEqual(await end(agent.child, 'SIGTERM', 'SIGHUP'), [0, null]);
  });

  it('F42: SIGUSR1 opens no debugger', async () => {
    const agent = await world.start();
    agent.child.kill('SIGUSR1');
    await agent.client.request('snapshot', {});
    assert.deepEqual(await end(agent.child, 'SIGTERM'), [0, null]);
    assert.doesNotMatch(agent.log(), /Debugger listening/);
    assert.match(agent.log(), /without meaning/);
  });

  it('tells systemd when it is ready, reloads and stops, and feeds the watchdog', async () => {
    const told = join(world.folder, 'told');
    mkdirSync(join(world.folder, 'bin'));
    const stub = join(world.folder, 'bin', 'systemd-notify');
    writeFileSync(stub, `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> "${told}"\n`);
    chmodSync(stub, 0o755);
    const env = {
      PATH: `${join(world.folder, 'bin')}:${process.env['PATH'] ?? ''}`,
      NOTIFY_SOCKET: '/run/systemd/notify',
      WATCHDOG_USEC: '400000',
    };
    const agent = await world.start(['--listen', 'none'], env);
    const has = async (text: string): Promise<void> => {
      while (!existsSync(told) || !readFileSync(told, 'utf8').includes(text)) await delay(5);
    };
    await has('WATCHDOG=1');
    agent.child.kill('SIGHUP');
    await has('RELOADING=1');
    await has('configuration was read again');
    assert.deepEqual(await end(agent.child, 'SIGTERM'), [0, null]);
    const lines = readFileSync(told, 'utf8').trim().split('\n');
    assert.match(lines[0] ?? '', new RegExp(`^/run/systemd/notify READY=1 STATUS=listening .* MAINPID=${agent.pid}$`));
    assert.match(lines.find((line) => line.includes('RELOADING')) ?? '', /MONOTONIC_USEC=\d+/);
    assert.match(lines.at(-1) ?? '', /STOPPING=1$/);
  });

  it('goes on where systemd-notify is missing, and says what to do', async () => {
    const agent = await world.start(['--listen', 'none'], { PATH: '/nowhere', NOTIFY_SOCKET: '/run/systemd/notify' });
    assert.deepEqual(await end(agent.child, 'SIGTERM'), [0, null]);
    assert.match(agent.log(), /could not be told READY=1: install systemd-notify, or use Type=exec/);
  });
});
