/** What happens on the wire between a real agent and its clients when one of them stalls, vanishes, dies or is cut off. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as moment } from 'node:timers/promises';
import { connect, type AgentClient } from '../../agent/cli/client.ts';
import { Database } from '../../agent/store/database.ts';
import { AgentWorld, endOf, type AgentProcess } from './agentProcess.ts';
import { CutProxy } from './cutProxy.ts';
import { full, tell } from './measure.ts';

describe('the wire under faults', function () {
  this.timeout(full ? 600_000 : 120_000);
  let world: AgentWorld;
  let proxies: CutProxy[];
  beforeEach(() => {
    world = new AgentWorld();
    proxies = [];
    world.script('count.sh', `echo "$UPKEEP_RUN_ID" >> "${world.folder}/started"; echo done`);
    world.write(
      'maintenance:\n  checks: []\n  retention: { runs: { count: 20 } }\n  automated_tasks:\n    - { name: count, script: count.sh, overlap: allow }\n',
    );
  });
  afterEach(async () => {
    for (const proxy of proxies) await proxy.stop();
    await world.dispose();
  });

  const tcp = ['--listen', '127.0.0.1:0'];
  const proxyTo = async (agent: AgentProcess): Promise<CutProxy> => {
    const [host = '', port = ''] = (agent.listen ?? '').split(':');
    const proxy = await CutProxy.start({ host, port: Number(port) });
    proxies.push(proxy);
    return proxy;
  };
  const through = (proxy: CutProxy, token: string): Promise<AgentClient> =>
    connect({ url: `ws://127.0.0.1:${proxy.port}/`, token });
  const started = (): string[] =>
    existsSync(join(world.folder, 'started'))
      ? readFileSync(join(world.folder, 'started'), 'utf8').trim().split('\n')
      : [];

  it('F21: a command whose answer was lost and that is sent again with its requestId is one run, also after a kill', async () => {
    const first = await world.start(tcp);
    const token = await world.token('operator');
    const proxy = await proxyTo(first);
    const requestId = randomUUID();
    const client = await through(proxy, token);
    const { epoch } = await first.client.request('snapshot', {});
    const arrived = Promise.withResolvers<string>();
    first.client.onEvent((event) => {
      if (event.type === 'run.changed') arrived.resolve(event.data.run.id);
    });
    await first.client.subscribe(epoch, 0);
    proxy.swallowAnswers(true);
    const lost = client.request('tasks.run', { task: 'count', requestId });
    const runId = await arrived.promise;
    proxy.cut();
    await assert.rejects(lost, /ended before tasks\.run was answered/);
    proxy.swallowAnswers(false);
    const again = await through(proxy, token);
    assert.equal((await again.request('tasks.run', { task: 'count', requestId })).run.id, runId);
    await endOf(first.client, runId);
    await first.stop('SIGKILL');
    const { client: last } = await world.start();
    assert.equal((await last.request('tasks.run', { task: 'count', requestId })).run.id, runId);
    assert.deepEqual(
      (await last.request('runs.list', {})).runs.map(({ id }) => id),
      [runId],
    );
    assert.deepEqual(started(), [runId]);
  });

  it('F21: a window that was asked for twice with one requestId is one window', async () => {
    const { client } = await world.start();
    const ask = { requestId: randomUUID(), reason: 'answer lost', minutes: 5 };
    const windows = [await client.request('windows.open', ask), await client.request('windows.open', ask)];
    assert.equal(new Set(windows.map(({ window }) => window.id)).size, 1);
    assert.equal((await client.request('windows.list', {})).windows.length, 1);
  });

  const [events, cuts, kills, reconnects] = full ? [10_000, 80, 20, 1000] : [300, 8, 2, 100];
  it(`F18: ${events} numbered events come once each over ${cuts} cuts and ${kills} kills of the agent`, async () => {
    let agent = await world.start(tcp);
    const token = await world.token('viewer');
    let proxy = await proxyTo(agent);
    const { epoch } = await agent.client.request('snapshot', {});
    const received: number[] = [];
    let gaps = 0;
    let client: AgentClient | null = null;
    const resume = async (): Promise<void> => {
      client = await through(proxy, token);
      client.onEvent(({ seq }) => received.push(seq));
      const answer = await client.subscribe(epoch, received.at(-1) ?? 0);
      if (answer.gap) gaps += 1;
    };
    const faults = Array.from({ length: cuts + kills }, (_, index) =>
      index % (cuts / kills + 1) < 1 ? 'kill' : 'cut',
    );
    for (const [index, fault] of faults.entries()) {
      const goal = Math.ceil((events * (index + 1)) / faults.length);
      await resume();
      const work = makeEvents(agent, goal);
      await moment(Math.random() * (full ? 300 : 60));
      if (fault === 'cut') proxy.cut();
      else {
        agent.child.kill('SIGKILL');
        await work;
        await agent.stop('SIGKILL');
        agent = await world.start(tcp);
        proxy = await proxyTo(agent);
      }
      await work;
      await makeEvents(agent, goal);
    }
    await allEnded(agent.client);
    await resume();
    const latest = await latestOf(agent);
    while ((received.at(-1) ?? 0) < latest) await moment(10);
    await agent.stop();
    const database = new Database(join(world.state, 'upkeep.db'));
    const stored = database.all('SELECT seq FROM events ORDER BY seq').map((row) => Number(row['seq']));
    database.close();
    tell(`${received.length} events over ${cuts} cuts and ${kills} kills: 0 lost, 0 doubled`);
    assert.equal(gaps, 0);
    assert.ok(received.length >= events, `only ${received.length} events`);
    assert.deepEqual(
      received,
      Array.from({ length: received.length }, (_, index) => index + 1),
    );
    assert.deepEqual(received.slice(-stored.length), stored);
  });

  it(`F18: of ${reconnects} connections one after the other none loses or doubles an event`, async () => {
    const agent = await world.start();
    const { epoch } = await agent.client.request('snapshot', {});
    const received: number[] = [];
    for (let count = 0; count < reconnects; count += 1) {
      const client = await connect({ socket: world.socket });
      const got = Promise.withResolvers<undefined>();
      const wanted = (await latestOf(agent)) + 1;
      client.onEvent(({ seq }) => {
        received.push(seq);
        if (seq >= wanted) got.resolve(undefined);
      });
      const after = received.at(-1) ?? 0;
      const change = agent.client.request(count % 2 === 0 ? 'schedule.pause' : 'schedule.resume', {});
      assert.equal((await client.subscribe(epoch, after)).gap, false);
      await Promise.all([change, got.promise]);
      await client.close();
    }
    const latest = await latestOf(agent);
    assert.ok(latest >= reconnects);
    assert.deepEqual(
      received,
      Array.from({ length: received.length }, (_, index) => index + 1),
    );
    tell(`${reconnects} reconnects, ${received.length} events: 0 lost, 0 doubled`);
  });
});

/** Runs a task until that many events were there, or the agent is gone. */
async function makeEvents({ client }: AgentProcess, goal: number): Promise<void> {
  try {
    while ((await client.request('snapshot', {})).seq < goal) {
      const asked = Array.from({ length: 8 }, () =>
        client.request('tasks.run', { task: 'count', requestId: randomUUID() }),
      );
      await Promise.all(asked);
    }
  } catch (error) {
    assert.match(error instanceof Error ? error.message : '', /ended before/);
  }
}

async function latestOf(agent: AgentProcess): Promise<number> {
  return (await agent.client.request('snapshot', {})).seq;
}

async function allEnded(client: AgentClient): Promise<void> {
  for (const { id, state } of (await client.request('snapshot', {})).runs) {
    if (state !== 'ended') await endOf(client, id);
  }
}
