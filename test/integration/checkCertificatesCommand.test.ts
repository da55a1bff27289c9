/** check-certificates and verify-certificate as people and scripts call them: exit codes, JSON, other users, real TLS servers. */
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { part } from '../../agent/procedures/certificates/checkCertificatesWork.ts';
import { finding, instant } from '../../agent/protocol/nouns.ts';
import { freePort } from '../sandbox/ports.ts';
import { Openssl } from '../procedures/certificates/openssl.ts';
import { AgentWorld, entry } from './agentProcess.ts';

/** All that stands on standard output with --json (DESIGN.md §9). */
const document = z.strictObject({
  procedure: z.enum(['check-certificates', 'verify-certificate']),
  outcome: z.enum(['changed', 'unchanged', 'warning', 'failed']),
  startedAt: instant,
  endedAt: instant,
  findings: z.array(finding),
  ...part.shape,
});

const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--reset-env', '--'] as const;
const canBeNobody =
  spawnSync(nobody[0], [...nobody.slice(1), process.execPath, entry, '--version'], { stdio: 'ignore' }).status === 0;

describe('the commands that check certificates', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  let openssl: Openssl;
  const servers: ChildProcess[] = [];

  before(() => {
    world = new AgentWorld();
    world.write('maintenance: {}\n');
    chmodSync(world.folder, 0o755);
    const folder = join(world.folder, 'tls');
    mkdirSync(folder, { mode: 0o755 });
    openssl = new Openssl(folder);
    const own = { names: 'DNS:localhost,IP:127.0.0.1' } as const;
    const intermediate = openssl.read('intermediate.crt');
    openssl.write('good.pem', openssl.leaf('good', own) + intermediate, 0o644);
    openssl.copy('good.key', 'good.pem.key');
    openssl.write('ending.pem', openssl.leaf('ending', { ...own, from: -76, to: 14 }) + intermediate, 0o644);
    // What is served by name comes without a chain.
    openssl.leaf('named', { ...own, by: 'root' });
    openssl.write('other.pem', openssl.leaf('other', { names: 'DNS:other.example.test' }) + intermediate, 0o644);
    chmodSync(openssl.path('root.crt'), 0o644);
  });
  after(async () => {
    for (const server of servers) {
      const ended = once(server, 'exit');
      server.kill();
      await ended;
    }
    await world.dispose();
  });

  async function run(name: string, ...args: readonly string[]) {
    return world.command([name, '--config', world.config, '--ca', openssl.path('root.crt'), ...args]);
  }

  async function json(name: string, ...args: readonly string[]) {
    const ended = await run(name, '--json', ...args);
    return { ...ended, document: document.parse(JSON.parse(ended.stdout)) };
  }

  /** A real server, and its port. */
  async function served(...args: readonly string[]): Promise<number> {
    const port = await freePort();
    const chain = ['-cert_chain', 'intermediate.crt'];
    const child = spawn('openssl', ['s_server', '-accept', `127.0.0.1:${port}`, ...chain, ...args], {
      cwd: openssl.path(''),
      // It ends with its standard input.
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    servers.push(child);
    // It says ACCEPT once it listens.
    for await (const text of child.stdout) if (String(text).includes('ACCEPT')) break;
    return port;
  }

  const codes: readonly { title: string; args: () => readonly string[]; code: number }[] = [
    { title: '0 where all is well', args: () => ['--path', openssl.path('good.pem'), '--strict'], code: 0 },
    { title: '0 where something is wrong', args: () => ['--path', openssl.path('ending.pem')], code: 0 },
    {
      title: '3 where something is wrong, with --strict',
      args: () => ['--path', openssl.path('ending.pem'), '--strict'],
      code: 3,
    },
    { title: '1 where nothing can be read', args: () => ['--path', openssl.path('nowhere.pem')], code: 1 },
    { title: '1 where a folder holds no certificate', args: () => ['--path', emptyFolder()], code: 1 },
    { title: '2 for a host that is none', args: () => ['--path', '/', '--host', 'a b'], code: 2 },
    { title: '2 for an endpoint that is none', args: () => ['--domain', 'gopher://localhost'], code: 2 },
    { title: '2 for days that are none', args: () => ['--warn-days', 'soon'], code: 2 },
    { title: '2 for an option that is none', args: () => ['--paths', '/'], code: 2 },
  ];
  for (const { title, args, code } of codes) {
    it(`end with ${title}`, async () => {
      const ended = await run('check-certificates', ...args());
      assert.equal(ended.code, code, ended.stdout + ended.stderr);
      if (code === 2) assert.notEqual(ended.stderr, '');
    });
  }

  function emptyFolder(): string {
    mkdirSync(openssl.path('empty'), { recursive: true });
    return openssl.path('empty');
  }

  it('print the lines of the seed for people', async () => {
    const { stdout } = await run('check-certificates', '--path', openssl.path('good.pem'));
    assert.match(
      stdout,
      /^Domain: localhost\nIssuer: Test Intermediate\nExpires: \d{4}-\d\d-\d\d \(79 days\)\nStatus: OK\nSource: \/.*good\.pem\n\n1 certificate: 1 OK\nunchanged after/,
    );
  });

  it('print one document of the declared form with --json, also where all kinds of things are wrong', async () => {
    const paths = ['*.pem', 'nowhere.pem', 'good.pem', 'openssl.cnf'].flatMap((name) => ['--path', openssl.path(name)]);
    const options = [...paths, '--domain', `127.0.0.1:${await freePort()}`, '--host', 'localhost', '--warn-days', '20'];
    const { document: found, code } = await json('check-certificates', ...options);
    assert.deepEqual([code, found.outcome], [0, 'warning']);
    const told = found.certificates.map(({ source, status }) => [source.replace(/^.*\//, ''), status]);
    assert.deepEqual(told.slice(0, 5), [
      ['ending.pem', 'expiring'],
      ['good.pem', 'ok'],
      ['other.pem', 'bad'],
      ['openssl.cnf', 'unparsable'],
      ['nowhere.pem', 'unreadable'],
    ]);
    assert.deepEqual(told[5]?.[1], 'unreadable');
    for (const { subject } of found.findings) assert.ok(found.certificates.some(({ source }) => source === subject));
  });

  it('do not keep silent about what a mistake in the configuration keeps them from looking at', async () => {
    const good = openssl.path('good.pem');
    const other = join(world.folder, 'mistaken.yaml');
    for (const [settings, places] of [
      [{ paths: [good], endpoints: ['gopher://localhost'] }, ['certificates.endpoints[0]']],
      [{ paths: [good], endpoint: ['localhost'] }, ['certificates.endpoint']],
      [{ paths: [good, {}] }, ['certificates.paths[1]']],
      // By it they say which domain this host deploys.
      [{ paths: [good], deploy: 'nothing' }, ['certificates.deploy']],
      [{ paths: [good], backup: 'nothing' }, []],
    ] as const) {
      writeFileSync(other, JSON.stringify({ maintenance: { certificates: settings } }));
      const { document: found, code } = await json('check-certificates', '--strict', '--config', other);
      assert.deepEqual(
        found.findings.map(({ level, code: kind, subject }) => [level, kind, subject]),
        places.map((place) => ['warning', 'config.mistake', place]),
      );
      assert.deepEqual([code, found.certificates.length], [places.length === 0 ? 0 : 3, 1]);
    }
  });

  it('verify one file, also one named from the folder where one is', async () => {
    const good = await json(
      'verify-certificate',
      '--cert',
      openssl.path('good.pem'),
      '--key',
      openssl.path('good.key'),
    );
    assert.deepEqual([good.code, good.document.certificates[0]?.key], [0, 'match']);
    const wrong = await json(
      'verify-certificate',
      '--strict',
      '--cert',
      openssl.path('good.pem'),
      '--host',
      'a.example.test',
    );
    assert.deepEqual([wrong.code, wrong.document.certificates[0]?.reasons], [3, ['host_mismatch']]);
    const none = await json('verify-certificate', '--cert', 'nowhere.pem');
    assert.deepEqual([none.code, none.document.certificates[0]?.reasons], [1, ['missing']]);
    assert.equal((await run('verify-certificate')).code, 2);
  });

  it('see what real servers serve: by name, with an end, to clients that show no certificate', async () => {
    const pair = (name: string, suffix = ''): readonly string[] => [
      ...[`-cert${suffix}`, `${name}.crt`, `-key${suffix}`, `${name}.key`],
    ];
    const ports = {
      good: await served(...pair('good')),
      ending: await served(...pair('ending')),
      named: await served(...pair('other'), '-servername', 'localhost', ...pair('named', '2')),
      other: await served(...pair('other')),
      asking12: await served(...pair('good'), '-tls1_2', '-Verify', '1', '-verify_return_error'),
      asking13: await served(...pair('good'), '-tls1_3', '-Verify', '1', '-verify_return_error'),
    };
    const domains = Object.values(ports).flatMap((port) => ['--domain', `localhost:${port}`]);
    const { document: found } = await json('check-certificates', ...domains);
    assert.deepEqual(
      Object.fromEntries(Object.keys(ports).map((name, index) => [name, found.certificates[index]?.status])),
      { good: 'ok', ending: 'expiring', named: 'ok', other: 'bad', asking12: 'ok', asking13: 'ok' },
    );
    assert.deepEqual(found.certificates[3]?.reasons, ['host_mismatch']);
  });

  if (canBeNobody) {
    it('tell a user who may not read which of the folders or files is closed to whom', () => {
      const closed = openssl.path('closed');
      mkdirSync(join(closed, 'deep'), { recursive: true, mode: 0o700 });
      writeFileSync(join(closed, 'deep', 'a.pem'), openssl.read('good.pem'));
      symlinkSync('closed/deep/a.pem', openssl.path('link.pem'));
      const folder = openssl.path('half-open');
      mkdirSync(join(folder, 'private'), { recursive: true, mode: 0o755 });
      chmodSync(join(folder, 'private'), 0o700);
      openssl.copy('good.pem', 'half-open/b.pem');
      chmodSync(openssl.path('half-open/b.pem'), 0o644);
      const secret = openssl.write('secret.pem', openssl.read('good.pem'), 0o600);
      const paths = [secret, openssl.path('link.pem'), folder, `${closed}/*/a.pem`].flatMap((path) => ['--path', path]);
      const [program, ...args] = [
        ...nobody,
        process.execPath,
        entry,
        'check-certificates',
        '--json',
        '--config',
        world.config,
      ];
      const ended = spawnSync(program, [...args, '--ca', openssl.path('root.crt'), ...paths], { encoding: 'utf8' });
      const found = document.parse(JSON.parse(ended.stdout));
      const told = new Map(found.certificates.map(({ source, status, message }) => [source, `${status}: ${message}`]));
      const expected: readonly (readonly [string, RegExp])[] = [
        [
          secret,
          /^unreadable: The user nobody \(65534\) may not read the file .*secret\.pem \(mode 0600, owner 0, group 0\); give that user access/,
        ],
        [
          openssl.path('link.pem'),
          /^unreadable: The user .* may not enter the folder .*closed \(mode 0700.*, on the way to .*link\.pem; give/,
        ],
        [join(folder, 'private'), /^unreadable: The user .* may not list the folder .*private \(mode 0700/],
        [join(folder, 'b.pem'), /^ok: /],
        [`${closed}/*/a.pem`, /^unreadable: The user .* may not enter the folder .*closed \(mode 0700/],
      ];
      for (const [source, message] of expected) assert.match(told.get(source) ?? 'nothing', message);
      assert.equal(told.size, expected.length);
    });
  }
});
