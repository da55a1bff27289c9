import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, lstatSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../../systemPackages.ts';
import { until } from '../../integration/maintenance.ts';
import { type Postgres, startPostgres } from '../../integration/postgres.ts';
import { serverIdentity } from '../../integration/postgresBinaries.ts';
import { DeployWorld, fingerprintOf } from './deployHarness.ts';
import { listening } from './nginx.ts';
import { freePort } from '../../sandbox/ports.ts';

describe('deploy-certificate, for other services than a web server,', function () {
  this.timeout(60_000);
  let world: DeployWorld;
  before(async () => {
    world = await DeployWorld.create();
  });
  after(() => world.dispose());

  describe('PostgreSQL, which takes a key of its own user alone and keeps the pair before when it dislikes one,', () => {
    let server: Postgres;
    let to: { readonly cert: string; readonly key: string };
    let target: Record<string, unknown>;
    before(async () => {
      server = await startPostgres();
      const folder = join(server.directory, 'tls');
      mkdirSync(folder);
      to = { cert: join(folder, 'server.crt'), key: join(folder, 'server.key') };
      writeFileSync(to.cert, world.first.chainPem);
      writeFileSync(to.key, world.first.keyPem, { mode: 0o600 });
      const identity = await serverIdentity();
      const { uid, gid } = identity ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
      chownSync(to.key, uid, gid);
      for (const [name, value] of [
        ['ssl_cert_file', to.cert],
        ['ssl_key_file', to.key],
        ['ssl', 'on'],
      ] as const) {
        await server.query(`alter system set ${name} = '${value}'`);
      }
      await server.query('select pg_reload_conf()');
      await until(server, `select 1 where current_setting('ssl') = 'on'`);
      const reload = ['kill', '-HUP', String(server.pid)];
      const endpoint = `postgres://127.0.0.1:${server.port}`;
      target = {
        to,
        validate: undefined,
        reload,
        endpoint,
        owner: String(uid),
        group: String(gid),
        served_within: '20s',
      };
    });
    after(() => server.stop());

    it('gets it as its own, reads it at SIGHUP, and serves it as seen by STARTTLS', async () => {
      const next = await world.renew();
      const planned = await world.deploy(target, {}, { dryRun: true });
      assert.deepEqual([planned.outcome, lstatSync(to.cert).isSymbolicLink()], ['unchanged', false]);
      const { outcome, deployments, findings } = await world.deploy(target);
      assert.deepEqual([outcome, deployments[0]?.served], ['changed', 'verified'], JSON.stringify(findings));
      assert.equal(deployments[0]?.fingerprint, next);
      assert.equal(deployments[0].previousFingerprint, fingerprintOf(world.first.chainPem));
      assert.equal(statSync(to.key).mode & 0o777, 0o600);
      assert.equal((await world.deploy(target)).outcome, 'unchanged');
    });

    it('F36: goes back when PostgreSQL goes on with the pair before, since the new key has too many readers', async () => {
      const before = fingerprintOf(readFileSync(to.cert, 'utf8'));
      await world.renew();
      const { outcome, deployments, findings } = await world.deploy({ ...target, mode: '0644', served_within: '1s' });
      assert.deepEqual([outcome, deployments[0]?.action], ['failed', 'rolled_back']);
      assert.match(
        findings.at(-1)?.message ?? '',
        /taken back: postgres:\/\/127\.0\.0\.1:\d+ serves another certificate.*The pair before is in place and served again/,
      );
      assert.equal(fingerprintOf(readFileSync(to.cert, 'utf8')), before);
      assert.equal((await world.deploy(target)).outcome, 'changed');
    });
  });

  describe('haproxy, which takes all in one file,', () => {
    let combined: string;
    let conf: string;
    let port: number;
    let haproxy: ChildProcess;
    let target: Record<string, unknown>;

    async function start(): Promise<void> {
      haproxy = spawn(program(), ['-W', '-db', '-q', '-f', conf], { stdio: 'ignore' });
      await listening(port, haproxy);
      target = { ...target, reload: ['kill', '-USR2', String(haproxy.pid)] };
    }
    async function stop(): Promise<void> {
      if (haproxy.exitCode !== null || haproxy.signalCode !== null) return;
      const exited = once(haproxy, 'exit');
      haproxy.kill('SIGTERM');
      await exited;
    }

    before(async () => {
      [combined, conf, port] = [world.path('site-combined.pem'), world.path('haproxy.cfg'), await freePort()];
      const { certPem, keyPem } = world.first;
      writeFileSync(combined, `${certPem}${world.intermediate.certPem}${keyPem}`, { mode: 0o600 });
      writeFileSync(
        conf,
        [
          'global',
          '  nbthread 2',
          'defaults',
          '  mode http',
          '  timeout connect 5s',
          '  timeout client 5s',
          '  timeout server 5s',
          'frontend site',
          `  bind 127.0.0.1:${port} ssl crt ${combined}`,
          '  http-request return status 204',
          '',
        ].join('\n'),
      );
      target = {
        to: { combined },
        validate: [program(), '-c', '-f', conf],
        endpoint: `127.0.0.1:${port}`,
        served_within: '20s',
      };
      await start();
    });
    after(stop);

    const inFile = (): string =>
      new X509Certificate(readFileSync(combined)).fingerprint256.replaceAll(':', '').toLowerCase();

    it('gets certificate, chain and key in one step, and serves them after its reload', async () => {
      const next = await world.renew();
      const { outcome, deployments, findings } = await world.deploy(target);
      assert.deepEqual([outcome, deployments[0]?.served], ['changed', 'verified'], JSON.stringify(findings));
      assert.equal(inFile(), next);
      assert.equal(statSync(combined).mode & 0o777, 0o600);
      const chain = execFileSync('openssl', ['storeutl', '-noout', '-text', combined], { encoding: 'utf8' });
      assert.equal(chain.match(/: Certificate$/gm)?.length, 2);
      assert.equal(chain.match(/: (?:Private key|Pkey)$/gm)?.length, 1);
    });

    it('F36: goes back when haproxy refuses its configuration', async () => {
      const before = inFile();
      await world.renew();
      const good = readFileSync(conf, 'utf8');
      writeFileSync(conf, `${good}  rubbish\n`);
      const { deployments, findings } = await world.deploy(target);
      writeFileSync(conf, good);
      assert.equal(deployments[0]?.action, 'rolled_back');
      assert.match(
        findings.at(-1)?.message ?? '',
        /unknown keyword 'rubbish'.*The pair before is in place and served again/s,
      );
      assert.equal(inFile(), before);
      assert.equal((await world.deploy(target)).outcome, 'changed');
    });

    it('tells that it was not there before the deployment either, and starts it where reload does that', async () => {
      const before = inFile();
      await stop();
      const next = await world.renew();
      const { outcome, findings } = await world.deploy({ ...target, served_within: '300ms' });
      assert.equal(outcome, 'failed');
      assert.match(
        findings.at(-1)?.message ?? '',
        /taken back: .*The pair before is in place again.* Nothing could be seen at 127\.0\.0\.1:\d+ before it either: start the service, or give the target a reload that starts it \(systemctl reload-or-restart\), and deploy again\./,
      );
      assert.equal(inFile(), before);
      const pidFile = world.path('haproxy.pid');
      const starting = world.script('start', `exec ${program()} -W -D -q -f ${conf} -p ${pidFile}`);
      const started = await world.deploy({ ...target, reload: [starting] });
      try {
        assert.deepEqual([started.outcome, inFile()], ['changed', next], JSON.stringify(started.findings));
      } finally {
        await end(Number(readFileSync(pidFile, 'utf8')));
      }
    });
  });
});

function program(): string {
  const found = findProgram('haproxy');
  if (found === null) throw new Error('haproxy is not installed');
  return found;
}

/** A process that is no child of ours: until it is gone. */
async function end(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
