import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { full, tell } from '../../integration/measure.ts';
import { canMount, smallDisk } from '../../store/smallDisk.ts';
import { fingerprintOf } from './deployHarness.ts';
import { belongTogether } from './nginx.ts';
import { impatience, RenewWorld } from './renewHarness.ts';

const domain = 'cut.example.test';

describe('a renewal with its deployment that is cut short', function () {
  this.timeout(60_000);
  let world: RenewWorld;
  let settings: Record<string, unknown>;
  before(async () => {
    world = await RenewWorld.create();
    settings = world.settings({ deploy: [world.target(domain)] });
    mkdirSync(world.deploying.path('temporary'));
    const { outcome, findings } = await world.renew({ domain, deploy: true }, settings);
    assert.equal(outcome, 'changed', JSON.stringify(findings));
  });
  after(() => world.dispose());

  const archive = (kind: string) => join(world.acme.config, 'archive', domain, `${kind}${newest()}.pem`);
  /** Number of the certificate that is under way. */
  let underWay = 0;
  const newest = () => underWay;
  const nextOne = (): void => {
    const numbers = readdirSync(join(world.acme.config, 'archive', domain)).map((name) => /\d+/.exec(name)?.[0]);
    underWay = 1 + Math.max(...numbers.map(Number));
  };
  const live = (): string => fingerprintOf(readFileSync(world.live(domain), 'utf8'));
  const here = () => world.deploying.path('here');
  /** Waits at a step of the deployment, after or before doing what the step does. */
  const halt = (name: string, words: readonly string[], first: 'halt' | 'work') => {
    const wait = `touch ${here()}; exec sleep 60`;
    const work = words.map((word) => `'${word}'`).join(' ');
    return [world.deploying.script(name, first === 'halt' ? wait : `${work}; ${wait}`)];
  };

  describe('by kill -9 before there is a new certificate', () => {
    const moments: readonly { readonly title: string; readonly reached: () => boolean }[] = [
      {
        title: 'while it is issued',
        reached: () => {
          const folder = join(world.deploying.nginx.webroot, '.well-known', 'acme-challenge');
          return existsSync(folder) && readdirSync(folder).length > 0;
        },
      },
      { title: 'once its key is written', reached: () => existsSync(archive('privkey')) },
      { title: 'once its chain is written', reached: () => existsSync(archive('fullchain')) },
      {
        title: 'while certbot sets its links',
        // certbot takes the old link away before it makes the new one.
        reached: () => {
          const link = world.live(domain, 'cert.pem');
          return existsSync(link) && readlinkSync(link).endsWith(`cert${newest()}.pem`);
        },
      },
    ];
    // Two of them in every run, the rest with --full.
    for (const { title, reached } of full ? moments : [...moments.slice(0, 1), ...moments.slice(-1)]) {
      it(`F36: ${title} leaves the pair before in place and served, and the next run renews and deploys`, async () => {
        const before = await world.deploying.served();
        nextOne();
        // However late it is seen, the chain comes no further than to the hook.
        const halting = { deploy: [world.target(domain)], deploy_hook: halt('halt-hook', [], 'halt') };
        await killOnce(reached, world.settings(halting), {});
        assert.deepEqual([world.deploying.installed(), await world.deploying.served()], [before, before]);
        const { outcome, deployments, findings } = await world.renew({ domain, deploy: true, force: true }, settings);
        assert.deepEqual([outcome, deployments[0]?.action], ['changed', 'deployed'], JSON.stringify(findings));
        assert.equal(belongTogether(world.live(domain), world.live(domain, 'privkey.pem')), true);
        const served = await world.deploying.served();
        assert.notEqual(served, before);
        assert.equal(served, world.deploying.installed());
      });
    }
  });

  describe('by kill -9 once there is one', () => {
    const steps: readonly { readonly title: string; readonly target: () => Record<string, unknown> }[] = [
      {
        title: 'while the hook runs',
        target: () => ({}),
      },
      {
        title: 'while nginx -t runs',
        target: () => ({ validate: halt('halt-validate', world.deploying.nginx.validate, 'halt') }),
      },
      {
        title: 'before nginx reloads',
        target: () => ({ reload: halt('halt-reload', world.deploying.nginx.reload, 'halt') }),
      },
      {
        title: 'when nginx has reloaded',
        target: () => ({ reload: halt('halt-reloaded', world.deploying.nginx.reload, 'work') }),
      },
    ];
    for (const [index, { title, target }] of steps.entries()) {
      it(`F36: ${title} leaves a pair that belongs together and one that is served, and the next run finishes it`, async () => {
        const before = await world.deploying.served();
        const hook = index === 0 ? { deploy_hook: halt('halt-hook', [], 'halt') } : {};
        rmSync(here(), { force: true });
        await killOnce(
          () => existsSync(here()),
          world.settings({ deploy: [world.target(domain, target())], ...hook }),
          impatience,
        );
        const next = live();
        assert.notEqual(next, before);
        const [installed, served] = [world.deploying.installed(), await world.deploying.served()];
        assert.ok([before, next].includes(installed) && (served === before || served === next));
        const ran = world.deploying.path('ran');
        const own = { deploy_hook: [world.deploying.script('hook', `echo ran >> ${ran}`)] };
        rmSync(ran, { force: true });
        const { outcome, renewals, findings } = await world.renew(
          { deploy: true },
          { ...settings, ...(index === 0 && own) },
        );
        assert.equal(outcome, 'changed', JSON.stringify(findings));
        assert.equal(renewals[0]?.action, index === 0 ? 'renewed' : 'not_due');
        assert.deepEqual([world.deploying.installed(), await world.deploying.served()], [next, next]);
        // The hook of the renewal that was cut short is owed, and no other one.
        assert.equal(existsSync(ran), index === 0);
        assert.equal((await world.renew({ deploy: true }, settings)).outcome, 'unchanged');
      });
    }

    it('F36: undoes it where the service refuses it by then', async () => {
      const before = await world.deploying.served();
      rmSync(here(), { force: true });
      const waiting = world.target(domain, { reload: halt('halt-reload', world.deploying.nginx.reload, 'halt') });
      await killOnce(() => existsSync(here()), world.settings({ deploy: [waiting] }), impatience);
      const refusing = [world.target(domain, { validate: ['false'] })];
      const { outcome, deployments, findings } = await world.renew({ deploy: true }, { deploy: refusing });
      assert.deepEqual([outcome, deployments[0]?.action], ['failed', 'rolled_back']);
      assert.match(
        findings[0]?.message ?? '',
        /that was cut short has been undone: .*The pair before is in place and served again/,
      );
      assert.deepEqual([world.deploying.installed(), await world.deploying.served()], [before, before]);
      assert.equal((await world.renew({ deploy: true }, settings)).outcome, 'changed');
      assert.equal(await world.deploying.served(), live());
    });
  });

  for (const gone of ['cert', 'privkey', 'fullchain']) {
    it(`F36: between the removal of certbot's link ${gone}.pem and the new one is mended by the next run`, async () => {
      const before = await world.deploying.served();
      rmSync(world.live(domain, `${gone}.pem`));
      const { outcome, findings } = await world.renew({ domain, deploy: true, force: true }, settings);
      assert.equal(outcome, 'changed', JSON.stringify(findings));
      assert.equal(belongTogether(world.live(domain), world.live(domain, 'privkey.pem')), true);
      assert.notEqual(await world.deploying.served(), before);
      assert.equal(await world.deploying.served(), live());
    });
  }

  if (canMount) {
    it('F36: by a disk that is full at any moment of certbot keeps the pair before in place and served', async () => {
      const disk = smallDisk(1);
      try {
        const certbot = { ...world.acme.certbot, authenticator: 'webroot', webroot: world.deploying.nginx.webroot };
        const small = world.settings({ ...settings, certbot: { ...certbot, config_dir: join(disk.folder, 'config') } });
        const file = (name: string): string => join(disk.folder, 'config', 'live', domain, name);
        const renew = (force: boolean) => world.renew({ domain, deploy: true, force }, small);
        assert.equal((await renew(false)).outcome, 'changed');
        const outcomes: string[] = [];
        for (let pages = 0; pages <= 8; pages += full ? 1 : 4) {
          const before = await world.deploying.served();
          disk.fill();
          disk.release(pages);
          const { outcome, findings } = await renew(true);
          outcomes.push(outcome);
          if (outcome === 'failed') assert.match(findings[0]?.message ?? '', /No space left on device|ENOSPC/);
          const served = await world.deploying.served();
          assert.equal(served, world.deploying.installed(), JSON.stringify(findings));
          assert.equal(served === before, outcome === 'failed', JSON.stringify(findings));
          disk.clear();
          const again = await renew(false);
          assert.notEqual(again.outcome, 'failed', JSON.stringify(again.findings));
          assert.equal(belongTogether(file('fullchain.pem'), file('privkey.pem')), true);
          assert.equal(await world.deploying.served(), fingerprintOf(readFileSync(file('fullchain.pem'), 'utf8')));
        }
        tell(`with 0 to 8 pages left: ${outcomes.join(', ')}`);
        assert.ok(outcomes.includes('failed'));
      } finally {
        disk.dispose();
      }
    });
  }

  /** Starts a forced renewal in a process group of its own, and kills the group as soon as it has come so far. */
  async function killOnce(
    reached: () => boolean,
    given: Record<string, unknown>,
    env: Record<string, string>,
  ): Promise<void> {
    const file = world.deploying.path('renewal.json');
    const options = { domain, deploy: true, force: true };
    writeFileSync(file, JSON.stringify({ options, settings: given, memoryDirectory: world.memory }));
    const child = spawn(process.execPath, [join(import.meta.dirname, 'renewOnce.ts'), file], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, ...env, TMPDIR: world.deploying.path('temporary') },
    });
    const exited = once(child, 'exit');
    try {
      while (!reached()) {
        assert.equal(child.exitCode, null, 'it ended before it came so far');
        await pause(1);
      }
    } finally {
      if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL');
      await exited;
    }
  }
});
