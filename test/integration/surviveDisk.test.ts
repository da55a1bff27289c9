import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import type { AgentClient } from '../../agent/cli/client.ts';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import { canMount, smallDisk, type SmallDisk } from '../store/smallDisk.ts';
import { AgentWorld, endOf, nextEvent } from './agentProcess.ts';

const health = z.object({ status: z.string(), problems: z.array(z.string()).optional() });

async function healthOf(socketPath: string): Promise<{ readonly code: number; readonly body: z.infer<typeof health> }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number; body: z.infer<typeof health> }>();
  httpRequest({ socketPath, path: '/healthz', headers: { host: 'localhost' } }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('end', () => {
      resolve({ code: response.statusCode ?? 0, body: health.parse(JSON.parse(text)) });
    });
  })
    .once('error', reject)
    .end();
  return promise;
}

type AlertEvent = Extract<AgentEvent, { type: 'alert.changed' }>;

function alertIs(client: AgentClient, key: string, state: string): Promise<AlertEvent> {
  return nextEvent(
    client,
    (event): event is AlertEvent =>
      event.type === 'alert.changed' && event.data.alert.key === key && event.data.alert.state === state,
  );
}

if (canMount) {
  describe('the agent on a full disk', function () {
    this.timeout(90_000);
    let world: AgentWorld;
    let disk: SmallDisk;
    beforeEach(() => {
      world = new AgentWorld();
      disk = smallDisk(8);
    });
    afterEach(async () => {
      await world.dispose();
      disk.dispose();
    });
    const state = (): readonly string[] => ['--listen', 'none', '--state', join(disk.folder, 'state')];

    it('F03: lives, says so, fails what it can not start, goes on scheduling, and recovers by itself', async () => {
      world.script('hello.sh', 'echo hello');
      world.write(
        'maintenance:\n  automated_tasks:\n    - { name: by-hand, script: hello.sh, alert_on_failure: true }\n    - { name: often, script: hello.sh, schedule: "* * * * * *" }\n  checks: []\n',
      );
      const agent = await world.start(state());
      const { client } = agent;
      const full = alertIs(client, 'store:disk', 'firing');
      // Other programs take the space, and what the agent frees.
      let looked = await healthOf(world.socket);
      while (looked.code === 200) {
        disk.fill();
        await delay(50);
        looked = await healthOf(world.socket);
      }
      const { body } = looked;
      assert.equal(body.status, 'degraded');
      assert.match(body.problems?.[0] ?? '', /takes no more data.*Free space there/);
      disk.fill();
      assert.match((await full).data.alert.message, /takes no more data/);
      const { run } = await client.request('tasks.run', { task: 'by-hand', requestId: randomUUID() });
      const ended = run.state === 'ended' ? run : await endOf(client, run.id);
      assert.equal(ended.outcome, 'failed');
      assert.match(ended.outcomeReason ?? '', /disk|space|ENOSPC/i);
      const scheduled = (): Promise<AgentEvent> =>
        nextEvent(
          client,
          (event): event is Extract<AgentEvent, { type: 'run.changed' }> =>
            event.type === 'run.changed' &&
            event.data.run.task === 'often' &&
            Date.parse(event.data.run.queuedAt) >= now,
        );
      let now = Date.now();
      await scheduled();
      const resolved = alertIs(client, 'store:disk', 'resolved');
      disk.clear();
      await resolved;
      assert.deepEqual(await healthOf(world.socket), { code: 200, body: { status: 'ok' } });
      const good = await client.request('tasks.run', { task: 'by-hand', requestId: randomUUID() });
      assert.equal((await endOf(client, good.run.id)).outcome, 'changed');
      now = Date.now();
      await scheduled();
      assert.ok(readdirSync(join(disk.folder, 'state')).includes('reserve'));
      // What was kept in memory is on the disk now.
      await agent.stop('SIGKILL');
      const next = await world.start(state());
      const { runs } = await next.client.request('runs.list', { task: 'by-hand' });
      assert.deepEqual(
        runs.map(({ outcome }) => outcome),
        ['changed', 'failed'],
      );
    });

    it('F05: lets a job go on whose output finds no space, keeps what fitted, and ends it with its true code', async () => {
      world.script('flood.sh', `yes 'a line of output' | head -c 20000000; touch "${world.folder}/went-on"; exit 7`);
      world.write('maintenance:\n  automated_tasks:\n    - { name: flood, script: flood.sh }\n  checks: []\n');
      const { client } = await world.start(state());
      const { run } = await client.request('tasks.run', { task: 'flood', requestId: randomUUID() });
      const ended = run.state === 'ended' ? run : await endOf(client, run.id);
      assert.ok(readdirSync(world.folder).includes('went-on'));
      assert.equal(ended.outcome, 'failed');
      assert.equal(ended.exitCode, 7);
      const output = await client.request('runs.output', { runId: run.id, offset: 0 });
      assert.ok(output.size > 100_000 && output.size < 20_000_000);
      assert.match(output.text, /^a line of output\n/);
      assert.match(ended.outcomeReason ?? '', /disk of its output was full/);
    });
  });
}
