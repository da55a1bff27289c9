import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../agent/cli/client.ts';
import { parseListenAddress } from '../../agent/server/listenAddress.ts';
import { startHarness } from './harness.ts';

describe('listening', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'upkeep-listen-'));
  });
  afterEach(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('makes the socket 0600 and its folder 0700 whatever the umask (V06)', async () => {
    const before = process.umask(0);
    try {
      const socketPath = join(directory, 'state', 'agent.sock');
      const harness = await startHarness({ socketPath });
      assert.equal(statSync(socketPath).mode & 0o777, 0o600);
      assert.equal(statSync(join(directory, 'state')).mode & 0o777, 0o700);
      assert.equal(process.umask(0), 0);
      await harness.dispose();
      assert.ok(!existsSync(socketPath));
    } finally {
      process.umask(before);
    }
  });

  it('takes over the socket file of an agent that was killed', async () => {
    const socketPath = join(directory, 'agent.sock');
    const child = spawn(
      process.execPath,
      ['-e', "require('node:net').createServer().listen(process.argv[1], () => console.log('ready'))", socketPath],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.ok(existsSync(socketPath));
    const harness = await startHarness({ socketPath });
    const client = await connect({ socket: socketPath });
    await client.close();
    await harness.dispose();
  });

  it('refuses the socket of a live agent and leaves it alone', async () => {
    const first = await startHarness();
    await assert.rejects(
      startHarness({ socketPath: first.socketPath }),
      new RegExp(`another agent is listening on ${first.socketPath}: stop it, or`),
    );
    const client = await connect({ socket: first.socketPath });
    await client.close();
    await first.dispose();
  });

  it('refuses to replace a file that is no socket', async () => {
    const socketPath = join(directory, 'notes.txt');
    writeFileSync(socketPath, 'keep me');
    await assert.rejects(startHarness({ socketPath }), /is there and is not a socket/);
    assert.equal(statSync(socketPath).size, 7);
  });

  it('refuses a socket path that the system would cut off', async () => {
    await assert.rejects(startHarness({ socketPath: join(directory, 'x'.repeat(120)) }), /choose a shorter one/);
  });

  it('serves a socket path with spaces, colons and question marks', async () => {
    const socketPath = join(directory, 'a b:c?d%20.sock');
    const harness = await startHarness({ socketPath });
    const client = await connect({ socket: socketPath });
    await client.close();
    await harness.dispose();
  });

  it('names the port that is taken and leaves nothing open (F32)', async () => {
    const taken = createTcpServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const socketPath = join(directory, 'agent.sock');
    await assert.rejects(
      startHarness({ listen: { host: '127.0.0.1', port }, socketPath }),
      new RegExp(`^Error: cannot listen on 127\\.0\\.0\\.1:${port}: port ${port} is taken, .*choose another port`),
    );
    assert.ok(!existsSync(socketPath));
    taken.close();
    await once(taken, 'close');
  });

  it('refuses addresses beyond loopback, and names the alternative', async () => {
    for (const address of ['0.0.0.0', '::', '192.0.2.1', 'example.test', '128.0.0.1', '127.example.test']) {
      await assert.rejects(
        startHarness({ listen: { host: address, port: 0 }, socketPath: null }),
        /unencrypted: listen on 127\.0\.0\.1/,
        address,
      );
    }
  });

  it('opens no TCP port when told so', async () => {
    const harness = await startHarness({ listen: null });
    assert.deepEqual(harness.server.addresses(), { tcp: null, socket: harness.socketPath });
    await harness.dispose();
  });

  it('starts and stops once, however often it is asked', async () => {
    const harness = await startHarness();
    assert.equal(harness.server.start(), harness.server.start());
    const client = await harness.client('viewer');
    const stopping = harness.server.stop();
    assert.equal(harness.server.stop(), stopping);
    await stopping;
    assert.equal((await client.closed).code, 1001);
    assert.deepEqual(harness.server.addresses(), { tcp: null, socket: null });
    assert.equal(harness.server.sessionCount(), 0);
    await assert.rejects(harness.client('viewer'), /no agent answers/);
    await harness.dispose();
  });

  it('stops although a client does not answer its close frame', async () => {
    const harness = await startHarness();
    const socket = await harness.open();
    socket.pause();
    await harness.server.stop();
    assert.equal(harness.server.sessionCount(), 0);
    await harness.dispose();
  });
});

describe('parseListenAddress', () => {
  const good: readonly [string, ReturnType<typeof parseListenAddress>][] = [
    ['127.0.0.1:7433', { host: '127.0.0.1', port: 7433 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['[::1]:7433', { host: '::1', port: 7433 }],
    ['none', null],
  ];
  for (const [text, address] of good) {
    it(`reads ${text}`, () => {
      assert.deepEqual(parseListenAddress(text), address);
    });
  }
  for (const text of [
    '',
    '7433',
    '127.0.0.1',
    '127.0.0.1:',
    ':7433',
    '::1:7433',
    '127.0.0.1:65536',
    '127.0.0.1:x',
    'a b:1',
  ]) {
    it(`refuses "${text}" and shows the form`, () => {
      assert.throws(() => parseListenAddress(text), /is not HOST:PORT: write 127\.0\.0\.1:7433/);
    });
  }
});
