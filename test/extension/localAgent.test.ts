import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConnectError } from '../../extension/client/openSocket.ts';
import { LocalAgent, type LocalAgentOptions } from '../../extension/localAgent.ts';
import { localPlaces } from '../../extension/localPlaces.ts';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined, debug: () => undefined };

/** A program that behaves like `upkeep serve` towards its parent: writes what it was given, listens, says that it is ready. */
const wellBehaved = `
import { createServer } from 'node:net';
import { writeFileSync } from 'node:fs';
const at = (name) => process.argv[process.argv.indexOf(name) + 1];
writeFileSync(at('--state') + '/argv.json', JSON.stringify({ argv: process.argv.slice(2), node: process.env.ELECTRON_RUN_AS_NODE }));
const server = createServer((socket) => socket.on('error', () => {})).listen(at('--socket'), () => {
  console.log('starting');
  console.log(JSON.stringify({ ready: true, pid: process.pid }));
});
process.stdin.resume().on('end', () => { server.close(); process.exit(0); });
`;

describe('LocalAgent', () => {
  let folder: string;
  const agents: LocalAgent[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-local-'));
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function makeAgent(program: string, changes: Partial<LocalAgentOptions> = {}): LocalAgent {
    const script = join(folder, 'agent.mjs');
    writeFileSync(script, program);
    const agent = new LocalAgent({
      program: process.execPath,
      script,
      stateDirectory: join(folder, 'state'),
      socketPath: join(folder, 'socket', 'a.sock'),
      configFile: () => '/srv/site/maintenance.yaml',
      refusal: () => null,
      log: silent,
      ...changes,
    });
    agents.push(agent);
    return agent;
  }

  it('starts the agent once for several callers, with the editor as Node, and waits until it is ready', async () => {
    const agent = makeAgent(wellBehaved);
    await Promise.all([agent.prepare(), agent.prepare()]);
    const { pid } = agent;
    await agent.prepare();
    assert.equal(agent.pid, pid);
    const given = JSON.parse(readFileSync(join(folder, 'state', 'argv.json'), 'utf8')) as unknown;
    assert.deepEqual(given, {
      argv: [
        'serve',
        ...['--state', join(folder, 'state'), '--socket', join(folder, 'socket', 'a.sock')],
        ...['--listen', 'none', '--lifetime', 'stdin', '--config', '/srv/site/maintenance.yaml'],
      ],
      node: '1',
    });
    assert.equal(statSync(join(folder, 'socket')).mode & 0o777, 0o700);
  });

  it('starts it again after it has ended', async () => {
    const agent = makeAgent(wellBehaved);
    await agent.prepare();
    const first = agent.pid ?? 0;
    process.kill(first, 'SIGKILL');
    while (agent.pid !== null) await new Promise((resolve) => setImmediate(resolve));
    await agent.prepare();
    assert.notEqual(agent.pid, first);
  });

  it('ends it by the end of its standard input', async () => {
    const agent = makeAgent(wellBehaved);
    await agent.prepare();
    const pid = agent.pid ?? 0;
    await agent.stop();
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    assert.equal(agent.pid, null);
  });

  it('uses the agent of another window instead of starting a second one', async () => {
    const agent = makeAgent('process.exit(9);');
    mkdirSync(join(folder, 'socket'), { mode: 0o700 });
    const other = createServer((socket) => socket.destroy()).listen(agent.socketPath);
    await once(other, 'listening');
    await agent.prepare();
    assert.equal(agent.pid, null);
    other.close();
    await once(other, 'close');
  });

  it('says why the agent ended at once', async () => {
    const agent = makeAgent('console.error("the state folder is in use"); process.exit(2);');
    await assert.rejects(agent.prepare(), /ended at once \(exit code 2\): the state folder is in use/);
  });

  it('says that the program is missing', async () => {
    const agent = makeAgent('', { program: join(folder, 'no-such-node') });
    await assert.rejects(agent.prepare(), /can not be started: .*ENOENT/);
  });

  for (const [title, changes, message] of [
    ['on Windows', { platform: 'win32' }, /does not run on Windows/],
    ['in an untrusted workspace', { refusal: () => 'this workspace is not trusted' }, /not trusted/],
  ] as const)
    it(`refuses for good ${title}`, async () => {
      const agent = makeAgent(wellBehaved, changes);
      await assert.rejects(
        agent.prepare(),
        (error) => error instanceof ConnectError && error.problem.final && message.test(error.message),
      );
      assert.equal(agent.pid, null);
    });

  it('keeps the path of the socket short, the same for a workspace and different for another', () => {
    const storage = `/home/someone/${'x'.repeat(200)}`;
    const places = localPlaces(storage, 'file:///srv/site/a');
    assert.ok(Buffer.byteLength(places.socketPath) <= 103);
    assert.deepEqual(places, localPlaces(storage, 'file:///srv/site/a'));
    assert.notEqual(places.socketPath, localPlaces(storage, 'file:///srv/site/b').socketPath);
  });
});
