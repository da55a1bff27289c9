/** rotate-logs on a disk that is full: where the logs lie, where logrotate keeps its state, where Upkeep keeps its own files. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type * as z from 'zod';
import type { logRotation } from '../../../agent/config/logRotation.ts';
import { canMount, smallDisk } from '../../store/smallDisk.ts';
import type { SmallDisk } from '../../store/smallDisk.ts';
import { createHarness, levels, only } from './harness.ts';
import type { Harness, Outcome } from './harness.ts';

type Settings = Omit<z.input<typeof logRotation>, 'paths'>;

if (canMount) {
  describe('rotate-logs on a full disk', () => {
    let disk: SmallDisk;
    let harness: Harness;
    beforeEach(() => {
      disk = smallDisk(4);
    });
    afterEach(async () => {
      await harness.remove();
      disk.dispose();
    });

    const text = `${randomBytes(1 << 20).toString('base64')}\n`;
    const rotation = (settings: Settings) => ({ rotate: [{ paths: ['*.log'], ...settings }] });

    /** What the logs hold; that which fills the disk is none. */
    async function contents(): Promise<string[]> {
      const names = (await harness.names()).filter((name) => name.startsWith('a.log'));
      return (await Promise.all(names.map((name) => harness.read(name)))).filter((one) => one !== '').sort();
    }

    function tells(run: Outcome): void {
      assert.equal(run.outcome, 'failed', JSON.stringify(run.findings));
      assert.match(run.findings.map(({ message }) => message).join('\n'), /free space.* and run this again/);
      assert.deepEqual(levels(run, 'logs.lost'), []);
    }

    for (const [name, settings] of [
      ['compresses by gzip', { delaycompress: false }],
      ['compresses by zstd', { delaycompress: false, compression: 'zstd' }],
      ['copies (copytruncate)', { copytruncate: true, delaycompress: false }],
      ['copies, and compresses later', { copytruncate: true }],
    ] as const) {
      it(`F05: loses nothing and says what to do when it is full while logrotate ${name}, and the next run finishes`, async () => {
        harness = await createHarness({ logs: disk.folder });
        await harness.write('a.log', text);
        disk.fill();
        tells(await harness.rotate(rotation(settings), { force: true }));
        assert.ok((await contents()).join('') === text, 'whole, and once');
        tells(await harness.rotate(rotation(settings), { force: true }));
        assert.ok((await contents()).join('') === text, 'whole, and once, also after another try');
        disk.clear();
        const next = await harness.rotate(rotation(settings), { force: true });
        assert.equal(['changed', 'unchanged'].includes(next.outcome), true, JSON.stringify(next.findings));
        assert.ok((await contents()).join('') === text);
        const last = await harness.rotate(rotation(settings));
        assert.equal(last.outcome, 'unchanged', JSON.stringify(last.findings));
      });
    }

    it('F05: says so when the state of logrotate has no room, with the logs rotated and whole', async () => {
      harness = await createHarness();
      await harness.write('a.log', 'one\n');
      disk.fill();
      const settings = { ...rotation({}), state: path.join(disk.folder, 'state') };
      tells(await harness.rotate(settings, { force: true }));
      assert.deepEqual(await harness.contents(), ['one\n']);
      disk.clear();
      await harness.write('a.log', 'two\n');
      assert.equal((await harness.rotate(settings, { force: true })).outcome, 'changed');
      assert.deepEqual(await harness.contents(), ['one\n', 'two\n']);
      assert.match(await readFile(settings.state, 'utf8'), /a\.log/);
    });

    it('F05: rotates nothing, and leaves no half of its own files, when these have no room', async () => {
      harness = await createHarness({ memory: disk.folder });
      await harness.write('a.log', 'one\n');
      disk.fill();
      const run = await harness.rotate(rotation({}), { force: true });
      tells(run);
      assert.equal(only(run.findings).code, 'logs.room');
      disk.clear();
      await harness.rotate(rotation({}), { dryRun: true });
      disk.fill();
      tells(await harness.rotate(rotation({}), { force: true }));
      assert.deepEqual(await harness.names(), ['a.log'], 'without its journal it does not begin');
      assert.deepEqual(
        (await readdir(disk.folder)).filter((name) => name.includes('.tmp')),
        [],
      );
      disk.clear();
      assert.equal((await harness.rotate(rotation({}), { force: true })).outcome, 'changed');
    });

    it('F05: keeps the whole file when a repair has no room, and repairs it later', async () => {
      harness = await createHarness({ logs: disk.folder });
      await harness.write('a.log', 'new\n');
      await harness.write('a.log.1', text);
      disk.fill();
      const settings = rotation({ delaycompress: false });
      const run = await harness.rotate(settings, { force: true });
      tells(run);
      assert.equal(only(run.findings).subject, harness.file('a.log.1.gz'));
      assert.deepEqual((await contents()).length, 2);
      assert.ok((await readdir(disk.folder)).every((name) => !name.endsWith('.upkeep')));
      disk.clear();
      assert.equal((await harness.rotate(settings, { force: true })).outcome, 'changed');
      assert.deepEqual(await contents(), ['new\n', text].sort());
    });
  });
}
