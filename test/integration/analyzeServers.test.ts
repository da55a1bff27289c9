/** Logs that nginx, Apache and Redis write: analyze-logs counts what awk and grep count, and what the test did. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createAuthority, issue } from '../procedures/certificates/authority.ts';
import { valid } from '../procedures/certificates/harness.ts';
import { listening, startNginx, type Nginx } from '../procedures/certificates/nginx.ts';
import { groupLines } from '../procedures/logs/analyzeHarness.ts';
import { freePort } from '../sandbox/ports.ts';
import { findProgram } from '../systemPackages.ts';
import { counts, grep, LogWorld, shell, written } from './logWorld.ts';

/** As its documentation and others write them: ngx_http_log_module, ingress-nginx, and as JSON. */
const formats = {
  timed: `'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" "$http_x_forwarded_for" $request_time $upstream_response_time'`,
  ingress: `'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" $request_length $request_time [up] [] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $request_id'`,
  named: `'$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" urt="$upstream_response_time" rt="$request_time"'`,
  fields: `escape=json '{"time":"$time_iso8601","remote_addr":"$remote_addr","request_method":"$request_method","request_uri":"$request_uri","status":$status,"body_bytes_sent":$body_bytes_sent,"request_time":$request_time,"http_user_agent":"$http_user_agent"}'`,
  line: `escape=json '{"time":"$time_iso8601","remote_addr":"$remote_addr","request":"$request","status":"$status","body_bytes_sent":"$body_bytes_sent","request_time":"$request_time","http_user_agent":"$http_user_agent"}'`,
} as const;
/** Where $request_time stands in each of them. */
const requestTimes: Readonly<Record<string, RegExp>> = {
  timed: / (\d+\.\d{3}) \S+$/,
  ingress: /" \d+ (\d+\.\d{3}) \[up\]/,
  named: / rt="(\d+\.\d{3})"/,
  fields: /"request_time":(\d+\.\d{3})/,
  line: /"request_time":"(\d+\.\d{3})"/,
};
const rounds = 4;
/** Path → what the backend takes and answers. */
const slow = '/slow/17';
const slowMs = 1100;

describe('analyze-logs on logs of servers', function () {
  this.timeout(60_000);
  let world: LogWorld;
  let backend: Server;
  let backendPort: number;
  before(async () => {
    world = new LogWorld();
    backend = createServer(({ url }, response) => {
      const answer = (): void => {
        response.writeHead(url?.startsWith('/fails') === true ? 500 : 200).end('answer');
      };
      if (url === slow) setTimeout(answer, slowMs);
      else answer();
    }).listen(0, '127.0.0.1');
    await once(backend, 'listening');
    backendPort = (backend.address() as { port: number }).port;
  });
  after(async () => {
    backend.closeAllConnections();
    backend.close();
    await world.dispose();
  });

  /** The same requests to each server: how many of each status come of them is known. */
  const visit = async (port: number): Promise<Record<string, number>> => {
    const seen: Record<string, number> = {};
    const paths = [
      '/',
      '/',
      '/users/4711?token=x',
      '/fails/1b4e28ba-2fa1-11d2-883f-0016d3cca427',
      '/none/1.html',
      '/a%22b',
    ];
    const wanted = [...Array.from({ length: rounds }, () => paths).flat(), slow];
    for (const path of wanted) {
      const status = await get(port, path);
      seen[status] = (seen[status] ?? 0) + 1;
    }
    return seen;
  };

  describe('nginx', () => {
    let nginx: Nginx;
    let seen: Record<string, number>;
    const log = (name: string): string => join(nginx.folder, `${name}.log`);
    before(async () => {
      nginx = await startNginx(await issue(await createAuthority({ name: 'Test' }), { names: ['a.test'], ...valid }));
      mkdirSync(join(nginx.webroot, 'users'));
      writeFileSync(join(nginx.webroot, 'index.html'), 'hello\n');
      writeFileSync(join(nginx.webroot, 'users', '4711'), 'ada\n');
      const port = await freePort();
      const names = Object.entries(formats);
      nginx.configure(`${names.map(([name, format]) => `log_format ${name} ${format};`).join('\n')}
        error_log ${log('error')} info;
        server {
          listen 127.0.0.1:${port}; root ${nginx.webroot};
          ${names.map(([name]) => `access_log ${log(name)} ${name};`).join('\n')}
          access_log ${log('combined')} combined;
          location ~ ^/(slow|fails)/ { proxy_pass http://127.0.0.1:${backendPort}; }
          location /down { proxy_pass http://127.0.0.1:1; }
        }`);
      const [reload = '', ...args] = nginx.reload;
      shell([reload, ...args].join(' '), '');
      await untilOpen(port);
      seen = await visit(port);
      seen['502'] = 0;
      for (let index = 0; index < rounds; index += 1) if ((await get(port, `/down/${index}`)) === 502) seen['502'] += 1;
      await rubbish(port);
      seen['400'] = 1;
      for (const name of [...Object.keys(formats), 'combined']) await written(log(name), / 400 |:"?400/);
    });
    after(async () => {
      await nginx.stop();
    });

    for (const name of ['combined', ...Object.keys(formats)]) {
      it(`access log, format "${name}"`, async () => {
        const isJson = name === 'fields' || name === 'line';
        const file = log(name);
        const found = await world.log(file, 'performance');
        const requests = found.requests!;
        assert.deepEqual(found.formats, { [isJson ? 'json' : 'combined']: found.lines });
        assert.equal(found.lines, grep('', file));
        assert.deepEqual(requests.statuses, seen);
        const errors = (seen['500'] ?? 0) + (seen['502'] ?? 0);
        assert.deepEqual([found.levels.error, found.levels.warning], [errors, (seen['404'] ?? 0) + 1]);
        assert.ok(Math.abs(requests.errorRate - (errors / found.lines) * 100) < 0.001);
        if (!isJson) {
          const statuses = counts(`awk '{c[$9]++} END {for (s in c) print s, c[s]}' "$1" | sed '/^[^0-9]/d'`, file);
          assert.deepEqual({ ...statuses, 400: 1 }, seen);
        }
        assert.deepEqual((await world.log(file)).requests?.statuses, seen);
        const route = Object.fromEntries(requests.routes.map(({ route, count, errors }) => [route, [count, errors]]));
        assert.deepEqual(route['GET /'], [2 * rounds, 0]);
        assert.deepEqual(route['GET /users/:id'], [rounds, 0]);
        assert.deepEqual(route['GET /fails/:id'], [rounds, rounds]);
        assert.deepEqual(route['GET /none/:id.html'], [rounds, 0]);
        assert.deepEqual(
          requests.clients.top.map(({ name, count }) => [name, count]),
          [['127.0.0.1', found.lines]],
        );
        assert.equal(requests.agents.top[0]?.name, 'upkeep-test/1');
        if (name === 'combined') {
          assert.equal(requests.seconds, null);
          return;
        }
        assert.equal(requests.wholeDurations, null);
        // That of the slow request is the longest by far.
        const line = readFileSync(file, 'utf8')
          .split('\n')
          .find((one) => one.includes(slow));
        const longest = Number(requestTimes[name]?.exec(line ?? '')?.[1]);
        assert.ok(longest >= slowMs / 1000, `${longest}`);
        assert.equal(requests.seconds?.max, longest);
        assert.equal(requests.slowest[0]?.request, `GET ${slow}`);
        assert.ok(requests.seconds.p50 < 0.5);
      });
    }

    it('error log: levels as grep counts them, one group for each thing that went wrong', async () => {
      const file = log('error');
      const found = await world.log(file);
      assert.deepEqual(found.formats, { 'nginx-error': found.records });
      // nginx writes what it was sent as it came, its line feed too.
      assert.deepEqual([found.lines, found.records], [grep('', file), grep('^[0-9]{4}/', file)]);
      assert.equal(found.levels.error, grep('\\[error\\]', file));
      assert.equal(found.levels.info, grep('\\[(info|notice)\\]', file));
      const groups = groupLines(found).map((line) => line.replaceAll(/"[^"]*"/g, '…'));
      assert.ok(
        groups.some((line) => line.startsWith(`error ${rounds} [error] <num>#<num>: *<num> connect() failed`)),
        groups.join('\n'),
      );
      assert.ok(
        groups.some((line) => line.includes('open() … failed (<num>: No such file or directory)')),
        groups.join('\n'),
      );
      assert.ok(groups.length <= 4, groups.join('\n'));
    });
  });

  describe('Apache', () => {
    let apache: ChildProcess;
    let seen: Record<string, number>;
    before(async () => {
      const port = await freePort();
      const root = join(world.folder, 'www');
      mkdirSync(join(root, 'users'), { recursive: true });
      chmodSync(world.folder, 0o755);
      writeFileSync(join(root, 'index.html'), 'hello\n');
      writeFileSync(join(root, 'users', '4711'), 'ada\n');
      const conf = join(world.folder, 'apache.conf');
      writeFileSync(conf, apacheConfiguration({ port, root, backendPort, folder: world.folder, logs: world.logs }));
      apache = spawn(findProgram('apache2') ?? '', ['-f', conf, '-D', 'FOREGROUND'], { stdio: 'ignore' });
      await listening(port, apache);
      seen = await visit(port);
      const lines = Object.values(seen).reduce((sum, count) => sum + count, 0);
      for (const name of ['common', 'vhost', 'seconds', 'milliseconds', 'microseconds'])
        await written(world.file(`${name}.log`), new RegExp(`^(?:.*\\n){${lines}}`));
    });
    after(async () => {
      const ended = once(apache, 'exit');
      apache.kill('SIGTERM');
      await ended;
    });

    for (const name of ['common', 'vhost'] as const) {
      it(`access log, format "${name}"`, async () => {
        const found = await world.log(world.file(`${name}.log`), 'performance');
        assert.deepEqual(found.formats, { [name === 'vhost' ? 'combined' : 'common']: found.lines });
        assert.ok(found.requests !== undefined);
        assert.deepEqual(found.requests.statuses, seen);
        assert.deepEqual(
          found.requests.clients.top.map(({ name }) => name),
          ['127.0.0.1'],
        );
        const bytes = `awk '{s += $(NF - ${name === 'vhost' ? 2 : 0})} END {print s}' "$1"`;
        assert.equal(found.requests.bytes, Number(shell(bytes, world.file(`${name}.log`))));
      });
    }

    for (const [unit, perSecond] of [
      ['seconds', 1],
      ['milliseconds', 1e3],
      ['microseconds', 1e6],
    ] as const) {
      it(`durations as whole ${unit}: the unit is told by their size, and said`, async () => {
        const file = world.file(`${unit}.log`);
        const { files, findings } = await world.analyze(['--file', file, '--report', 'performance']);
        const requests = files[0]!.requests!;
        const longest = Number(shell(`awk '{print $NF}' "$1" | sort -n | tail -1`, file));
        assert.deepEqual(requests.wholeDurations, { count: requests.count, unit, guessed: true });
        assert.ok(Math.abs(requests.seconds!.max - longest / perSecond) < 1e-5 * longest, `${longest}`);
        assert.ok(requests.seconds!.max >= 1 && requests.seconds!.max < 10, `${requests.seconds!.max}`);
        assert.deepEqual(requests.slowest[0]?.request, `GET ${slow}`);
        const said = findings.find(({ code }) => code === 'logs.request-time');
        assert.match(said?.message ?? '', new RegExp(`taken for ${unit}.*logs\\.analyze\\.request_time`));
      });
    }

    it('durations in the unit that the configuration names', async () => {
      world.write('maintenance:\n  logs:\n    analyze:\n      request_time: microseconds\n');
      const { files, findings } = await world.analyze(['--file', world.file('seconds.log'), '--report', 'performance']);
      world.write('maintenance: {}\n');
      const requests = files[0]!.requests!;
      assert.deepEqual(requests.wholeDurations, { count: requests.count, unit: 'microseconds', guessed: false });
      assert.ok(requests.seconds!.max < 1e-5);
      assert.deepEqual(
        findings.filter(({ code }) => code === 'logs.request-time'),
        [],
      );
    });

    it('error log', async () => {
      const file = world.file('apache-error.log');
      await written(file, /AH01102|AH00112|AH01630|proxy:error|core:|mpm_/);
      const found = await world.log(file);
      assert.deepEqual(found.formats, { 'apache-error': found.records });
      assert.equal(found.records, grep('', file));
      assert.equal(found.levels.error, grep('^\\[[^]]*\\] \\[[a-z_]*:error\\]', file));
      assert.equal(found.levels.info, grep('^\\[[^]]*\\] \\[[a-z_]*:(notice|info)\\]', file));
    });
  });

  it('Redis: time, level and message of each line', async () => {
    const file = world.file('redis.log');
    const socket = join(world.folder, 'redis.sock');
    const args = ['--port', '0', '--unixsocket', socket, '--logfile', file, '--loglevel', 'debug', '--save', ''];
    const redis = spawn(findProgram('redis-server') ?? '', [...args, '--dir', world.folder], {
      stdio: 'ignore',
      env: { ...process.env, TZ: 'UTC' },
    });
    const ended = once(redis, 'exit');
    await written(file, /eady to accept connections/);
    redis.kill('SIGTERM');
    await ended;
    const { files } = await world.analyze(['--file', file], { TZ: 'UTC' });
    const log = files[0]!;
    const sign = (signs: string): number => grep(`^[0-9]+:[MC] .{24} [${signs}] `, file);
    assert.equal(log.format, 'redis');
    assert.equal(log.formats['redis'], sign('.*#-'));
    assert.deepEqual([log.levels.warning, log.levels.info, log.levels.debug], [sign('#'), sign('*'), sign('.-')]);
    assert.ok(Math.abs(Date.parse(log.lastSeen!) - Date.now()) < 60_000, log.lastSeen!);
  });
});

function apacheConfiguration(
  given: Record<'root' | 'folder' | 'logs', string> & Record<'port' | 'backendPort', number>,
): string {
  const { port, backendPort, root, folder, logs } = given;
  const modules = ['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'dir'];
  const format = String.raw`%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"`;
  const durations = { seconds: '%T', milliseconds: '%{ms}T', microseconds: '%D' };
  return `ServerName www.example.org
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
${process.getuid?.() === 0 ? 'User nobody\nGroup nogroup' : ''}
Listen 127.0.0.1:${port}
DefaultRuntimeDir ${folder}
PidFile ${folder}/apache.pid
DocumentRoot ${root}
DirectoryIndex index.html
ErrorLog ${logs}/apache-error.log
LogLevel info
CustomLog ${logs}/common.log "%h %l %u %t \\"%r\\" %>s %O"
CustomLog ${logs}/vhost.log "%v:%p ${format}"
${Object.entries(durations)
  .map(([unit, directive]) => `CustomLog ${logs}/${unit}.log "${format} ${directive}"`)
  .join('\n')}
ProxyPass /slow http://127.0.0.1:${backendPort}/slow
ProxyPass /fails http://127.0.0.1:${backendPort}/fails
`;
}

async function get(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { port, path, host: '127.0.0.1', headers: { 'user-agent': 'upkeep-test/1' }, agent: false },
      (answer) => {
        answer.resume().on('end', () => {
          resolve(answer.statusCode ?? 0);
        });
      },
    );
    asked.on('error', reject).end();
  });
}

/** No HTTP at all. */
async function rubbish(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(Buffer.from([0x16, 3, 1, 2, 0, 1, 0xff, 0x22, 0x5c, 10, 10]));
  await once(socket.resume(), 'close');
}

/** Without a request, which would be logged. */
async function untilOpen(port: number): Promise<void> {
  for (let open = false; !open;) {
    const socket = connect(port, '127.0.0.1');
    open = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (!open) await pause(20);
  }
}
