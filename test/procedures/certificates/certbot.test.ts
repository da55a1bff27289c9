import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { startLimitedAcme } from './limitedAcme.ts';
import { RenewWorld } from './renewHarness.ts';

describe('renew-certificate, with what certbot can and can not do,', function () {
  this.timeout(60_000);
  let world: RenewWorld;
  before(async () => {
    world = await RenewWorld.create();
  });
  after(() => world.dispose());

  const keyOf = (domain: string): string | undefined =>
    new X509Certificate(readFileSync(world.live(domain))).publicKey.asymmetricKeyType;
  const webroot = () => ({
    ...world.acme.certbot,
    authenticator: 'webroot',
    webroot: world.deploying.nginx.webroot,
  });

  it('tells the limit of the authority in its words, which certbot 2.1 loses on the way', async () => {
    const detail =
      'too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2026-11-27 03:12:00 UTC';
    const limited = await startLimitedAcme(world.acme, detail, world.deploying.path('limited-ca'));
    try {
      const certbot = { ...webroot(), ...limited.certbot };
      const { outcome, findings } = await world.renew({ domain: 'limited.example.test' }, { certbot });
      assert.equal(outcome, 'failed');
      assert.equal(
        findings[0]?.message,
        `The certificate of limited.example.test is not renewed: the authority refuses it (rateLimited): ${detail}; wait as long as it says, since further attempts count as well.`,
      );
    } finally {
      limited.stop();
    }
  });

  it('names each domain whose challenge failed', async () => {
    const certbot = { ...webroot(), webroot: world.memory };
    const renew = [{ domain: 'a.example.test', names: ['b.example.test'] }];
    const { findings } = await world.renew({}, { renew, certbot });
    assert.match(
      findings[0]?.message ?? '',
      /certbot says: a challenge failed: a\.example\.test: Non-200.* 404; b\.example\.test: Non-200.* 404\.$/,
    );
  });

  it('says that a wildcard needs a proof by DNS, and renews one that certbot got so', async () => {
    const [domain, lineage] = ['*.wild.example.test', 'wild.example.test'];
    for (const dryRun of [true, false]) {
      const { outcome, findings } = await world.renew({ domain }, {}, { dryRun });
      assert.equal(outcome, 'failed');
      assert.match(
        findings[0]?.message ?? '',
        /for a proof by DNS alone; issue it once by certbot with its plugin .*--cert-name wild\.example\.test/,
      );
    }
    const hook = world.deploying.script('dns', `printf %s "$CERTBOT_VALIDATION" > ${world.acme.txt}`);
    const { server, server_ca: ca = '', config_dir: config, work_dir: work, logs_dir: logs } = world.acme.certbot;
    const names = ['--cert-name', lineage, '--domain', domain];
    const way = [
      '--manual',
      '--preferred-challenges',
      'dns',
      '--manual-auth-hook',
      hook,
      '--register-unsafely-without-email',
    ];
    const places = ['--server', server, '--config-dir', config, '--work-dir', work, '--logs-dir', logs];
    const asked = ['certonly', '--non-interactive', '--agree-tos', ...names, ...way, ...places].map(String);
    await promisify(execFile)('certbot', asked, { env: { ...process.env, REQUESTS_CA_BUNDLE: ca } });
    const { outcome, renewals, findings } = await world.renew({ domain, force: true });
    assert.deepEqual([outcome, renewals[0]?.action], ['changed', 'renewed'], JSON.stringify(findings));
    assert.equal((await world.renew({ domain })).outcome, 'unchanged');
  });

  it('keeps the kind of key of a certificate, changes it on request, and the key is a new one each time', async () => {
    const domain = 'keys.example.test';
    const renew = async (keyType: string | undefined, names: readonly string[] = []): Promise<string> => {
      const certbot = { ...webroot(), ...(keyType !== undefined && { key_type: keyType }) };
      const { outcome, findings } = await world.renew({ domain, force: true }, { certbot, renew: [{ domain, names }] });
      assert.equal(outcome, 'changed', JSON.stringify(findings));
      return readFileSync(world.live(domain, 'privkey.pem'), 'utf8');
    };
    const keys = [await renew('rsa')];
    assert.equal(keyOf(domain), 'rsa');
    keys.push(await renew(undefined, ['more.example.test']));
    assert.equal(keyOf(domain), 'rsa');
    keys.push(await renew('ecdsa', ['more.example.test']));
    assert.equal(keyOf(domain), 'ec');
    assert.equal(new Set(keys).size, keys.length);
  });

  it('issues anew what is from another authority than the configuration names, as after a trial with a staging one', async () => {
    const domain = 'staged.example.test';
    const staging = { ...webroot(), server: world.acme.server.replace('127.0.0.1', 'localhost') };
    assert.equal((await world.renew({ domain }, { certbot: staging })).outcome, 'changed');
    assert.equal((await world.renew({ domain }, { certbot: staging })).outcome, 'unchanged');
    const planned = await world.renew({ domain }, {}, { dryRun: true });
    assert.match(
      planned.lines.join('\n'),
      /would be renewed \(it is from https:\/\/localhost:.*, and certificates\.certbot\.server is https:\/\/127\.0\.0\.1:.*\) by certbot certonly/,
    );
    const { outcome, renewals } = await world.renew({ domain });
    assert.deepEqual([outcome, renewals[0]?.action], ['changed', 'renewed']);
    assert.equal((await world.renew({ domain })).outcome, 'unchanged');
  });

  it('finds the certificate that holds a further name, by the configuration and by what certbot keeps', async () => {
    const [domain, shop, blog] = ['main.example.test', 'shop.main.example.test', 'blog.main.example.test'];
    const renew = [{ domain, names: [shop, blog] }];
    const configured = await world.renew({ domain: shop }, { renew });
    assert.deepEqual(
      configured.renewals.map((one) => [one.domain, one.action]),
      [[domain, 'renewed']],
    );
    const kept = await world.renew({ domain: blog });
    assert.deepEqual(
      kept.renewals.map((one) => [one.domain, one.action]),
      [[domain, 'not_due']],
    );
    assert.deepEqual(kept.lines[0], `${blog} is held by the certificate of ${domain}.`);
    assert.equal(existsSync(world.live(blog)), false);
  });

  it('plans the deployment too with --dry-run, and finds what is missing for it', async () => {
    const domain = 'planned.example.test';
    const deploy = [world.target(domain)];
    const { outcome, deployments, lines } = await world.renew({ deploy: true }, { deploy }, { dryRun: true });
    assert.deepEqual([outcome, deployments[0]?.action], ['unchanged', 'planned']);
    assert.match(
      lines.join('\n'),
      /would be renewed .*\nThe new certificate of planned\.example\.test would be installed as .*site\.pem.*\n.*validated by .*-t\.\n.*reloaded by .*reload\./,
    );
    const broken = [world.target(domain, { reload: ['no-such-program'] })];
    const missing = await world.renew({ deploy: true }, { deploy: broken }, { dryRun: true });
    assert.equal(missing.outcome, 'failed');
    assert.match(missing.findings[0]?.message ?? '', /no-such-program is not installed/);
    assert.equal(existsSync(world.live(domain)), false);
  });
});
