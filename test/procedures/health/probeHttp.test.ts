import assert from 'node:assert/strict';
import { probeHttp } from '../../../agent/procedures/health/probeHttp.ts';
import { probeTcp } from '../../../agent/procedures/health/probeTcp.ts';
import { LoopbackServers } from '../../loopback.ts';

describe('probing over HTTP', () => {
  const servers = new LoopbackServers();
  const never = new AbortController().signal;
  afterEach(() => {
    servers.close();
  });

  it('V30: takes a redirect for an answer, and goes nowhere else', async () => {
    let reached = 0;
    const inner = await servers.serve((_incoming, response) => {
      reached += 1;
      response.end();
    });
    const base = await servers.serve((_incoming, response) => {
      response.writeHead(302, { location: inner }).end();
    });
    const probe = await probeHttp(`${base}/?key=secret`, { status: 200 }, never);
    assert.match(probe.problem ?? '', /answers with status 302 instead of 200/);
    assert.doesNotMatch(probe.problem ?? '', /secret/);
    assert.equal(reached, 0);
  });

  it('V30: reads a limited part of an answer without end', async () => {
    const endless = await servers.serveEndless();
    const { problem } = await probeHttp(endless.url, { status: 200, body: 'needle' }, never);
    assert.match(problem ?? '', /without the text "needle"/);
    await endless.closed;
  });

  it('V30: gives up when its time is over', async () => {
    const silent = await servers.serve(() => undefined);
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
