import assert from 'node:assert/strict';
import { bearer, startHarness, type Harness } from './harness.ts';

const admin = bearer('admin-token');

describe('WebSocket upgrades', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await startHarness({ hostNames: ['agent.example.test'] });
  });
  afterEach(() => harness.dispose());

  it('accepts a token at /', async () => {
    assert.equal(await harness.upgradeStatus(admin), 101);
    assert.equal(await harness.upgradeStatus(bearer('viewer-token')), 101);
  });

  it('refuses every browser origin, with and without a token (V01)', async () => {
    const origins = [
      'https://evil.example.test',
      'null',
      'file://',
      'vscode-webview://x',
      `http://127.0.0.1:${harness.port}`,
      `http://127.0.0.1:${harness.port}.evil.example.test`,
      `http://evil.example.test/127.0.0.1:${harness.port}`,
    ];
    for (const Origin of origins) {
      assert.equal(await harness.upgradeStatus({ Origin, ...admin }), 403, Origin);
      assert.equal(await harness.upgradeStatus({ Origin, Cookie: 'token=admin-token' }), 403, Origin);
    }
    assert.equal(harness.server.sessionCount(), 0);
    assert.equal(harness.tokens.verified, 0);
  });

  it('answers only to its own names (V02)', async () => {
    const port = harness.port;
    const foreign = [
      'evil.example.test',
      '127.0.0.1.evil.test',
      `[::1]:${port}`,
      `127.0.0.2:${port}`,
      `0.0.0.0:${port}`,
      'localhost.evil.test',
      '127.0.0.1:1:1',
      '127.0.0.1@evil.test',
      ' ',
    ];
    for (const Host of foreign) {
      const status = await harness.upgradeStatus({ Host, ...admin });
      assert.ok(status === 421 || status === 400, `${Host}: ${status}`);
    }
    for (const Host of [`127.0.0.1:${port}`, '127.0.0.1', 'LOCALHOST:8000', 'agent.example.test:7433']) {
      assert.equal(await harness.upgradeStatus({ Host, ...admin }), 101, Host);
    }
  });

  it('takes no token from the URL or a cookie (V04)', async () => {
    assert.equal(await harness.upgradeStatus({}, '/?token=admin-token'), 400);
    assert.equal(await harness.upgradeStatus(admin, '/?x'), 400);
    assert.equal(await harness.upgradeStatus({ Cookie: 'token=admin-token' }), 401);
  });

  it('refuses other paths', async () => {
    assert.equal(await harness.upgradeStatus(admin, '/rpc'), 404);
    assert.equal(await harness.upgradeStatus(admin, '//'), 400);
  });

  it('refuses what is not a Bearer token of this agent', async () => {
    for (const Authorization of ['Basic YTpi', 'Bearer', 'admin-token']) {
      assert.equal(await harness.upgradeStatus({ Authorization }), 401, Authorization);
    }
    assert.equal(await harness.upgradeStatus(bearer('x'.repeat(10_000))), 401);
  });

  it('slows an address down after some wrong tokens, and logs none of them (V07)', async () => {
    await harness.dispose();
    let now = 0;
    harness = await startHarness({ monotonicNow: () => now });
    const statuses: number[] = [];
    for (let count = 0; count < 30; count += 1) statuses.push(await harness.upgradeStatus(bearer(`wrong-${count}`)));
    assert.deepEqual(statuses.slice(0, 6), [401, 401, 401, 401, 401, 401]);
    assert.ok(statuses.slice(6).every((status) => status === 429));
    assert.equal(harness.tokens.verified, 6);
    const answer = await harness.get('/metrics', { headers: admin });
    assert.equal(answer.status, 429);
    assert.equal(answer.headers['retry-after'], '1');
    assert.ok(!JSON.stringify(harness.log).includes('wrong-'));
    now = 1001;
    assert.equal(await harness.upgradeStatus(admin), 101);
  });

  it('is not slowed down by missing tokens', async () => {
    for (let count = 0; count < 10; count += 1) assert.equal(await harness.upgradeStatus({}), 401);
    assert.equal(await harness.upgradeStatus(admin), 101);
  });

  it('takes no more sessions than its limit, and more again once one ended', async () => {
    await harness.dispose();
    harness = await startHarness({ limits: { sessions: 2 } });
    const first = await harness.client('viewer');
    await harness.client('viewer');
    assert.equal(await harness.upgradeStatus(admin), 503);
    await first.close();
    await harness.client('viewer');
  });

  it('V09: takes so many sessions of one token, and others go on being served', async () => {
    await harness.dispose();
    harness = await startHarness({ limits: { sessionsPerActor: 2 } });
    const first = await harness.client('viewer');
    await harness.open({ headers: bearer('viewer-token') });
    assert.equal(await harness.upgradeStatus(bearer('viewer-token')), 503);
    await harness.client('operator');
    await first.close();
    await harness.client('viewer');
  });

  it('refuses with 500 what it can not verify, closes what it can not verify again, and lives', async () => {
    const failing = new Error('disk I/O error of /secret/place');
    const { tokens } = harness;
    const client = await harness.client('viewer');
    const verify = tokens.verify.bind(tokens);
    tokens.verify = () => {
      throw failing;
    };
    assert.equal(await harness.upgradeStatus(admin), 500);
    assert.equal((await harness.get('/metrics', { headers: admin })).status, 500);
    await assert.rejects(client.request('snapshot', {}));
    assert.equal((await client.closed).code, 1011);
    tokens.verify = verify;
    await harness.client('viewer');
    const errors = harness.log.filter(({ level }) => level === 'error').map(({ message }) => message);
    assert.deepEqual(errors, ['an upgrade failed', 'a request failed', 'a token could not be verified again']);
  });

  it('does not let connections without a token push out a session', async () => {
    await harness.dispose();
    harness = await startHarness({ limits: { unauthenticated: 2 } });
    const client = await harness.client('viewer');
    const idle = Array.from({ length: 8 }, () => harness.raw('GET / HTTP/1.1\r\n'));
    await Promise.all(idle.slice(0, 6));
    await assert.rejects(client.request('snapshot', {}), /reached/);
    await harness.server.stop();
    await Promise.all(idle);
  });
});
