import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import * as z from 'zod';
import { connect } from '../../agent/cli/client.ts';
import { AgentWorld, endOf } from './agentProcess.ts';

const checked = z.object({ ok: z.boolean(), problem: z.string().nullable(), runs: z.int(), directories: z.int() });

describe('the agent with a damaged state folder', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
    world.script('hello.sh', 'echo hello');
    world.write('maintenance:\n  automated_tasks:\n    - { name: hello, script: hello.sh }\n  checks: []\n');
  });
  afterEach(async () => {
    await world.dispose();
  });
  const file = (): string => join(world.state, 'upkeep.db');
  const damage = (): void => {
    writeFileSync(file(), Buffer.alloc(statSync(file()).size, 0x55));
  };

  it('F28: makes the store anew, keeps history and tokens, and raises an alert', async () => {
    const first = await world.start(['--listen', '127.0.0.1:0']);
    const { run } = await first.client.request('tasks.run', { task: 'hello', requestId: randomUUID() });
    await endOf(first.client, run.id);
    const { epoch } = await first.client.request('snapshot', {});
    const made = await world.command(['token', 'create', '--role', 'viewer', '--state', world.state]);
    await first.stop('SIGKILL');
    for (const suffix of ['-wal', '-shm']) rmSync(`${file()}${suffix}`, { force: true });
    damage();
    const second = await world.start(['--listen', '127.0.0.1:0']);
    const after = await second.client.request('snapshot', {});
    assert.notEqual(after.epoch, epoch);
    assert.deepEqual(
      after.runs.map(({ id, outcome }) => ({ id, outcome })),
      [{ id: run.id, outcome: 'changed' }],
    );
    const alert = after.alerts.find(({ key }) => key === 'store:repaired');
    assert.match(
      alert?.message ?? '',
      /could not be used .*1 run, 1 token and \d+ audit entries\. The old file is .*damaged-/,
    );
    const viewer = await connect({ url: `ws://${second.listen ?? ''}/`, token: made.stdout.trim() });
    await viewer.close();
    assert.equal((await second.client.request('events.subscribe', { epoch, after: 0 })).gap, true);
    await second.stop();
    const third = await world.start();
    const { alerts } = await third.client.request('snapshot', {});
    assert.deepEqual(
      alerts.filter(({ key }) => key === 'store:repaired'),
      [],
      'a sound start resolves it',
    );
  });

  it('is checked and rebuilt by hand: a check beside the agent, a rebuild without it', async () => {
    const agent = await world.start();
    const { run } = await agent.client.request('tasks.run', { task: 'hello', requestId: randomUUID() });
    await endOf(agent.client, run.id);
    const check = await world.command(['store', 'check', '--json']);
    assert.equal(check.code, 0, check.stderr);
    assert.deepEqual(checked.parse(JSON.parse(check.stdout)), { ok: true, problem: null, runs: 1, directories: 1 });
    const refused = await world.command(['store', 'rebuild']);
    assert.deepEqual([refused.code, refused.stdout], [1, '']);
    assert.match(refused.stderr, new RegExp(`Another agent \\(pid ${agent.pid}\\)`));
    await agent.stop();
    damage();
    const broken = await world.command(['store', 'check']);
    assert.equal(broken.code, 1);
    assert.match(broken.stdout, /is damaged .*upkeep store rebuild/);
    const rebuilt = await world.command(['store', 'rebuild']);
    assert.equal(rebuilt.code, 0, rebuilt.stderr);
    assert.match(rebuilt.stdout, /^made anew: 1 runs, 0 tokens, 1 audit entries\nthe old file is .*damaged-/);
    assert.equal((await world.command(['store', 'check'])).code, 0);
    const none = await world.command(['store', 'check', '--state', join(world.folder, 'none')]);
    assert.equal(none.code, 2);
  });

  it('F32: says which port is taken, leaves nothing behind, and starts once it is free', async () => {
    const other = createServer();
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const args = ['--config', world.config, '--state', world.state, '--socket', world.socket];
    const refused = await world.command(['serve', ...args, '--listen', `127.0.0.1:${port}`]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, new RegExp(`port ${port} is taken.*--listen`));
    assert.equal(readdirSync(world.folder).includes('agent.sock'), false);
    other.close();
    await once(other, 'close');
    const agent = await world.start(['--listen', `127.0.0.1:${port}`]);
    assert.equal(agent.listen, `127.0.0.1:${port}`);
  });

  it('F32: says that an address is not to be had on this machine', () => {
    // A network of its own, in which there is no IPv6 (network_namespaces(7)).
    const inside = [
      '-rn',
      'sh',
      '-c',
      'ip link set lo up 2>/dev/null; echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; exec "$@"',
      'sh',
    ];
    try {
      execFileSync('unshare', [...inside, 'true'], { stdio: 'ignore' });
    } catch {
      return;
    }
    const main = join(import.meta.dirname, '..', '..', 'agent', 'main.ts');
    const command = [
      process.execPath,
      main,
      'serve',
      '--config',
      world.config,
      '--state',
      world.state,
      '--socket',
      'none',
      '--listen',
      '[::1]:0',
    ];
    assert.throws(
      () => execFileSync('unshare', [...inside, ...command], { stdio: 'pipe', encoding: 'utf8' }),
      (error: Error & { stderr?: string }) =>
        error.stderr?.includes('this machine has no address ::1: listen on 127.0.0.1') === true,
    );
  });

  it('F39: stays awake while what it looks at hangs: pipes in the place of its files', async () => {
    execFileSync('mkfifo', [join(world.folder, 'pipe.sh')]);
    execFileSync('mkfifo', [join(world.folder, 'book.md')]);
    world.write(
      `maintenance:\n  automated_tasks:\n    - { name: hello, script: hello.sh }\n    - { name: pipe, script: pipe.sh }\n  checks: []\n  runbooks: { directories: ["${world.folder}"] }\n`,
    );
    const agent = await world.start();
    const { tasks } = await agent.client.request('snapshot', {});
    assert.equal(tasks.find(({ name }) => name === 'hello')?.problem, null);
    const answer = agent.client.request('tasks.run', { task: 'pipe', requestId: randomUUID() });
    const hung = await answer.then(
      async ({ run }) => (run.state === 'ended' ? run.outcome : (await endOf(agent.client, run.id)).outcome),
      () => 'refused',
    );
    assert.ok(hung === 'failed' || hung === 'refused', String(hung));
    const { run } = await agent.client.request('tasks.run', { task: 'hello', requestId: randomUUID() });
    assert.equal((await endOf(agent.client, run.id)).outcome, 'changed');
  });

  it('F39: refuses a state folder that can not be made or written, in one sentence', async () => {
    const args = ['--config', world.config, '--socket', 'none', '--listen', 'none'];
    for (const state of ['/proc/self/upkeep', '/proc/self/deep/down', join(world.folder, 'hello.sh')]) {
      const refused = await world.command(['serve', ...args, '--state', state]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /^upkeep: The state folder [^\n]*: choose another with --state\.\n$/);
      assert.ok(refused.stderr.includes(state));
    }
  });
});
