import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { untilThere } from '../../run/harness.ts';
import { canMount, smallDisk } from '../../store/smallDisk.ts';
import { issue, selfSigned } from './authority.ts';
import { fingerprintOf } from './deployHarness.ts';
import { daysFromNow, valid } from './harness.ts';
import { belongTogether } from './nginx.ts';
import { freePort } from '../../sandbox/ports.ts';
import { daysLeft, RenewWorld } from './renewHarness.ts';

const domain = 'www.example.test';

describe('renew-certificate', function () {
  this.timeout(60_000);
  let world: RenewWorld;
  before(async () => {
    world = await RenewWorld.create();
  });
  after(() => world.dispose());

  const inPlace = (): string => fingerprintOf(readFileSync(world.live(domain), 'utf8'));

  describe('by certbot, of a real ACME server,', () => {
    it('issues the first certificate of a domain, and knows then that it is not due', async () => {
      const { outcome, renewals, findings } = await world.renew({ domain });
      assert.equal(outcome, 'changed', JSON.stringify(findings));
      const [renewed] = renewals;
      assert.deepEqual([renewed?.action, renewed?.before, renewed?.after?.fingerprint], ['renewed', null, inPlace()]);
      assert.equal(renewed?.certificate, world.live(domain));
      assert.equal(belongTogether(world.live(domain), world.live(domain, 'privkey.pem')), true);
      assert.match(findings[0]?.message ?? '', /is renewed, until \d{4}-/);
      const again = await world.renew({});
      assert.deepEqual(
        [again.outcome, again.renewals.map(({ action }) => action), again.findings],
        ['unchanged', ['not_due'], []],
      );
      assert.deepEqual((await world.renew({ domain }, {}, daysLeft(40))).renewals[0]?.action, 'not_due');
    });

    it('renews it when two fifths of its lifetime are left, before anybody is warned', async () => {
      const before = inPlace();
      const planned = await world.renew({ domain }, {}, { ...daysLeft(35), dryRun: true });
      assert.deepEqual([planned.outcome, planned.renewals[0]?.action, inPlace()], ['unchanged', 'planned', before]);
      assert.match(
        planned.lines.join('\n'),
        /would be renewed \(it ends on .*\) by certbot renew .*--cert-name www\.example\.test/,
      );
      await laterEnd(world.live(domain));
      const { outcome, renewals } = await world.renew({ domain }, {}, daysLeft(35));
      assert.deepEqual(
        [outcome, renewals[0]?.before?.fingerprint, renewals[0]?.after?.fingerprint],
        ['changed', before, inPlace()],
      );
      assert.notEqual(inPlace(), before);
    });

    it('adds a name that the configuration asks for', async () => {
      const renew = [{ domain, names: ['shop.example.test'] }];
      const { outcome, renewals, findings } = await world.renew({}, { renew });
      assert.deepEqual([outcome, renewals[0]?.action], ['changed', 'renewed'], JSON.stringify(findings));
      assert.equal((await world.renew({}, { renew })).outcome, 'unchanged');
    });

    it('lets certbot answer the challenge itself, behind the web server', async () => {
      const name = 'standalone.example.test';
      const { nginx } = world.deploying;
      const port = await freePort();
      nginx.configure(
        `server { listen 127.0.0.1:${nginx.httpPort}; server_name ${name}; location / { proxy_pass http://127.0.0.1:${port}; } }`,
      );
      execFileSync(nginx.reload[0]!, nginx.reload.slice(1));
      // Its answer while there is nobody behind it shows that the new configuration is in force.
      while ((await nginx.status(name)) !== 502) await pause(10);
      await nginx.served(domain);
      const certbot = { ...world.acme.certbot, authenticator: 'standalone', address: '127.0.0.1', port };
      const { outcome, findings } = await world.renew({ domain: name }, { certbot });
      assert.equal(outcome, 'changed', JSON.stringify(findings));
      nginx.configure('');
    });

    it('F36: fails when the challenge fails, and keeps the certificate', async () => {
      const before = inPlace();
      const certbot = { ...world.acme.certbot, authenticator: 'webroot', webroot: world.memory };
      const renew = [{ domain, names: ['new.example.test'] }];
      const { outcome, renewals, findings } = await world.renew({}, { renew, certbot });
      assert.deepEqual([outcome, renewals[0]?.action, inPlace()], ['failed', 'failed', before]);
      assert.match(findings[0]?.message ?? '', /is not renewed: certbot says: .*(404|unauthorized|Invalid response)/i);
      assert.equal(belongTogether(world.live(domain), world.live(domain, 'privkey.pem')), true);
    });

    it('F36: fails when the ACME server is not there or is not the right one (V11)', async () => {
      const before = inPlace();
      for (const further of [{ server: 'https://127.0.0.1:1/dir' }, { server_ca: world.acme.root }]) {
        const certbot = { ...world.acme.certbot, ...further };
        const renew = [{ domain, names: ['further.example.test'] }];
        const { outcome, findings } = await world.renew({}, { renew, certbot });
        assert.deepEqual([outcome, inPlace()], ['failed', before]);
        assert.match(
          findings[0]?.message ?? '',
          /certbot says: .*(refused|CERTIFICATE_VERIFY_FAILED|certificate verify failed)/i,
        );
      }
    });

    it('takes a deploy hook that fails for a failure, which certbot does not', async () => {
      const folder = join(world.acme.config, 'renewal-hooks', 'deploy');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'hook'), '#!/bin/sh\necho it is broken >&2\nexit 4\n', { mode: 0o755 });
      const before = inPlace();
      const { outcome, renewals, findings } = await world.renew({ domain, force: true });
      assert.deepEqual([outcome, renewals[0]?.action, inPlace() !== before], ['failed', 'renewed', true]);
      assert.match(
        findings[0]?.message ?? '',
        /is renewed, until .*, but certbot says: Hook 'deploy-hook' reported error code 4/,
      );
      rmSync(join(folder, 'hook'));
    });

    it('V24: runs no hook that others than root and the own user could change', async () => {
      const folder = join(world.acme.config, 'renewal-hooks', 'deploy');
      const [hook, pwned] = [join(folder, 'hook'), world.deploying.path('pwned')];
      writeFileSync(hook, `#!/bin/sh\ntouch ${pwned}\n`);
      chmodSync(hook, 0o777);
      const before = inPlace();
      const open = await world.renew({ domain, force: true });
      assert.match(open.findings[0]?.message ?? '', /anybody may write the script .*hook/);
      chmodSync(hook, 0o755);
      if (process.getuid?.() === 0) {
        chownSync(hook, 65_534, 65_534);
        const foreign = await world.renew({ domain, force: true });
        assert.match(foreign.findings[0]?.message ?? '', /belongs to another user/);
      }
      rmSync(hook);
      const own = world.deploying.script('own-hook', `touch ${pwned}`);
      chmodSync(own, 0o722);
      const configured = await world.renew({ domain, force: true }, { deploy_hook: own });
      assert.deepEqual([configured.outcome, open.outcome], ['failed', 'failed']);
      const record = join(world.acme.config, 'renewal', `${domain}.conf`);
      chmodSync(record, 0o666);
      assert.equal((await world.renew({ domain, force: true })).outcome, 'failed');
      chmodSync(record, 0o600);
      assert.deepEqual([existsSync(pwned), inPlace()], [false, before]);
    });

    it('says which package is missing', async () => {
      const { outcome, findings } = await world.renew({ domain, force: true }, {}, { env: { PATH: '/nowhere' } });
      assert.equal(outcome, 'failed');
      assert.match(
        findings[0]?.message ?? '',
        /certbot is not installed; install its package \(apt-get install certbot\)/,
      );
    });
  });

  describe('by a command of the configuration', () => {
    const name = 'api.example.test';
    const files = () => ({ cert: world.deploying.path('api.pem'), key: world.deploying.path('api.key') });
    const put = async (days: number, to = files(), names = [name]): Promise<string> => {
      const issued = await issue(world.deploying.intermediate, {
        names,
        notBefore: daysFromNow(days - 90),
        notAfter: daysFromNow(days),
      });
      writeFileSync(to.cert, issued.chainPem);
      writeFileSync(to.key, issued.keyPem, { mode: 0o600 });
      return fingerprintOf(issued.chainPem);
    };
    const renew = (script: string, further: Record<string, unknown> = {}, options: Record<string, unknown> = {}) =>
      world.renew(options, {
        ca: world.deploying.path('root'),
        renew_command: [world.deploying.script('renew', script)],
        renew: [{ domain: name, ...files() }],
        ...further,
      });
    const next = () => ({ cert: world.deploying.path('next.pem'), key: world.deploying.path('next.key') });
    const install = () => `cp ${next().cert} ${files().cert}; cp ${next().key} ${files().key}`;

    it('gives it the domain as one word, and tells by the certificate that there is a new one', async () => {
      await put(10);
      const fingerprint = await put(90, next());
      const said = world.deploying.path('said');
      const { outcome, renewals, findings } = await renew(`printf '%s|' "$@" > ${said}; ${install()}`);
      assert.deepEqual([outcome, renewals[0]?.after?.fingerprint], ['changed', fingerprint], JSON.stringify(findings));
      assert.equal(readFileSync(said, 'utf8'), `${name}|`);
      const again = await renew('exit 1');
      assert.deepEqual([again.outcome, again.renewals[0]?.action], ['unchanged', 'not_due']);
      const [until, from] = [90, 54].map((days) => daysFromNow(days).toISOString().slice(0, 10));
      assert.deepEqual(again.lines, [
        `The certificate of ${name} is not due: it ends on ${until} and is renewed from ${from} on.`,
      ]);
    });

    it('does not believe its exit code, neither way', async () => {
      const before = await put(10);
      const idle = await renew('exit 0');
      assert.deepEqual([idle.outcome, idle.renewals[0]?.action], ['warning', 'not_due']);
      assert.match(idle.findings[0]?.message ?? '', /is due \(it ends on .*holds no other certificate than before/);
      const forced = await renew('exit 0', {}, { force: true });
      assert.deepEqual([forced.outcome, forced.renewals[0]?.action], ['failed', 'failed']);
      const broken = await renew('echo out of money >&2; exit 7');
      assert.match(broken.findings[0]?.message ?? '', /is not renewed: .*ended with 7: out of money/);
      assert.equal(broken.renewals[0]?.after?.fingerprint, before);
      await put(90, next());
      const late = await renew(`${install()}; echo too late >&2; exit 9`);
      assert.deepEqual([late.outcome, late.renewals[0]?.action], ['failed', 'renewed']);
      assert.match(late.findings[0]?.message ?? '', /is renewed, until .*, but .*ended with 9: too late/);
    });

    it('refuses what it leaves when that can not be used: a half pair, another name, rubbish', async () => {
      for (const [script, says] of [
        [`cp ${next().cert} ${files().cert}`, /is not that of the certificate/],
        [`${install()}; echo rubbish > ${files().cert}`, /is not renewed/],
      ] as const) {
        await put(10);
        await put(90, next());
        const { outcome, findings } = await renew(script);
        assert.equal(outcome, 'failed');
        assert.ok(
          findings.some(({ message }) => says.test(message)),
          JSON.stringify(findings),
        );
      }
      await put(10);
      await put(90, next(), ['other.example.test']);
      const { findings } = await renew(install());
      assert.ok(
        findings.some(({ code }) => code === 'certificates.host'),
        JSON.stringify(findings),
      );
    });

    it('F36: does not begin when it can not remember that it did, on a full disk', async () => {
      if (!canMount) return;
      const disk = smallDisk(1);
      try {
        await put(10);
        disk.fill();
        const ran = world.deploying.path('ran');
        const script = world.deploying.script('renew', `touch ${ran}`);
        const { outcome, findings } = await world.renew(
          {},
          { ca: world.deploying.path('root'), renew_command: [script], renew: [{ domain: name, ...files() }] },
          { memoryDirectory: disk.folder },
        );
        assert.deepEqual([outcome, existsSync(ran)], ['failed', false]);
        assert.match(findings[0]?.message ?? '', /is not renewed: ENOSPC/);
      } finally {
        disk.dispose();
      }
    });

    it('does not run when the certificate is there and can not be read', async () => {
      rmSync(files().cert, { force: true });
      mkdirSync(files().cert);
      const { outcome, findings } = await renew(`touch ${world.deploying.path('ran')}`);
      rmSync(files().cert, { recursive: true });
      assert.equal(outcome, 'failed');
      assert.match(findings[0]?.message ?? '', /whether it is due can not be told/);
      assert.equal(existsSync(world.deploying.path('ran')), false);
    });

    it('V24: a certificate whose names are shell text does nothing in the hook', async () => {
      await put(10);
      const [pwned, said] = [world.deploying.path('pwned'), world.deploying.path('domains')];
      const { certPem, keyPem } = await selfSigned({
        names: [name, `$(touch ${pwned})`, `x; touch ${pwned}`],
        ...valid,
      });
      writeFileSync(next().cert, certPem);
      writeFileSync(next().key, keyPem);
      const hook = world.deploying.script(
        'hook',
        `printf '%s' "$RENEWED_DOMAINS" > ${said}; for each in $RENEWED_DOMAINS; do eval ": $each"; done`,
      );
      const { outcome } = await renew(install(), { deploy_hook: hook });
      assert.equal(outcome, 'changed');
      assert.deepEqual([readFileSync(said, 'utf8'), existsSync(pwned)], [name, false]);
    });

    it('runs the hook that a run which was cut short still owes', async () => {
      await put(10);
      await put(90, next());
      const [hook, ran] = [
        world.deploying.script('hook', `echo "$RENEWED_LINEAGE" >> ${world.deploying.path('hooked')}`),
        world.deploying.path('hooked'),
      ];
      const abort = new AbortController();
      const script = `${install()}; touch ${world.deploying.path('installed')}; sleep 60`;
      const cut = world.renew(
        {},
        {
          ca: world.deploying.path('root'),
          renew_command: [world.deploying.script('renew', script)],
          renew: [{ domain: name, ...files() }],
          deploy_hook: hook,
        },
        {
          signal: abort.signal,
          print: () => {
            void untilThere(world.deploying.path('installed')).then(() => {
              abort.abort(new Error('cut short'));
            });
          },
        },
      );
      await assert.rejects(cut, /cut short/);
      assert.equal(existsSync(ran), false);
      const { outcome, renewals } = await renew('exit 1', { deploy_hook: hook });
      assert.deepEqual([outcome, renewals[0]?.action], ['changed', 'renewed']);
      assert.equal(readFileSync(ran, 'utf8'), `${world.deploying.folder}\n`);
      assert.equal((await renew('exit 1', { deploy_hook: hook })).outcome, 'unchanged');
    });
  });

  describe('with --deploy is one chain: renew, verify, deploy, reload, look', () => {
    const site = 'site.example.test';

    it('that ends with the new certificate served, and does nothing when nothing is due', async () => {
      const deploy = [world.target(site)];
      const { outcome, renewals, deployments, findings } = await world.renew({ deploy: true }, { deploy });
      assert.deepEqual(
        [outcome, renewals[0]?.action, deployments[0]?.action],
        ['changed', 'renewed', 'deployed'],
        JSON.stringify(findings),
      );
      assert.equal(await world.deploying.nginx.served(site), renewals[0]?.after?.fingerprint);
      const again = await world.renew({ deploy: true }, { deploy });
      assert.deepEqual(
        [again.outcome, again.renewals[0]?.action, again.deployments[0]?.action],
        ['unchanged', 'not_due', 'unchanged'],
      );
    });

    it('F36: that goes back where the service refuses it, and forward once it does not', async () => {
      const before = await world.deploying.nginx.served(site);
      const bad = await world.renew(
        { deploy: true, force: true },
        { deploy: [world.target(site, { validate: ['false'] })] },
      );
      assert.deepEqual(
        [bad.outcome, bad.renewals[0]?.action, bad.deployments[0]?.action],
        ['failed', 'renewed', 'rolled_back'],
      );
      assert.equal(await world.deploying.nginx.served(site), before);
      const good = await world.renew({ deploy: true }, { deploy: [world.target(site)] });
      assert.deepEqual(
        [good.outcome, good.renewals[0]?.action, good.deployments[0]?.action],
        ['changed', 'not_due', 'deployed'],
      );
      assert.equal(await world.deploying.nginx.served(site), bad.renewals[0]?.after?.fingerprint);
    });

    it('that stops where the renewal fails', async () => {
      const deploy = [world.target(site)];
      const before = await world.deploying.nginx.served(site);
      const renew = [{ domain: site, names: ['more.example.test'] }];
      const certbot = { ...world.acme.certbot, authenticator: 'webroot', webroot: world.memory };
      const { outcome, deployments } = await world.renew({ deploy: true }, { deploy, renew, certbot });
      assert.deepEqual([outcome, deployments, await world.deploying.nginx.served(site)], ['failed', [], before]);
    });
  });

  it('V13: takes no domain that is not one', async () => {
    for (const text of [
      '; touch pwned',
      '$(touch pwned)',
      'a\nb',
      '-a',
      '--force',
      '*',
      '@file',
      'a\0b',
      '../a',
      'a b',
      '',
    ]) {
      await assert.rejects(world.renew({ domain: text }), /a DNS name/, text);
    }
    assert.equal(existsSync('pwned'), false);
  });
});

/** Until what is issued now ends after the certificate in `path`: ends are in whole seconds. */
async function laterEnd(path: string): Promise<void> {
  const { validFromDate } = new X509Certificate(readFileSync(path));
  while (Date.now() < validFromDate.getTime() + 2000) await pause(50);
}
