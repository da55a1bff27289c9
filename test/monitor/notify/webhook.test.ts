import assert from 'node:assert/strict';
import { sendEmail } from '../../../agent/monitor/notify/email.ts';
import { postJson } from '../../../agent/monitor/notify/webhook.ts';
import { guardedLookup } from '../../../agent/outbound.ts';
import { LoopbackServers } from '../../loopback.ts';

describe('webhooks', () => {
  const servers = new LoopbackServers();
  afterEach(() => {
    servers.close();
  });

  it('get the JSON, and count as told with a 2xx status', async () => {
    let got = '';
    const base = await servers.serve((incoming, response) => {
      incoming.setEncoding('utf8').on('data', (text: string) => (got += text));
      incoming.on('end', () => response.writeHead(204).end());
    });
    await postJson(`${base}/x`, { alert: 'ä' });
    assert.deepEqual(JSON.parse(got), { alert: 'ä' });
  });

  it('V30: do not follow a redirect, so that neither the secret address nor the text goes elsewhere', async () => {
    const reached: (string | undefined)[] = [];
    const inner = await servers.serve((incoming, response) => {
      reached.push(incoming.url);
      response.end();
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const base = await servers.serve((_incoming, response) => {
        response.writeHead(status, { location: `${inner}/stolen` }).end();
      });
      await assert.rejects(postJson(`${base}/secret-path`, {}), (error: Error) => {
        assert.match(error.message, new RegExp(`answered ${status}: redirects are not followed`));
        assert.doesNotMatch(error.message, /secret-path|stolen/);
        return true;
      });
    }
    assert.deepEqual(reached, []);
  });

  it('V30: wait a limited time, and read nothing of an answer without end', async () => {
    const silent = await servers.serve(() => undefined);
    await assert.rejects(postJson(silent, {}, { timeoutMs: 100 }), /no answer within 0\.1 s/);
    const endless = await servers.serveEndless();
    await postJson(endless.url, {});
    await endless.closed;
  });

  it('V30: are not sent to metadata services, files or sockets, nor where a name suddenly leads', async () => {
    for (const url of ['http://169.254.169.254/x', 'file:///etc/passwd', 'gopher://127.0.0.1/', 'unix:/run/x.sock']) {
      await assert.rejects(postJson(url, {}), /could not be reached: .* is not talked to/);
    }
    let asked = 0;
    const base = await servers.serve((_incoming, response) => response.end());
    const lookup = guardedLookup((_host, _options, done) => {
      asked += 1;
      done(null, [{ address: asked === 1 ? '127.0.0.1' : '169.254.169.254', family: 4 }]);
    });
    const url = base.replace('127.0.0.1', 'rebind.example');
    await postJson(url, {}, { lookup });
    await assert.rejects(postJson(url, {}, { lookup }), /169\.254\.169\.254 is a link-local address/);
    await assert.rejects(
      sendEmail('smtp://169.254.169.254:25', { from: 'a@b.c', to: ['a@b.c'], subject: 's', text: 't' }),
      /link-local/,
    );
  });
});
