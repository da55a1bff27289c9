import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WebSocketServer } from 'ws';
import { AgentUnreachableError, connect } from '../../agent/cli/client.ts';
import { startHarness, type Harness } from '../server/harness.ts';

describe("the command line's connection", () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await startHarness();
  });
  afterEach(() => harness.dispose());

  it('says which socket has no agent and what to do', async () => {
    const socket = join(harness.directory, 'nobody.sock');
    await assert.rejects(connect({ socket }), {
      name: 'AgentUnreachableError',
      message: `no agent answers at ${socket}: start one with "upkeep serve"`,
    });
  });

  it('says which port has no agent and what to do', async () => {
    await harness.server.stop();
    await assert.rejects(connect({ url: harness.url, token: 'secret' }), {
      name: 'AgentUnreachableError',
      message: `no agent answers at ${harness.url}: start one with "upkeep serve"`,
    });
  });

  it('passes on why the agent refused', async () => {
    await assert.rejects(connect({ url: harness.url, token: 'wrong' }), /\(401\): The token is unknown/);
    await assert.rejects(connect({ url: `${harness.url}/rpc`, token: 'admin-token' }), /\(404\)/);
  });

  it('sends no token to an address with a query, and names none in its messages', async () => {
    await assert.rejects(connect({ url: `${harness.url}/?token=secret`, token: 'secret' }), (error) => {
      assert.ok(error instanceof AgentUnreachableError);
      assert.ok(!error.message.includes('secret'));
      return true;
    });
    assert.equal(harness.tokens.verified, 0);
  });

  it('follows no redirect with its token (V04)', async () => {
    const seen: unknown[] = [];
    const other = createServer((request, response) => {
      seen.push(request.headers.authorization);
      response.writeHead(302, { Location: `http://127.0.0.1:${harness.port}/` }).end();
    });
    other.on('upgrade', (_request, socket) => {
      socket.end(`HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:${harness.port}/\r\nConnection: close\r\n\r\n`);
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await assert.rejects(connect({ url: `ws://127.0.0.1:${port}`, token: 'admin-token' }), /\(302\)/);
    assert.equal(harness.tokens.verified, 0);
    other.close();
    await once(other, 'close');
  });

  it('rejects what waits when the agent goes', async () => {
    await harness.dispose();
    const started = Promise.withResolvers<undefined>();
    harness = await startHarness({
      handlers: {
        'windows.list': () => {
          started.resolve(undefined);
          return new Promise<never>(() => undefined);
        },
      },
    });
    const client = await harness.client('viewer');
    const waiting = client.request('windows.list', {});
    await started.promise;
    await Promise.all([assert.rejects(waiting, /ended before windows\.list was answered/), harness.server.stop()]);
    await assert.rejects(client.request('snapshot', {}), /ended before snapshot was answered/);
  });

  it('refuses an answer that breaks the contract', async () => {
    const fake = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(fake, 'listening');
    fake.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => {
        const { id } = JSON.parse(data.toString('utf8')) as { id: number };
        socket.send('{"jsonrpc":"2.0","method":"event","params":{"seq":"x"}}');
        socket.send('[1,2,3]');
        socket.send(JSON.stringify({ jsonrpc: '2.0', id, result: { protocol: 'x' } }));
      });
    });
    const { port } = fake.address() as AddressInfo;
    await assert.rejects(connect({ url: `ws://127.0.0.1:${port}`, token: 'x' }), { name: 'ZodError' });
    fake.close();
    await once(fake, 'close');
  });
});
