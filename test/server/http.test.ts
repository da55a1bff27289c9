import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { errorCodes } from '../../agent/protocol/errors.ts';
import { methods } from '../../agent/protocol/methods.ts';
import { bearer, startHarness, type Harness } from './harness.ts';

describe('plain HTTP', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await startHarness();
  });
  afterEach(() => harness.dispose());

  it('answers /healthz without a token and without telling anything', async () => {
    const answer = await harness.get('/healthz');
    assert.deepEqual([answer.status, answer.body], [200, '{"status":"ok"}']);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  });

  it('answers HEAD with the headers alone', async () => {
    const answer = await harness.get('/healthz', { method: 'HEAD' });
    assert.deepEqual([answer.status, answer.body], [200, '']);
  });

  it('shows metrics to the holder of any token', async () => {
    assert.equal((await harness.get('/metrics')).status, 401);
    assert.equal((await harness.get('/metrics', { headers: bearer('wrong') })).status, 401);
    const answer = await harness.get('/metrics', { headers: bearer('viewer-token') });
    assert.deepEqual([answer.status, answer.body], [200, 'metric 1\n']);
  });

  it('shows metrics over the Unix socket without a token', async () => {
    const answer = await harness.get('/metrics', { socketPath: harness.socketPath });
    assert.deepEqual([answer.status, answer.body], [200, 'metric 1\n']);
  });

  it('serves an OpenRPC document of every method with its role', async () => {
    const answer = await harness.get('/openrpc.json');
    const document = JSON.parse(answer.body) as {
      info: { version: string };
      methods: { name: string; 'x-role': string; params: { name: string; required: boolean; schema: object }[] }[];
    };
    assert.equal(document.info.version, '1.2.3');
    assert.deepEqual(
      document.methods.map((method) => [method.name, method['x-role']]),
      Object.entries(methods).map(([name, { role }]) => [name, role]),
    );
    const output = document.methods.find((method) => method.name === 'runs.output');
    assert.deepEqual(
      output?.params.map(({ name, required }) => [name, required]),
      [
        ['runId', true],
        ['offset', true],
        ['limit', false],
        ['wait', false],
      ],
    );
    assert.ok(Object.values(errorCodes).every((code) => answer.body.includes(`"code":${code}`)));
  });

  const refusals: readonly [title: string, status: number, path: string, options: Parameters<Harness['get']>[1]][] = [
    ['an unknown path', 404, '/nothing', {}],
    ['a path that climbs', 404, '/healthz/../../etc/passwd', {}],
    ['/ without an upgrade', 426, '/', {}],
    ['POST', 405, '/healthz', { method: 'POST' }],
    ['POST of a form', 415, '/', { method: 'POST', body: 'a=b', headers: { 'Content-Type': 'text/plain' } }],
    ['a preflight', 403, '/', { method: 'OPTIONS', headers: { Origin: 'https://evil.example.test' } }],
    ['DELETE', 405, '/metrics', { method: 'DELETE' }],
    ['GET with a body', 415, '/healthz', { body: 'x', headers: { 'Content-Length': '1' } }],
    ['a method override in the query', 400, '/healthz?_method=POST', {}],
    ['a token in the query', 400, '/metrics?token=viewer-token', {}],
    ['the origin of a page', 403, '/healthz', { headers: { Origin: 'https://evil.example.test' } }],
    ['an image of a foreign page', 403, '/openrpc.json', { headers: { 'Sec-Fetch-Site': 'cross-site' } }],
    ['a foreign Host (V02)', 421, '/healthz', { headers: { Host: 'evil.example.test' } }],
  ];
  for (const [title, status, path, options] of refusals) {
    it(`refuses ${title} with ${status}`, async () => {
      const answer = await harness.get(path, options);
      assert.equal(answer.status, status);
      assert.equal(answer.headers['access-control-allow-origin'], undefined);
    });
  }

  const bad: readonly [title: string, request: string, answer: RegExp][] = [
    ['two Host headers', 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.test\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['an empty Host', 'GET /healthz HTTP/1.1\r\nHost:\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['no Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['an absolute-form target', 'GET http://127.0.0.1/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n', /^HTTP\/1\.1 400 /],
    ['what is not HTTP', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /],
    [
      'a __proto__ header',
      'GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\n__proto__: x\r\nConnection: close\r\n\r\n',
      /^HTTP\/1\.1 404 /,
    ],
    [
      '2,000 headers',
      `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n${'X-Y: z1234567\r\n'.repeat(2000)}\r\n`,
      /^HTTP\/1\.1 431 /,
    ],
    [
      'Origin behind 1,000 other headers',
      `GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n${'A: b\r\n'.repeat(1000)}Origin: null\r\n\r\n`,
      /^HTTP\/1\.1 403 /,
    ],
    [
      'an upgrade to another protocol',
      'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n',
      /^HTTP\/1\.1 401 /,
    ],
  ];
  for (const [title, request, answer] of bad) {
    it(`refuses ${title} and closes`, async () => {
      assert.match(await harness.raw(request), answer);
      assert.equal((await harness.get('/healthz')).status, 200);
    });
  }

  it('refuses headers that never end and closes', async () => {
    await harness.dispose();
    harness = await startHarness({ limits: { headersMs: 1000 } });
    assert.match(await harness.raw('GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX: '), /^HTTP\/1\.1 408 /);
    assert.equal((await harness.get('/healthz')).status, 200);
  });

  it('V09: takes no request that is sent along with another, and the next one of a connection', async () => {
    const get = 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n';
    const along = await harness.raw(`${get}\r\n${get}\r\n${get}Connection: close\r\n\r\n`);
    assert.equal(along.match(/^HTTP\/1\.1 /gm)?.length, 1);
    assert.match(along, /^HTTP\/1\.1 400 /);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let asked = 0; asked < 3; asked += 1) assert.equal((await harness.get('/healthz', { agent })).status, 200);
    agent.destroy();
  });

  it('answers 500 without details when metrics fail, and logs them', async () => {
    await harness.dispose();
    harness = await startHarness({
      openMetrics: true,
      metrics: () => Promise.reject(new Error('secret detail')),
    });
    const answer = await harness.get('/metrics');
    assert.equal(answer.status, 500);
    assert.ok(!answer.body.includes('secret'));
    assert.equal(harness.log.filter(({ level }) => level === 'error').length, 1);
  });

  it('drops the oldest connection without a token when there are too many, and serves new ones', async () => {
    await harness.dispose();
    harness = await startHarness({ limits: { unauthenticated: 3 } });
    const idle = Array.from({ length: 10 }, () => harness.raw('GET /healthz HTTP/1.1\r\n'));
    await Promise.all(idle.slice(0, 7));
    assert.equal((await harness.get('/healthz')).status, 200);
    await harness.server.stop();
    await Promise.all(idle);
  });
});
