import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import * as z from 'zod';
import { full, tell } from '../../integration/measure.ts';
import { canMount, smallDisk } from '../../store/smallDisk.ts';
import { DeployWorld, fingerprintOf } from './deployHarness.ts';
import { belongTogether } from './nginx.ts';

const run = promisify(execFile);
const result = z.object({ outcome: z.string(), changes: z.array(z.string()), messages: z.array(z.string()) });

describe('a deployment that is cut short', function () {
  this.timeout(120_000);
  let world: DeployWorld;
  before(async () => {
    world = await DeployWorld.create();
    mkdirSync(world.path('temporary'));
  });
  after(() => world.dispose());

  /** One deployment in a process of its own; null when it was killed. */
  async function deployCut(how: 'kill' | 'full', cut: number): Promise<z.infer<typeof result> | null> {
    writeFileSync(world.path('settings.json'), JSON.stringify(world.settings()));
    const program = join(import.meta.dirname, 'deployCut.ts');
    try {
      const { stdout } = await run(process.execPath, [program, world.path('settings.json'), how, String(cut)], {
        // What a killed process leaves among the temporary files goes with the world.
        env: { ...process.env, TMPDIR: world.path('temporary'), NODE_COMPILE_CACHE: world.path('compiled') },
      });
      return result.parse(JSON.parse(stdout));
    } catch (error) {
      const { signal } = error as { readonly signal?: string };
      if (signal !== 'SIGKILL') throw error;
      return null;
    }
  }

  /** The files of the service as they were before its first deployment: two plain ones. */
  function unlinked(): void {
    const { cert, key } = world.nginx;
    for (const path of [cert, key]) {
      const bytes = readFileSync(path);
      writeFileSync(`${path}.plain`, bytes, { mode: 0o600 });
      renameSync(`${path}.plain`, path);
    }
  }

  for (const [title, prepare, step] of [
    ['', () => undefined, 4],
    [' of plain files', unlinked, 10],
  ] as const) {
    it(`F36: by kill -9 at each step${title} leaves a pair that belongs together, and one that is served; the next run sees to the rest`, async () => {
      await world.ready();
      prepare();
      await world.renew();
      const whole = await deployCut('kill', 0);
      assert.equal(whole?.outcome, 'changed');
      let kills = 0;
      for (let cut = 1; cut <= whole.changes.length; cut += full ? 1 : step) {
        const before = world.installed();
        prepare();
        const next = await world.renew();
        const where = stepName(whole.changes, cut);
        if ((await deployCut('kill', cut)) === null) kills += 1;
        const [installed, served] = [world.installed(), await world.served()];
        assert.ok([before, next].includes(installed), where);
        assert.ok(served === before || served === next, where);
        const { outcome, findings } = await world.deploy();
        assert.ok(['changed', 'unchanged'].includes(outcome), `${where}: ${JSON.stringify(findings)}`);
        assert.deepEqual([world.installed(), await world.served()], [next, next], where);
        assert.deepEqual(leftovers(world), [], where);
      }
      tell(`killed at ${kills} of ${whole.changes.length} steps`);
      assert.ok(kills > 0);
    });
  }

  it('F36: by a disk that is full from any step on goes back to the pair before, which is served on', async () => {
    await world.ready();
    await world.renew();
    const whole = await deployCut('full', 0);
    assert.equal(whole?.outcome, 'changed');
    let failures = 0;
    for (let cut = 1; cut <= whole.changes.length; cut += full ? 1 : 8) {
      const before = world.installed();
      const next = await world.renew();
      const where = stepName(whole.changes, cut);
      const ended = await deployCut('full', cut);
      const expected = ended?.outcome === 'failed' ? before : next;
      if (expected === before) failures += 1;
      assert.deepEqual(
        [world.installed(), await world.served()],
        [expected, expected],
        `${where}: ${JSON.stringify(ended?.messages)}`,
      );
      assert.ok((await world.deploy()).outcome !== 'failed', where);
      assert.deepEqual(leftovers(world), [], where);
    }
    tell(`${failures} failed for want of space`);
    assert.ok(failures > 0);
  });

  if (canMount) {
    it('F36: on a file system that is really full leaves the pair that was there, or puts the new one there', async () => {
      const disk = smallDisk(1);
      try {
        const to = { cert: join(disk.folder, 'site.pem'), key: join(disk.folder, 'site.key') };
        const target = { to, validate: undefined, reload: undefined, endpoint: undefined };
        let before = await world.renew();
        assert.equal((await world.deploy(target)).outcome, 'warning');
        const outcomes = new Set<string>();
        for (let pages = 0; pages < 12; pages += 1) {
          const next = await world.renew();
          disk.fill();
          disk.release(pages);
          const { outcome, findings } = await world.deploy(target);
          outcomes.add(outcome);
          // The reason is told as it is: nobody waits for the end of a deployment that there is not.
          const messages = findings.map(({ message }) => message).join('\n');
          if (outcome === 'failed') assert.match(messages, /is full|no space left/, `${pages} pages free`);
          assert.equal(belongTogether(to.cert, to.key), true);
          const installed = fingerprintOf(readFileSync(to.cert, 'utf8'));
          assert.equal(installed, outcome === 'failed' ? before : next, `${pages} pages free`);
          before = installed;
          disk.clear();
        }
        assert.deepEqual([...outcomes].sort(), ['failed', 'warning']);
      } finally {
        disk.dispose();
      }
    });

    it('F36: says beforehand, in a dry run too, that a file system is read-only', async () => {
      const disk = smallDisk(1);
      try {
        const to = { cert: join(disk.folder, 'site.pem'), key: join(disk.folder, 'site.key') };
        const target = { to, validate: undefined, reload: undefined, endpoint: undefined };
        await world.renew();
        execFileSync('mount', ['-o', 'remount,ro', disk.folder]);
        const { outcome, findings } = await world.deploy(target);
        assert.equal(outcome, 'failed');
        assert.match(findings[0]?.message ?? '', /not deployed: the file system of .* is read-only; look why/);
      } finally {
        disk.dispose();
      }
    });
  }
});

function stepName(changes: readonly string[], cut: number): string {
  return `${cut}: ${changes[cut - 1] ?? ''}`;
}

/** What must not lie there once a run has ended. */
function leftovers(world: DeployWorld): string[] {
  const versions = world.tree().filter((name) => /^[^>]*versions\/[^/]+$/.test(name));
  const surplus = versions.length > 2 ? versions : [];
  return [...surplus, ...world.tree().filter((name) => /journal|undo|upkeep-link|\/\.[^/]*$/.test(name))];
}
