/** Browsers, foreign names and misplaced tokens against every path, by upgrade and by plain HTTP. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { methods } from '../../agent/protocol/methods.ts';
import { bearer, startHarness, type Harness } from './harness.ts';

const admin = bearer('admin-token');
const ownName = 'agent.example.test';
/** Everything that answers, and what only looks as if it might. */
const paths = ['/', '/healthz', '/metrics', '/openrpc.json', '/static/app.js', '/favicon.ico', '/rpc', '/tasks.run'];
const upgrade: Readonly<Record<string, string>> = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
const hasIpv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

describe('attacks on requests', () => {
  let harness: Harness;
  let reached: number;
  beforeEach(async () => {
    reached = 0;
    const count = (): never => {
      reached += 1;
      throw new Error('reached');
    };
    const handlers = Object.fromEntries(Object.keys(methods).map((name) => [name, count]));
    harness = await startHarness({ hostNames: [ownName], handlers });
  });
  afterEach(async () => {
    await harness.dispose();
    assert.equal(reached, 0);
  });

  type Headers = Readonly<Record<string, string>> | readonly (readonly [name: string, value: string])[];
  /** Sends one request as it is written and gives the whole answer, to the end of the connection. */
  const send = (start: string, headers: Headers): Promise<string> => {
    const pairs = Array.isArray(headers) ? (headers as [string, string][]) : Object.entries(headers);
    const closing = pairs.some(([name]) => name === 'Connection') ? [] : [['Connection', 'close']];
    const lines = [...pairs, ...closing].map(([name, value]) => `${name}: ${value}\r\n`);
    return harness.raw(`${start} HTTP/1.1\r\n${lines.join('')}\r\n`);
  };
  const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
  const local = (): string => `127.0.0.1:${harness.port}`;

  const logins: readonly Readonly<Record<string, string>>[] = [
    {},
    admin,
    { Cookie: 'token=admin-token; Authorization=Bearer%20admin-token' },
  ];

  const origins = (): readonly string[] => [
    'https://evil.example.test',
    'null',
    '',
    'file://',
    'vscode-webview://x',
    'vscode-file://vscode-app',
    'chrome-extension://abcdefghijklmnop',
    `http://${local()}`,
    `https://${local()}`,
    `http://localhost:${harness.port}`,
    `http://${ownName}`,
    `http://${local()}.evil.example.test`,
    `http://${ownName}.evil.example.test`,
    `http://evil-${ownName}`,
    `http://evil${local()}`,
    `http://evil.example.test/${local()}`,
    `http://${ownName}@evil.example.test`,
  ];

  it('V01: refuses every origin at every path, by upgrade and by GET, with and without a token, and says nothing else', async () => {
    let asked = 0;
    for (const Origin of origins()) {
      for (const login of logins) {
        for (const [start, more] of [
          ['GET /', upgrade],
          ...paths.map((path) => [`GET ${path}`, {}] as const),
        ] as const) {
          const answer = await send(start, { Host: local(), ...more, ...login, Origin });
          harness.events.append();
          assert.equal(statusOf(answer), 403, `${start} ${Origin}`);
          assert.match(answer, /\r\n\r\nRequests of web pages are refused\.\n$/);
          assert.doesNotMatch(answer, /Access-Control|Set-Cookie|101/i);
          asked += 1;
        }
      }
    }
    assert.equal(asked, origins().length * logins.length * (paths.length + 1));
    assert.deepEqual([harness.server.sessionCount(), harness.tokens.verified, harness.events.reads], [0, 0, 0]);
  });

  it('V01: refuses a page behind several Origin headers, other letters, the Unix socket and what browsers add by themselves', async () => {
    const own: readonly [string, string] = ['Host', local()];
    for (const name of ['origin', 'ORIGIN', 'oRiGiN'])
      assert.equal(statusOf(await send('GET /healthz', [own, [name, 'null']])), 403, name);
    const two: [string, string][] = [
      ['Origin', `http://${local()}`],
      ['Origin', 'https://evil.example.test'],
    ];
    assert.equal(statusOf(await send('GET /', [own, ...Object.entries(upgrade), ...two])), 403);
    for (const site of ['cross-site', 'same-site', 'same-origin'])
      assert.equal(statusOf(await send('GET /metrics', [own, ['Sec-Fetch-Site', site]])), 403, site);
    const { socketPath } = harness;
    const headers = { Host: 'localhost', Origin: 'https://evil.example.test' };
    assert.equal((await harness.get('/metrics', { socketPath, headers })).status, 403);
  });

  it('V01: takes no cookie for an authentication', async () => {
    const cookies = ['token=admin-token', 'Authorization=Bearer admin-token', 'upkeep_token=admin-token; session=1'];
    for (const Cookie of cookies) {
      assert.equal(statusOf(await send('GET /', { Host: local(), ...upgrade, Cookie })), 401, Cookie);
      assert.equal(statusOf(await send('GET /metrics', { Host: local(), Cookie })), 401, Cookie);
    }
    assert.equal(harness.tokens.verified, 0);
  });

  const foreignHosts = (): readonly string[] => [
    'evil.example.test',
    `evil.example.test:${harness.port}`,
    '127.0.0.1.evil.test',
    `[::1]:${harness.port}`,
    '[::ffff:127.0.0.1]',
    '',
    ' ',
    '0.0.0.0',
    '127.0.0.2',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.0.0.1.',
    'localhost.',
    'localhost.evil.test',
    `evil-${ownName}`,
    `${ownName}.evil.test`,
    `${ownName}@evil.test`,
    `evil.test@${ownName}`,
    `${local()}, evil.example.test`,
    `${local()}/evil`,
    `${local()}:1`,
    '127.0.0.1:x',
    '127.0.0.1%00.evil.test',
    'http://127.0.0.1',
    '*',
  ];

  it('V02: refuses every foreign name at every path, by upgrade and by GET, with and without a token', async () => {
    for (const Host of foreignHosts()) {
      for (const login of logins) {
        for (const [start, more] of [
          ['GET /', upgrade],
          ...paths.map((path) => [`GET ${path}`, {}] as const),
        ] as const) {
          const status = statusOf(await send(start, { Host, ...more, ...login, 'X-Forwarded-Host': local() }));
          assert.ok([400, 403, 421].includes(status), `${start} ${Host}: ${status}`);
        }
      }
    }
    assert.equal(harness.tokens.verified, 0);
  });

  it('V02: refuses two Host headers, none, and targets that name a host', async () => {
    const requests: [start: string, headers: [string, string][]][] = paths.flatMap((path) => [
      [
        `GET ${path}`,
        [
          ['Host', local()],
          ['Host', 'evil.example.test'],
        ],
      ],
      [
        `GET ${path}`,
        [
          ['Host', 'evil.example.test'],
          ['Host', local()],
        ],
      ],
      [
        `GET ${path}`,
        [
          ['Host', local()],
          ['Host', local()],
        ],
      ],
      [`GET ${path}`, []],
      [`GET http://evil.example.test${path}`, [['Host', local()]]],
      [`GET http://${local()}${path}`, [['Host', local()]]],
      [`GET //evil.example.test${path}`, [['Host', local()]]],
    ]);
    for (const [start, headers] of requests) {
      for (const more of [[], Object.entries(upgrade)]) {
        const status = statusOf(await send(start, [...headers, ...more]));
        assert.equal(status, 400, `${start} ${JSON.stringify(headers)}`);
      }
    }
    // A tunnel is not even answered.
    assert.equal(await harness.raw(`CONNECT evil.example.test:443 HTTP/1.1\r\nHost: ${local()}\r\n\r\n`), '');
  });

  it('V02: answers to its address, localhost and its configured name, whatever the port', async () => {
    for (const Host of [local(), '127.0.0.1', 'localhost', 'LOCALHOST:8000', ownName, `${ownName.toUpperCase()}:443`])
      assert.equal(statusOf(await send('GET /healthz', { Host })), 200, Host);
  });

  if (hasIpv6) {
    it('V02: answers on ::1 to [::1], and to no name of another address', async () => {
      await harness.dispose();
      harness = await startHarness({ listen: { host: '::1', port: 0 } });
      const get = async (Host: string): Promise<number> =>
        statusOf(await harness.raw(`GET /healthz HTTP/1.1\r\nHost: ${Host}\r\nConnection: close\r\n\r\n`, '::1'));
      for (const Host of [`[::1]:${harness.port}`, '[::1]', 'localhost']) assert.equal(await get(Host), 200, Host);
      for (const Host of ['127.0.0.1', '[::2]', '::1', '[::1', '[::1].evil.test', '[::ffff:127.0.0.1]', ownName])
        assert.equal(await get(Host), 421, Host);
    });
  }

  it('V03: changes nothing by POST, whatever the content type says', async () => {
    const types = ['text/plain', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded'];
    const body = '{"jsonrpc":"2.0","id":1,"method":"tasks.run","params":{"task":"vacuum","requestId":"request-1"}}';
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      for (const path of paths) {
        for (const type of [...types, 'application/json', '']) {
          for (const login of logins) {
            const headers = { ...login, 'Content-Type': type, 'Content-Length': String(body.length) };
            const { status } = await harness.get(path, { method, body, headers });
            assert.equal(status, 415, `${method} ${path} ${type}`);
          }
        }
        assert.equal((await harness.get(path, { method, headers: { ...admin, 'Content-Length': '0' } })).status, 405);
      }
    }
  });

  it('V03: changes nothing by GET, and takes no other method from a parameter or header', async () => {
    for (const name of Object.keys(methods)) {
      for (const path of [`/${name}`, `/rpc/${name}`, `/${name.replace('.', '/')}`])
        assert.equal((await harness.get(path, { headers: admin })).status, 404, path);
    }
    for (const query of ['?_method=POST', '?method=tasks.run&task=vacuum', '?__proto__[x]=1', '?']) {
      for (const path of paths) assert.equal((await harness.get(`${path}${query}`, { headers: admin })).status, 400);
    }
    const overrides = { 'X-HTTP-Method-Override': 'POST', 'X-Method-Override': 'DELETE', 'X-HTTP-Method': 'PUT' };
    const plainly = await harness.get('/healthz', { headers: { ...admin, ...overrides } });
    assert.deepEqual([plainly.status, plainly.body], [200, '{"status":"ok"}']);
  });

  it('V03: allows no foreign origin in a preflight', async () => {
    for (const Origin of ['https://evil.example.test', 'null', `http://${local()}`]) {
      for (const path of paths) {
        const headers = {
          Origin,
          'Access-Control-Request-Method': 'POST',
          'Access-Control-Request-Headers': 'authorization, content-type',
          'Access-Control-Request-Private-Network': 'true',
        };
        const answer = await harness.get(path, { method: 'OPTIONS', headers });
        assert.equal(answer.status, 403, path);
        const allowing = Object.keys(answer.headers).filter((name) => name.startsWith('access-control'));
        assert.deepEqual(allowing, []);
      }
    }
    assert.equal((await harness.get('/', { method: 'OPTIONS' })).status, 405);
  });

  it('V04: takes a token from nowhere but its header, and never repeats one', async () => {
    const places: readonly [start: string, headers: Readonly<Record<string, string>>][] = [
      ...paths.flatMap((path): [string, Readonly<Record<string, string>>][] => [
        [`GET ${path}?token=admin-token`, {}],
        [`GET ${path}?access_token=admin-token&x=1`, {}],
        [`GET ${path}#admin-token`, {}],
      ]),
      ['GET /?token=admin-token', upgrade],
      ['GET /?token=admin-token', { ...upgrade, ...admin }],
      ['GET /%3Ftoken=admin-token', upgrade],
      ['GET /;token=admin-token', upgrade],
      ['GET /', { ...upgrade, 'Sec-WebSocket-Protocol': 'bearer, admin-token' }],
      ['GET /', { ...upgrade, Cookie: 'token=admin-token' }],
      ['GET /', { ...upgrade, 'X-Token': 'admin-token', 'X-Api-Key': 'admin-token', Token: 'admin-token' }],
      ['GET /', { ...upgrade, 'Proxy-Authorization': 'Bearer admin-token' }],
      [`GET http://admin-token@127.0.0.1/`, upgrade],
      ['GET /metrics', { Cookie: 'token=admin-token', Referer: 'http://127.0.0.1/?token=admin-token' }],
    ];
    for (const [start, headers] of places) {
      const answer = await send(start, { Host: local(), ...headers });
      const status = statusOf(answer);
      assert.ok([400, 401, 404].includes(status), `${start}: ${status}`);
      assert.doesNotMatch(answer, /admin-token/);
    }
    assert.equal(harness.tokens.verified, 0);
    assert.doesNotMatch(JSON.stringify(harness.log), /admin-token/);
  });
});
