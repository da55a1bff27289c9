import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { probeHttp } from '../../../agent/procedures/health/probeHttp.ts';
import { probeTcp } from '../../../agent/procedures/health/probeTcp.ts';

describe('probing over HTTP', () => {
  const servers: Server[] = [];
  const never = new AbortController().signal;
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function serve(answer: (incoming: IncomingMessage, response: ServerResponse) => void): Promise<string> {
    const server = createServer(answer).listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('V30: takes a redirect for an answer, and goes nowhere else', async () => {
    let reached = 0;
    const inner = await serve((_incoming, response) => {
      reached += 1;
      response.end();
    });
    const base = await serve((_incoming, response) => {
      response.writeHead(302, { location: inner }).end();
    });
    const probe = await probeHttp(`${base}/?key=secret`, { status: 200 }, never);
    assert.match(probe.problem ?? '', /answers with status 302 instead of 200/);
    assert.doesNotMatch(probe.problem ?? '', /secret/);
    assert.equal(reached, 0);
  });

  it('V30: reads a limited part of an answer without end', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    const endless = await serve((_incoming, response) => {
      closed = once(response, 'close');
      response.writeHead(200);
      const more = (): void => {
        while (response.writable && response.write(Buffer.alloc(64 * 1024, 'x')));
        response.once('drain', more);
      };
      more();
    });
    const { problem } = await probeHttp(endless, { status: 200, body: 'needle' }, never);
    assert.match(problem ?? '', /without the text "needle"/);
    await closed;
  });

  it('V30: gives up when its time is over', async () => {
    const silent = await serve(() => undefined);
    await assert.rejects(probeHttp(silent, { status: 200 }, AbortSignal.timeout(50)));
  });

  for (const address of [
    'http://169.254.169.254/latest/',
    'http://[fe80::1]/',
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
  ]) {
    it(`V30: refuses ${address}`, async () => {
      await assert.rejects(probeHttp(address, { status: 200 }, never), /is not talked to/);
    });
  }

  it('V30: refuses a link-local port', async () => {
    await assert.rejects(probeTcp('169.254.169.254:80', never), /link-local/);
  });
});
