import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { full } from '../../integration/measure.ts';
import { belongTogether } from './nginx.ts';
import { RenewWorld } from './renewHarness.ts';

const domain = 'cut.example.test';

describe('a renewal that is cut short', function () {
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
      reached: () => readlinkSync(world.live(domain, 'cert.pem')).endsWith(`cert${newest()}.pem`),
    },
  ];
  // Two of them in every run, the rest with --full.
  for (const { title, reached } of full ? moments : [...moments.slice(0, 1), ...moments.slice(-1)]) {
    it(`F36: by kill -9 ${title} leaves the pair before in place and served, and the next run renews and deploys`, async () => {
      const before = await world.deploying.served();
      underWay =
        1 +
        Math.max(
          ...readdirSync(join(world.acme.config, 'archive', domain)).map((name) => Number(/\d+/.exec(name)?.[0])),
        );
      await killOnce(reached);
      assert.deepEqual([world.deploying.installed(), await world.deploying.served()], [before, before]);
      const { outcome, deployments, findings } = await world.renew({ domain, deploy: true, force: true }, settings);
      assert.deepEqual([outcome, deployments[0]?.action], ['changed', 'deployed'], JSON.stringify(findings));
      assert.equal(belongTogether(world.live(domain), world.live(domain, 'privkey.pem')), true);
      const served = await world.deploying.served();
      assert.notEqual(served, before);
      assert.equal(served, world.deploying.installed());
    });
  }

  /** Starts a renewal in a process group of its own, and kills the group as soon as it has come so far. */
  async function killOnce(reached: () => boolean): Promise<void> {
    const file = world.deploying.path('renewal.json');
    writeFileSync(
      file,
      JSON.stringify({ options: { domain, deploy: true, force: true }, settings, memoryDirectory: world.memory }),
    );
    const child = spawn(process.execPath, [join(import.meta.dirname, 'renewOnce.ts'), file], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, TMPDIR: world.deploying.path('temporary') },
    });
    const exited = once(child, 'exit');
    while (!reached()) {
      assert.equal(child.exitCode, null, 'it ended before it came so far');
      await pause(1);
    }
    process.kill(-child.pid!, 'SIGKILL');
    await exited;
  }
});
