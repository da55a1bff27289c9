/** What a role may do and what an id may reach, over the wire of a real agent. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AgentRequestError, connect, type AgentClient } from '../../agent/cli/client.ts';
import { methods, type MethodName, type MethodParams } from '../../agent/protocol/methods.ts';
import { roles, type Role } from '../../agent/protocol/nouns.ts';
import { validParams } from '../server/harness.ts';
import { AgentWorld, endOf, type AgentProcess } from './agentProcess.ts';
import { RawClient } from './rawClient.ts';

const names = (Object.keys(methods) as MethodName[]).filter((name) => name !== 'hello');
/** Well-formed ids that another host may have. */
const foreignRun = '20240131T030000-1a2b3c4d';
const planted = 'root:x:0:0';

/** Ids as attackers write them. */
const hostileIds: readonly string[] = [
  '../../etc/passwd',
  '../../../../../../../../etc/passwd',
  '..\\..\\etc\\passwd',
  '%2e%2e/%2e%2e/etc/passwd',
  '%2e%2e%2fetc%2fpasswd',
  '..%00/etc/passwd',
  '/etc/passwd',
  'file:///etc/passwd',
  '/proc/self/environ',
  '.',
  '..',
  '',
  ' ',
  '\0',
  `${foreignRun}\0.log`,
  `${foreignRun}/../../../../etc/passwd`,
  `${foreignRun}\n`,
  foreignRun,
  'x'.repeat(5000),
  `/${'a/'.repeat(2500)}`,
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  "'; DROP TABLE runs; --",
  '%',
  '*',
  '😀',
  '\u202E',
];

/** Every parameter of the wire that names a thing. */
const idParameters: readonly { readonly method: MethodName; readonly key: string; readonly listed?: true }[] = [
  { method: 'tasks.run', key: 'task' },
  { method: 'tasks.snooze', key: 'task' },
  { method: 'procedures.run', key: 'procedure' },
  { method: 'procedures.preview', key: 'procedure' },
  { method: 'procedures.choices', key: 'procedure' },
  { method: 'checks.run', key: 'check' },
  { method: 'runs.list', key: 'task', listed: true },
  { method: 'runs.get', key: 'runId' },
  { method: 'runs.output', key: 'runId' },
  { method: 'runs.report', key: 'runId' },
  { method: 'runs.cancel', key: 'runId' },
  { method: 'runs.approve', key: 'runId' },
  { method: 'runs.reject', key: 'runId' },
  { method: 'alerts.acknowledge', key: 'alertId' },
  { method: 'windows.extend', key: 'windowId' },
  { method: 'windows.end', key: 'windowId' },
  { method: 'runbooks.get', key: 'path' },
];

describe('access to an agent', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  let agent: AgentProcess;
  const tokens = new Map<Role, string>();
  let clients: Map<Role, AgentClient>;

  before(async () => {
    world = new AgentWorld();
    world.script('hello.sh', 'echo hello');
    mkdirSync(join(world.folder, 'runbooks'));
    writeFileSync(join(world.folder, 'runbooks', 'a.md'), '# A\n');
    // Without checks: an alert of a busy machine in between would be taken for what a refused request has changed.
    world.write('maintenance:\n  checks: []\n  automated_tasks:\n    - { name: hello, script: hello.sh }\n');
    agent = await world.start(['--listen', '127.0.0.1:0']);
    clients = new Map();
    for (const role of roles) {
      const token = await tokenOf(role);
      tokens.set(role, token);
      clients.set(role, await connect({ url: `ws://${agent.listen ?? ''}`, token }));
    }
  });
  after(async () => {
    await Promise.all([...clients.values()].map((client) => client.close()));
    await world.dispose();
  });

  async function tokenOf(role: Role, ...more: string[]): Promise<string> {
    return (await world.command(['token', 'create', '--role', role, '--name', role, ...more])).stdout.trim();
  }
  function clientOf(role: Role): AgentClient {
    const client = clients.get(role);
    assert.ok(client !== undefined);
    return client;
  }
  /** The name of the error, or `answered`. */
  const outcomeOf = (client: AgentClient, method: MethodName, params: unknown): Promise<string> =>
    client.request(method, params as MethodParams<MethodName>).then(
      () => 'answered',
      (error: unknown) => {
        assert.ok(error instanceof AgentRequestError, String(error));
        assert.doesNotMatch(error.message, new RegExp(planted));
        return error.errorName ?? String(error.code);
      },
    );

  it('V14: lets each role use exactly the verbs of the table, for ids of this host and of others', async () => {
    let cells = 0;
    for (const role of roles) {
      const client = clientOf(role);
      for (const method of names) {
        const granted = roles.indexOf(role) >= roles.indexOf(methods[method].role);
        const before = await stateOf(clientOf('admin'));
        const seen = await outcomeOf(client, method, validParams[method]);
        cells += 1;
        if (granted) {
          assert.notEqual(seen, 'forbidden', `${role} ${method}`);
          continue;
        }
        assert.equal(seen, 'forbidden', `${role} ${method}`);
        assert.equal(await stateOf(clientOf('admin')), before, `${role} ${method} changed something`);
      }
    }
    assert.equal(cells, roles.length * names.length);
  });

  it('V14: says forbidden before it looks at the parameters', async () => {
    for (const method of names.filter((name) => methods[name].role !== 'viewer'))
      for (const params of [{}, [], { task: 5 }])
        assert.equal(await outcomeOf(clientOf('viewer'), method, params), 'forbidden', method);
  });

  it('V14: gives nobody without a good token anything, over WebSocket and HTTP', async () => {
    const listen = agent.listen ?? '';
    const revoked = await world.command(['token', 'create', '--role', 'admin', '--json']);
    const { id, token } = JSON.parse(revoked.stdout) as { id: string; token: string };
    assert.equal((await world.command(['token', 'revoke', id])).code, 0);
    const expired = await tokenOf('admin', '--expires', '1ms');
    assert.match(expired, /^upkeep_/);
    const get = async (path: string, bearer: string | null): Promise<number> => {
      const client = await RawClient.open(listen);
      const login = bearer === null ? '' : `Authorization: Bearer ${bearer}\r\n`;
      await client.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${login}Connection: close\r\n\r\n`);
      return client.status();
    };
    for (const bearer of [null, token, expired]) {
      const client = await RawClient.open(listen);
      assert.equal(await client.upgrade(bearer), 401);
      assert.equal(await get('/metrics', bearer), 401);
      assert.equal(await get('/healthz', null), 200);
    }
    for (const role of roles) {
      assert.equal(await get('/metrics', tokens.get(role) ?? ''), 200);
      for (const path of ['/tasks.run', '/config', '/runs', '/state', '/tokens'])
        assert.equal(await get(path, tokens.get(role) ?? ''), 404);
    }
  });

  it('V29: reaches nothing through an id, whichever parameter holds it', async () => {
    const admin = clientOf('admin');
    let asked = 0;
    for (const { method, key, listed } of idParameters) {
      for (const id of hostileIds) {
        const params = { ...validParams[method], requestId: randomUUID(), [key]: id };
        const title = `${method} ${JSON.stringify(id.slice(0, 40))}`;
        asked += 1;
        if (listed === true) {
          assert.deepEqual((await admin.request('runs.list', { task: id })).runs, [], title);
          continue;
        }
        const seen = await outcomeOf(admin, method, params);
        assert.ok(['notFound', 'invalidParams', 'refused', 'conflict'].includes(seen), `${title}: ${seen}`);
      }
    }
    assert.equal(asked, idParameters.length * hostileIds.length);
    assert.doesNotMatch(agent.log(), /"level":50/);
  });

  it('V29: names every parameter of the wire that could be an id in this test', () => {
    const looksLikeId = /^(?:task|check|procedure|path|\w*Id)$/;
    const found = names.flatMap((method) =>
      Object.keys(methods[method].params.shape)
        .filter((key) => looksLikeId.test(key) && key !== 'requestId')
        .map((key) => `${method} ${key}`),
    );
    assert.deepEqual(found.sort(), idParameters.map(({ method, key }) => `${method} ${key}`).sort());
  });

  it('V29: follows no link that was put in the place of a run, its output or its findings', async () => {
    const admin = clientOf('admin');
    const { run } = await admin.request('tasks.run', { task: 'hello', requestId: randomUUID() });
    const ended = await endOf(admin, run.id);
    const folder = join(world.state, 'runs', ended.queuedAt.slice(0, 10), run.id);
    const output = join(folder, 'output.log');
    const results = join(folder, 'results.ndjson');
    for (const file of [output, results]) {
      renameSync(file, `${file}.kept`);
      symlinkSync('/etc/passwd', file);
    }
    assert.equal(await outcomeOf(admin, 'runs.output', { runId: run.id, offset: 0 }), 'notFound');
    await outcomeOf(admin, 'runs.get', { runId: run.id });
    for (const file of [output, results]) {
      rmSync(file);
      renameSync(`${file}.kept`, file);
    }
    assert.equal((await admin.request('runs.output', { runId: run.id, offset: 0 })).text, 'hello\n');
    const foreign = join(world.state, 'runs', '2024-01-31', foreignRun);
    mkdirSync(dirname(foreign), { recursive: true });
    symlinkSync('/etc', foreign);
    assert.equal(await outcomeOf(admin, 'runs.output', { runId: foreignRun, offset: 0 }), 'notFound');
    rmSync(dirname(foreign), { recursive: true });
    symlinkSync('/etc/passwd', join(world.folder, 'runbooks', 'b.md'));
    assert.equal(await outcomeOf(admin, 'runbooks.get', { path: join(world.folder, 'runbooks', 'b.md') }), 'notFound');
    assert.match(readFileSync('/etc/passwd', 'utf8'), new RegExp(planted));
  });

  it('V28: takes names of the prototype for names like any other, in every parameter', async () => {
    const admin = clientOf('admin');
    for (const name of ['__proto__', 'constructor', 'toString', 'valueOf', '__defineGetter__']) {
      assert.equal(await outcomeOf(admin, 'tasks.run', { task: name, requestId: randomUUID() }), 'notFound');
      const options = JSON.parse(`{"${name}":{"polluted":1}}`) as Record<string, unknown>;
      const params = { procedure: 'health-check', options, requestId: randomUUID() };
      // A key of the schema's object must not be taken for an option, and no option for a key of the prototype.
      assert.notEqual(await outcomeOf(admin, 'procedures.run', params), 'answered', name);
      const window = { requestId: randomUUID(), reason: name, minutes: 1, plan: [name] };
      assert.equal(await outcomeOf(admin, 'windows.open', window), 'notFound');
    }
    const { tasks } = await admin.request('snapshot', {});
    assert.deepEqual(
      tasks.map(({ name }) => name),
      ['hello'],
    );
  });
});

/** What a refused request must leave as it is. */
async function stateOf(client: AgentClient): Promise<string> {
  const { runs, windows, paused, tasks, alerts, config } = await client.request('snapshot', {});
  const held = tasks.map(({ name, snoozedUntil }) => [name, snoozedUntil]);
  const begun = runs.map(({ id }) => id).sort();
  return JSON.stringify([begun, windows, paused, held, alerts, config.loadedAt]);
}
