/** Somebody else, who owns a folder of logs, swaps what lies in it while archive-logs runs as root. UPKEEP_FULL=1 = 1,000 rounds. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, chown, lstat, mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createArchiveHarness } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';
import { canBeNobody, nobody, startSwapper } from './swapper.ts';

const rounds = process.env['UPKEEP_FULL'] === '1' ? 1000 : 100;
const names = ['a.log.1', 'a.log.2.gz', 'sub/a.log.1'];

describe('archive-logs under attack', function () {
  this.timeout(600_000);
  let harness: ArchiveHarness;
  beforeEach(async () => {
    harness = await createArchiveHarness();
  });
  afterEach(() => harness.remove());

  if (canBeNobody) {
    it(`V21: touches nothing but its own logs while their owner swaps them for links, hard links, FIFOs and folders (${rounds} runs)`, async () => {
      const root = path.dirname(harness.logs);
      await chmod(root, 0o755);
      const vault = path.join(root, 'vault');
      await mkdir(vault, { mode: 0o755 });
      const secret = path.join(vault, 'a.log.1');
      await writeFile(secret, 'the secret of root\n', { mode: 0o600 });
      await utimes(secret, 1_600_000_000, 1_600_000_000);
      await mkdir(harness.file('sub'));
      for (const folder of [harness.logs, harness.file('sub')]) await chown(folder, nobody, nobody);
      const swapper = await startSwapper(harness.logs, secret, names);
      try {
        let archived = 0;
        for (let round = 0; round < rounds; round += 1) {
          await harness.old('b.log.1', `round ${round}\n`);
          const run = await harness.archive({ paths: ['*.log', 'sub/*.log'] });
          assert.notEqual(run.outcome, 'failed', JSON.stringify(run.findings));
          archived += run.part.files.filter(({ action }) => action === 'archived').length;
          assert.equal(await readFile(secret, 'latin1'), 'the secret of root\n');
          assert.equal(process.geteuid?.(), 0);
        }
        assert.ok(archived >= rounds, 'what nobody swaps is archived each time');
      } finally {
        await swapper.stop();
      }
      assert.deepEqual(await readdir(vault), ['a.log.1']);
      const { mode, uid } = await lstat(secret);
      assert.deepEqual([mode & 0o7777, uid], [0o600, 0]);
      for (const name of await harness.archived()) {
        const { mode: archiveMode, uid: owner } = await lstat(path.join(harness.destination, name));
        assert.deepEqual([archiveMode & 0o7777, owner], [0o600, 0], name);
        assert.ok(!name.startsWith('.'), name);
        if (!name.endsWith('.tar.zst')) continue;
        const text = spawnSync('tar', [
          '--extract',
          '--zstd',
          '--to-stdout',
          '--file',
          path.join(harness.destination, name),
        ]);
        assert.ok(!text.stdout.includes('the secret of root'), name);
      }
    });
  }
});
