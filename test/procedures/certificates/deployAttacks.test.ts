import assert from 'node:assert/strict';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { DeployWorld } from './deployHarness.ts';

describe('deploy-certificate, attacked,', () => {
  let world: DeployWorld;
  /** What is in place before each test. */
  let inPlace: string;

  before(async () => {
    world = await DeployWorld.create();
  });
  after(() => world.dispose());
  beforeEach(async () => {
    inPlace = await world.ready();
  });

  it('V24: uses no folder that somebody else planted for its versions', async () => {
    const to = { cert: world.path('planted.pem'), key: world.path('planted.key') };
    const planted = world.path('.planted.pem.upkeep');
    mkdirSync(world.path('elsewhere'));
    symlinkSync(world.path('elsewhere'), planted);
    const plants = [() => undefined];
    if (process.getuid?.() === 0) {
      plants.push(() => {
        unlinkSync(planted);
        mkdirSync(planted);
        chownSync(planted, 65_534, 65_534);
      });
    }
    for (const plant of plants) {
      plant();
      const { outcome, findings } = await world.deploy({ to, endpoint: undefined });
      assert.equal(outcome, 'failed');
      assert.match(findings[0]?.message ?? '', /was not made by this agent/);
      assert.equal(existsSync(to.key), false);
    }
    rmSync(planted, { recursive: true });
  });

  it('V24: runs no program that others than root and the own user could change', async () => {
    await world.renew();
    const pwned = world.path('pwned');
    const open = world.script('open', `touch ${pwned}`);
    chmodSync(open, 0o777);
    const cases: [string, RegExp][] = [[open, /anybody may write the script/]];
    if (process.getuid?.() === 0) {
      const foreign = world.script('foreign', `touch ${pwned}`);
      chownSync(foreign, 65_534, 65_534);
      cases.push([foreign, /belongs to another user \(65534\)/]);
    }
    for (const [script, says] of cases) {
      for (const step of ['validate', 'reload']) {
        const { outcome, findings } = await world.deploy({ [step]: [script] });
        assert.equal(outcome, 'failed');
        assert.match(findings[0]?.message ?? '', says);
      }
    }
    assert.deepEqual([existsSync(pwned), world.installed(), await world.served()], [false, inPlace, inPlace]);
  });

  it('V24: hands words over as they are: nothing in them is evaluated', async () => {
    await world.renew();
    const [pwned, said] = [world.path('pwned'), world.path('said')];
    const words = [`; touch ${pwned}`, `$(touch ${pwned})`, '`touch pwned`', '*', '-rf', '--', 'a\nb', '@file'];
    const script = world.script('words', `for word do printf '%s|' "$word"; done > ${said}`);
    const { outcome } = await world.deploy({ validate: [script, ...words] });
    assert.equal(outcome, 'changed');
    assert.equal(readFileSync(said, 'utf8'), words.map((word) => `${word}|`).join(''));
    assert.equal(existsSync(pwned), false);
  });

  it('V13: takes no domain that is not one', async () => {
    for (const name of [
      '; touch pwned',
      '$(touch pwned)',
      'a\nb',
      '-a.example',
      '--',
      '--help',
      '*',
      'a.*',
      'a\0b',
      '@file',
      '../up',
      'a/b',
      'ä.example',
      '',
    ]) {
      await assert.rejects(world.deploy({}, { domain: name }), /a DNS name/, name);
    }
    assert.equal(existsSync('pwned'), false);
  });
});
