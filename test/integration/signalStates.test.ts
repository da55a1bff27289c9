/** Signals to an agent that has one of everything open: what a run can wait for, a stop under way, a window. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentClient } from '../../agent/cli/client.ts';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import { processesWith } from '../leftovers.ts';
import { untilThere } from '../run/harness.ts';
import { AgentWorld, endOf, kill, nextEvent, type AgentProcess } from './agentProcess.ts';
import { tell } from './measure.ts';

describe('signals in each state (F42)', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
    world.script('gate.sh', `mkfifo "${world.folder}/go"; read line < "${world.folder}/go"; echo opened`);
    world.script('stubborn.sh', `trap '' TERM; touch "${world.folder}/stubborn"; sleep 300; sleep 300`);
    world.script('fail.sh', 'exit 4');
    world.script('ok.sh', 'echo fine');
    world.write(
      'maintenance:\n  checks: []\n  automated_tasks:\n' +
        '    - { name: running, script: gate.sh, locks: [one] }\n' +
        '    - { name: queued, script: ok.sh, locks: [one] }\n' +
        '    - { name: approval, script: ok.sh, approval: {} }\n' +
        '    - { name: retry, script: fail.sh, retries: { count: 1, delay: 1h } }\n' +
        '    - { name: stopping, script: stubborn.sh }\n',
    );
  });
  afterEach(async () => {
    await world.dispose();
  });

  const start = async (client: AgentClient, task: string): Promise<string> =>
    (await client.request('tasks.run', { task, requestId: randomUUID() })).run.id;

  /** Ids of the runs by task. */
  async function openAll(agent: AgentProcess): Promise<Record<'running' | 'queued' | 'approval' | 'stopping', string>> {
    const { client } = agent;
    const running = await start(client, 'running');
    const ids = {
      running,
      queued: await start(client, 'queued'),
      approval: await start(client, 'approval'),
      stopping: await start(client, 'stopping'),
    };
    await endOf(client, await start(client, 'retry'));
    await client.request('windows.open', { requestId: randomUUID(), reason: 'works', minutes: 30 });
    await untilThere(join(world.folder, 'stubborn'));
    await untilThere(join(world.folder, 'go'));
    return ids;
  }

  async function statesOf(client: AgentClient): Promise<Record<string, string>> {
    const { runs, windows } = await client.request('snapshot', {});
    const open = runs.filter(({ state }) => state !== 'ended');
    return {
      ...Object.fromEntries(open.map((run) => [run.task, `${run.state} ${run.waitingFor ?? ''}`.trim()])),
      window: windows[0]?.state ?? 'none',
    };
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`F42: ${signal} ends it with code 0 within ten seconds, and the next agent goes on with all of it`, async () => {
      const first = await world.start();
      const ids = await openAll(first);
      const before = await statesOf(first.client);
      const stopping = first.client.request('runs.cancel', { runId: ids.stopping });
      const settled = stopping.then(
        () => 'answered',
        () => 'cut',
      );
      await nextEvent(
        first.client,
        (event): event is Extract<AgentEvent, { type: 'run.changed' }> =>
          event.type === 'run.changed' && event.data.run.id === ids.stopping && event.data.run.state === 'stopping',
      );
      const begun = performance.now();
      const exited = once(first.child, 'exit');
      first.child.kill(signal);
      assert.deepEqual(await exited, [0, null]);
      tell(`${signal} with everything open: ended after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
      assert.equal(await settled, 'cut');
      const { client } = await world.start();
      const after = await statesOf(client);
      assert.deepEqual({ ...after, stopping: undefined }, { ...before, stopping: undefined });
      // The next agent goes on with the stop; nobody needs to wait here for the end of its grace.
      for (const { pid } of processesWith('UPKEEP_RUN_ID', ids.stopping)) kill(pid);
      const stopped = (await client.request('runs.get', { runId: ids.stopping })).run;
      const ended = stopped.state === 'ended' ? stopped : await endOf(client, ids.stopping);
      assert.equal(ended.outcome, 'cancelled');
      writeFileSync(join(world.folder, 'go'), 'go\n');
      for (const id of [ids.running, ids.queued]) assert.equal((await endOf(client, id)).outcome, 'changed');
      await client.request('runs.approve', { runId: ids.approval });
      assert.equal((await endOf(client, ids.approval)).outcome, 'changed');
    });
  }

  it('F42: SIGHUP changes nothing of what is open, also not of what an agent has taken over', async () => {
    const first = await world.start();
    await openAll(first);
    const before = await statesOf(first.client);
    await hangUp(first);
    assert.deepEqual(await statesOf(first.client), before);
    first.child.kill('SIGKILL');
    await first.stop('SIGKILL');
    const second = await world.start();
    await hangUp(second);
    assert.deepEqual(await statesOf(second.client), before);
    assert.equal(await second.stop('SIGTERM'), 0);
  });

  /** SIGHUP, with an edit that shows when it was heeded. */
  async function hangUp(agent: AgentProcess): Promise<void> {
    const { config } = await agent.client.request('snapshot', {});
    const changed = nextEvent(
      agent.client,
      (event): event is Extract<AgentEvent, { type: 'config.changed' }> =>
        event.type === 'config.changed' && event.data.config.revision !== config.revision,
    );
    world.write(`${readFileSync(world.config, 'utf8')}# ${randomUUID()}\n`);
    agent.child.kill('SIGHUP');
    await changed;
  }
});
