/** Somebody else, who owns a folder of logs, swaps what lies in it while rotate-logs runs as root. UPKEEP_FULL=1 = 1,000 rounds each. */
import assert from 'node:assert/strict';
import { chmod, chown, lstat, mkdir, readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type * as z from 'zod';
import type { logRotation } from '../../../agent/config/logRotation.ts';
import { createHarness, levels, only } from './harness.ts';
import type { Harness } from './harness.ts';
import { canBeNobody, nobody, startSwapper } from './swapper.ts';

const rounds = process.env['UPKEEP_FULL'] === '1' ? 1000 : 50;
type Settings = Omit<z.input<typeof logRotation>, 'paths'>;

if (canBeNobody) {
  describe('rotate-logs under attack', function () {
    this.timeout(600_000);
    let harness: Harness;
    let vault: string;
    let victim: string;
    beforeEach(async () => {
      harness = await createHarness();
      const root = path.dirname(harness.logs);
      await chmod(root, 0o755);
      vault = path.join(root, 'vault');
      await mkdir(vault, { mode: 0o755 });
      victim = path.join(vault, 'a.log');
      await writeFile(victim, 'the secret of root\n', { mode: 0o600 });
      await mkdir(harness.file('sub'));
      for (const folder of [harness.logs, harness.file('sub')]) await chown(folder, nobody, nobody);
    });
    afterEach(() => harness.remove());

    async function expectUntouched(): Promise<void> {
      assert.equal(await readFile(victim, 'latin1'), 'the secret of root\n');
      assert.deepEqual(await readdir(vault), ['a.log']);
      const { mode, uid, gid } = await lstat(victim);
      assert.deepEqual([mode & 0o7777, uid, gid], [0o600, 0, 0]);
      assert.equal(process.geteuid?.(), 0);
    }

    const names = ['a.log', 'a.log.1', 'a.log.1.gz', '.a.log.1.gz.upkeep', 'sub/a.log', 'sub/a.log.1'];
    const su = `${nobody} ${nobody}`;
    const ways: readonly (readonly [string, Settings, readonly string[]])[] = [
      ['with `su`', { su, delaycompress: false }, ['*.log', 'sub/*.log']],
      ['with `su` and copytruncate', { su, delaycompress: false, copytruncate: true }, ['*.log', 'sub/*.log']],
      ['as root, in a folder that stays where it is', { delaycompress: false }, ['*.log']],
    ];
    for (const [way, settings, paths] of ways) {
      it(`V21: touches nothing but its own logs while their owner swaps them, ${way} (${rounds} runs)`, async () => {
        const swapper = await startSwapper(harness.logs, victim, names, false);
        let rotated = 0;
        try {
          for (let round = 0; round < rounds; round += 1) {
            await harness.write('b.log', `round ${round}\n`);
            await chown(harness.file('b.log'), nobody, nobody);
            const run = await harness.rotate(
              { rotate: [{ paths: [...paths], rotate: 3, ...settings }] },
              { force: true },
            );
            rotated += run.files.filter((file) => file.path.endsWith('b.log') && file.action === 'rotated').length;
            await expectUntouched();
          }
        } finally {
          await swapper.stop();
        }
        assert.ok(rotated > 0, 'what nobody swaps is rotated where the others let it');
        for (const name of ['logrotate.conf', 'logrotate.state']) {
          const { mode, uid } = await lstat(path.join(harness.memory, name));
          assert.deepEqual([mode & 0o037, uid], [0, 0], name);
        }
      });
    }

    it(`V21: refuses a folder that its owner can swap whole, and names the \`su\` to set (${rounds} runs)`, async () => {
      const swapper = await startSwapper(harness.logs, victim, names, false);
      try {
        for (let round = 0; round < rounds; round += 1) {
          const run = await harness.rotate({ rotate: [{ paths: ['sub/*.log'] }] }, { force: true });
          assert.equal(run.outcome, 'failed', JSON.stringify(run));
          assert.match(run.findings[0]?.message ?? '', new RegExp(`Set \`su: ${su}\``));
          await expectUntouched();
        }
      } finally {
        await swapper.stop();
      }
    });

    it('V21: refuses a state file that is a link, and a folder of its own that others can change', async () => {
      await harness.write('b.log', 'one\n');
      const state = path.join(harness.memory, 'state');
      await symlink(victim, state);
      const linked = await harness.rotate({ state, rotate: [{ paths: ['b.log'] }] }, { force: true });
      assert.deepEqual([linked.outcome, only(linked.findings).code], ['failed', 'logs.state']);
      const theirs = await harness.rotate(
        { state: harness.file('state'), rotate: [{ paths: ['b.log'] }] },
        { force: true },
      );
      assert.deepEqual([theirs.outcome, only(theirs.findings).code], ['failed', 'logs.unsafe']);
      await chown(harness.memory, nobody, nobody);
      const memory = await harness.rotate({ rotate: [{ paths: ['b.log'] }] }, { force: true });
      assert.deepEqual([memory.outcome, only(memory.findings).code], ['failed', 'logs.unsafe']);
      assert.equal(await harness.read('b.log'), 'one\n');
      await expectUntouched();
    });

    it('V21: warns of a state file that everybody could lock, and says how to mend it', async () => {
      await harness.write('b.log', 'one\n');
      const state = path.join(harness.memory, 'state');
      await writeFile(state, 'logrotate state -- version 2\n', { mode: 0o644 });
      await chmod(state, 0o644);
      const run = await harness.rotate({ state, rotate: [{ paths: ['b.log'] }] }, { force: true });
      assert.deepEqual([run.outcome, levels(run, 'logs.state')], ['warning', ['warning']]);
      assert.match(run.findings[0]?.message ?? '', new RegExp(`chmod 640 ${state}`));
    });

    it('V21: makes new files and archives with their final rights, never wider', async () => {
      await harness.write('b.log', 'one\n');
      await chmod(harness.file('b.log'), 0o600);
      await writeFile(harness.file('b.log.1'), 'left by a killed rotation\n', { mode: 0o600 });
      await chown(harness.file('b.log.1'), nobody, nobody);
      const settings = { delaycompress: false, create: '0600 root root' };
      const run = await harness.rotate({ rotate: [{ paths: ['b.log'], ...settings }] }, { force: true });
      assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
      for (const name of (await harness.names()).filter((one) => one.startsWith('b.log'))) {
        assert.equal((await lstat(harness.file(name))).mode & 0o777, 0o600, name);
      }
    });
  });
}
