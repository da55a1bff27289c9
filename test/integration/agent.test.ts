import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import * as z from 'zod';
import { connect } from '../../agent/cli/client.ts';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import { AgentWorld, endOf, nextEvent } from './agentProcess.ts';

describe('the agent as a process', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
  });
  afterEach(async () => {
    await world.dispose();
  });

  // Without checks: a busy machine has alerts of its own.
  const twoTasks = `maintenance:
  checks: []
  automated_tasks:
    - name: greet
      schedule: "0 3 1 1 *"
      script: greet.sh
    - name: fail
      script: fail.sh
      alert_on_failure: true
`;
  const withTwoTasks = (): void => {
    world.script('greet.sh', 'echo hello');
    world.script('fail.sh', 'echo oh no; exit 4');
    world.write(twoTasks);
  };

  it('runs a task on demand, shows its output and keeps its history', async () => {
    withTwoTasks();
    const { client } = await world.start();
    const { run } = await client.request('tasks.run', { task: 'greet', requestId: randomUUID() });
    const ended = await endOf(client, run.id);
    assert.equal(ended.outcome, 'changed');
    const output = await client.request('runs.output', { runId: run.id, offset: 0, wait: true });
    assert.deepEqual([output.text, output.ended, output.size], ['hello\n', true, 6]);
    const { runs } = await client.request('runs.list', { task: 'greet' });
    assert.deepEqual(
      runs.map(({ id }) => id),
      [run.id],
    );
  });

  it('raises an alert for a task with alert_on_failure, and takes it back when it runs well again', async () => {
    withTwoTasks();
    const { client } = await world.start();
    const failed = await client.request('tasks.run', { task: 'fail', requestId: randomUUID() });
    await endOf(client, failed.run.id);
    const { alerts } = await client.request('snapshot', {});
    assert.deepEqual(
      alerts.filter(({ key }) => key.startsWith('task:')).map(({ key, state, runId }) => ({ key, state, runId })),
      [{ key: 'task:fail', state: 'firing', runId: failed.run.id }],
    );
    world.script('fail.sh', 'exit 0');
    const good = await client.request('tasks.run', { task: 'fail', requestId: randomUUID() });
    await endOf(client, good.run.id);
    const after = await client.request('snapshot', {});
    assert.deepEqual(
      after.alerts.filter(({ key }) => key.startsWith('task:')),
      [],
    );
  });

  it('lets a run go on when it is killed, and the next agent records its true end', async () => {
    world.script(
      'slow.sh',
      `mkfifo "${world.folder}/go"; echo waiting; read line < "${world.folder}/go"; echo "$line"; exit 5`,
    );
    world.write('maintenance:\n  automated_tasks:\n    - { name: slow, script: slow.sh }\n');
    const first = await world.start();
    const { run } = await first.client.request('tasks.run', { task: 'slow', requestId: randomUUID() });
    await first.client.request('runs.output', { runId: run.id, offset: 0, wait: true });
    await first.stop('SIGKILL');
    const second = await world.start();
    const { runs } = await second.client.request('snapshot', {});
    assert.deepEqual(
      runs.map(({ id, state, adopted }) => ({ id, state, adopted })),
      [{ id: run.id, state: 'running', adopted: true }],
    );
    writeFileSync(join(world.folder, 'go'), 'done after all\n');
    const ended = await endOf(second.client, run.id);
    assert.deepEqual([ended.outcome, ended.exitCode], ['failed', 5]);
    const output = await second.client.request('runs.output', { runId: run.id, offset: 0 });
    assert.equal(output.text, 'waiting\ndone after all\n');
  });

  it('ends a window whose time was up while it was dead, and takes mode off', async () => {
    withTwoTasks();
    const first = await world.start();
    const { window } = await first.client.request('windows.open', {
      requestId: randomUUID(),
      reason: 'test',
      minutes: 1 / 600,
    });
    const flag = window.mode.flagFile ?? assert.fail('no flag file');
    await first.stop('SIGKILL');
    const second = await world.start();
    const ended = await nextEvent(
      second.client,
      (event): event is Extract<AgentEvent, { type: 'window.changed' }> =>
        event.type === 'window.changed' && event.data.window.state === 'closed' && !event.data.window.mode.on,
    );
    assert.match(ended.data.window.closedReason ?? '', /its time was up/);
    assert.equal(existsSync(flag), false);
  });

  it('holds alerts during a window and tells them at its end', async () => {
    withTwoTasks();
    const { client } = await world.start();
    const { window } = await client.request('windows.open', {
      requestId: randomUUID(),
      reason: 'test',
      minutes: 30,
      plan: ['greet', 'fail'],
    });
    const raised = await nextEvent(
      client,
      (event): event is Extract<AgentEvent, { type: 'alert.changed' }> =>
        event.type === 'alert.changed' && event.data.alert.key === 'task:fail',
    );
    assert.equal(raised.data.alert.held, true);
    const released = nextEvent(
      client,
      (event): event is Extract<AgentEvent, { type: 'alert.changed' }> =>
        event.type === 'alert.changed' &&
        event.seq > raised.seq &&
        event.data.alert.key === 'task:fail' &&
        !event.data.alert.held,
    );
    await client.request('windows.end', { windowId: window.id });
    assert.equal((await released).data.alert.state, 'firing');
    const { windows } = await client.request('snapshot', {});
    assert.equal(windows[0]?.planRuns.length, 2);
    assert.equal(windows[0].heldAlerts, 1);
    const audited = await world.command(['audit', 'verify', '--state', world.state]);
    assert.match(audited.stdout, /the chain is whole/);
  });

  it('keeps the last good configuration when an edit breaks it, and says where', async () => {
    withTwoTasks();
    const { client } = await world.start();
    const refused = nextEvent(
      client,
      (event): event is Extract<AgentEvent, { type: 'config.changed' }> =>
        event.type === 'config.changed' && event.data.config.stale,
    );
    world.write(`${twoTasks}    - name: broken\n      schedule: "0 25 * * *"\n      script: greet.sh\n`);
    const { config } = (await refused).data;
    assert.deepEqual(
      config.diagnostics.filter(({ severity }) => severity === 'error').map(({ line, task }) => ({ line, task })),
      [{ line: 11, task: 'broken' }],
    );
    const { tasks } = await client.request('snapshot', {});
    assert.deepEqual(
      tasks.map(({ name }) => name),
      ['greet', 'fail'],
    );
    const taken = nextEvent(
      client,
      (event): event is Extract<AgentEvent, { type: 'tasks.changed' }> =>
        event.type === 'tasks.changed' && event.data.tasks.some(({ name }) => name === 'mended'),
    );
    world.write(`${twoTasks}    - { name: mended, script: greet.sh }\n`);
    await taken;
  });

  it('listens on loopback alone, and lets in neither a browser nor a stranger', async () => {
    withTwoTasks();
    const agent = await world.start(['--listen', '127.0.0.1:0']);
    assert.match(agent.listen ?? '', /^127\.0\.0\.1:\d+$/);
    assert.deepEqual(await listeningAddresses(agent.pid), [agent.listen]);
    const url = `ws://${agent.listen ?? ''}/`;
    assert.equal(await upgradeStatus(url, {}), 401);
    assert.equal(await upgradeStatus(url, { headers: { authorization: 'Bearer upkeep_wrong' } }), 401);
    const made = await world.command(['token', 'create', '--role', 'viewer', '--state', world.state]);
    const token = made.stdout.trim();
    const headers = { authorization: `Bearer ${token}` };
    assert.equal(await upgradeStatus(url, { headers, origin: 'https://evil.example.test' }), 403);
    const viewer = await connect({ url, token });
    assert.equal(viewer.hello.role, 'viewer');
    await assert.rejects(viewer.request('tasks.run', { task: 'greet', requestId: randomUUID() }), /operator/);
    const { tokens } = { tokens: await world.command(['token', 'list', '--json', '--state', world.state]) };
    const [{ id }] = z.tuple([z.object({ id: z.string() })]).parse(JSON.parse(tokens.stdout));
    await world.command(['token', 'revoke', id, '--state', world.state]);
    assert.equal((await viewer.closed).code, 4001);
    assert.equal(agent.log().includes(token), false);
  });

  it('counts in the metrics of the seed, under a prefix of ones own', async () => {
    withTwoTasks();
    world.write(`${twoTasks}  metrics:\n    prefix: freeagentics_maintenance\n`);
    const { client } = await world.start();
    const { run } = await client.request('tasks.run', { task: 'greet', requestId: randomUUID() });
    const ended = await endOf(client, run.id);
    const text = await get(world.socket, '/metrics');
    const at = Date.parse(ended.endedAt ?? '') / 1000;
    assert.ok(text.includes(`freeagentics_maintenance_last_run{task="greet"} ${at}\n`), text);
    assert.match(text, /^freeagentics_maintenance_status\{task="greet"\} 1$/m);
    assert.match(text, /^freeagentics_maintenance_duration_seconds\{task="greet"\} [\d.]+$/m);
    assert.ok(text.includes(`freeagentics_maintenance_last_success_timestamp_seconds{task="greet"} ${at}\n`));
    assert.equal(z.object({ status: z.string() }).parse(JSON.parse(await get(world.socket, '/healthz'))).status, 'ok');
  });

  it('refuses a second agent on the same state folder by name', async () => {
    withTwoTasks();
    const first = await world.start();
    const second = await world.command([
      ...['serve', '--config', world.config, '--state', world.state],
      ...['--socket', join(world.folder, 'other.sock'), '--listen', 'none'],
    ]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, new RegExp(`Another agent \\(pid ${first.pid}\\).*--state`));
  });

  it('ends with its standard input when it is told so, and leaves runs running', async () => {
    world.script(
      'slow.sh',
      `mkfifo "${world.folder}/go"; echo waiting; read line < "${world.folder}/go"; touch "${world.folder}/over"`,
    );
    world.write('maintenance:\n  automated_tasks:\n    - { name: slow, script: slow.sh }\n');
    const agent = await world.start(['--listen', 'none', '--lifetime', 'stdin']);
    const { run } = await agent.client.request('tasks.run', { task: 'slow', requestId: randomUUID() });
    await agent.client.request('runs.output', { runId: run.id, offset: 0, wait: true });
    const exited = once(agent.child, 'exit');
    agent.child.stdin?.end();
    assert.deepEqual(await exited, [0, null]);
    const watcher = watch(world.folder);
    writeFileSync(join(world.folder, 'go'), 'x\n');
    while (!existsSync(join(world.folder, 'over'))) await once(watcher, 'change');
    watcher.close();
  });

  it('cancels a run and says who did it', async () => {
    world.script('slow.sh', 'echo waiting; sleep 300');
    world.write('maintenance:\n  automated_tasks:\n    - { name: slow, script: slow.sh }\n');
    const { client } = await world.start();
    const { run } = await client.request('tasks.run', { task: 'slow', requestId: randomUUID() });
    await client.request('runs.output', { runId: run.id, offset: 0, wait: true });
    await assert.rejects(client.request('tasks.run', { task: 'slow', requestId: randomUUID() }), /already running/);
    const cancelled = await client.request('runs.cancel', { runId: run.id });
    assert.equal(cancelled.run.outcome, 'cancelled');
    await assert.rejects(client.request('runs.cancel', { runId: run.id }), /already ended/);
  });

  it('runs a confirmed block of a runbook, and no other text', async () => {
    world.write('maintenance: {}\n');
    const { client } = await world.start();
    const text = './scripts/maintenance/health-check.sh --strict || true\necho done\n';
    const block = { requestId: randomUUID(), runbook: 'a.md', index: 0, language: 'bash', text };
    await assert.rejects(client.request('runbooks.runBlock', { ...block, sha256: '0'.repeat(64) }), /not the one/);
    const sha256 = await digest(text);
    const { run } = await client.request('runbooks.runBlock', { ...block, sha256 });
    const ended = await endOf(client, run.id);
    const output = await client.request('runs.output', { runId: run.id, offset: 0 });
    assert.notEqual(ended.outcome, 'failed', output.text);
    assert.match(output.text, /memory/i);
    assert.match(output.text, /done\n$/);
    assert.ok(ended.findings.ok + ended.findings.warning + ended.findings.critical > 0);
  });

  it('writes one JSON document for a procedure by hand, without an agent', async () => {
    world.write('maintenance: {}\n');
    const done = await world.command(['health-check', '--config', world.config, '--json']);
    assert.equal(done.code, 0, done.stderr);
    const document = z
      .object({ procedure: z.string(), outcome: z.string(), findings: z.array(z.object({ code: z.string() })) })
      .parse(JSON.parse(done.stdout));
    assert.equal(document.procedure, 'health-check');
    assert.ok(document.findings.some(({ code }) => code === 'disk.usage'));
    const wrong = await world.command(['check-certificates', '--warn-days', 'many']);
    assert.deepEqual([wrong.code, wrong.stdout], [2, '']);
    assert.match(wrong.stderr, /--warn-days many: a number is needed/);
  });

  it('tells an absent agent from a wrong task', async () => {
    withTwoTasks();
    const absent = await world.command(['run', 'greet', '--socket', world.socket]);
    assert.equal(absent.code, 1);
    assert.match(absent.stderr, /no agent|not running|There is no/i);
    await world.start();
    const followed = await world.command(['run', 'fail', '--follow', '--socket', world.socket]);
    assert.equal(followed.code, 1);
    assert.match(followed.stdout, /oh no\nfail: failed after [\d.]+ s \(exit code 4\)\n$/);
    const wrong = await world.command(['run', 'nothing', '--socket', world.socket]);
    assert.match(wrong.stderr, /There is no task "nothing"/);
  });
});

async function digest(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).toString('hex');
}

/** HTTP status with which the upgrade is refused. */
async function upgradeStatus(
  url: string,
  options: { readonly headers?: Record<string, string>; readonly origin?: string },
): Promise<number> {
  const socket = new WebSocket(url, options);
  const { promise, resolve } = Promise.withResolvers<number>();
  socket.once('unexpected-response', (_, response) => {
    resolve(response.statusCode ?? 0);
    socket.terminate();
  });
  socket.once('open', () => {
    resolve(101);
    socket.terminate();
  });
  socket.on('error', () => undefined);
  return promise;
}

async function get(socketPath: string, path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  httpRequest({ socketPath, path, headers: { host: 'localhost' } }, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.once('end', () => {
      resolve(text);
    });
  })
    .once('error', reject)
    .end();
  return promise;
}

/** TCP addresses on which a process listens, from /proc (proc(5), net/tcp: state 0A). */
function listeningAddresses(pid: number): Promise<string[]> {
  const addresses = ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A')
      .map((fields) => ({ local: fields[1] ?? '', inode: fields[9] ?? '' })),
  );
  return import('node:fs').then(({ readdirSync, readlinkSync }) => {
    const open = new Set(
      readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
        try {
          return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
        } catch {
          return [];
        }
      }),
    );
    return addresses.filter(({ inode }) => open.has(`socket:[${inode}]`)).map(({ local }) => addressOf(local));
  });
}

function addressOf(local: string): string {
  const [hex = '', port = ''] = local.split(':');
  const bytes =
    hex
      .match(/../g)
      ?.reverse()
      .map((byte) => Number.parseInt(byte, 16)) ?? [];
  return `${bytes.join('.')}:${Number.parseInt(port, 16)}`;
}
