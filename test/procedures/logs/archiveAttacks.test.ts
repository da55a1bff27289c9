/** Somebody else, who owns a folder of logs, swaps what lies in it while archive-logs runs as root. UPKEEP_FULL=1 = 1,000 rounds. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, lstat, mkdir, readFile, readdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createArchiveHarness } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';

const rounds = process.env['UPKEEP_FULL'] === '1' ? 1000 : 100;
const nobody = 65_534;
const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', '--'];
const canBeNobody =
  process.getuid?.() === 0 && spawnSync('setpriv', [...asNobody, 'perl', '-MPOSIX', '-e', '1']).status === 0;

/** Puts one thing after the other under the names of generations, by rename(2), as fast as it can; and the folder itself. */
const attacker = String.raw`
use POSIX; my ($vault, $n) = (shift, 0); $| = 1;
sub put { my ($name) = @_; rename("x", $name) or unlink("x"); }
while (getppid() != 1) {
  for my $name ("a.log.1", "a.log.2.gz", "sub/a.log.1") {
    symlink("$vault/a.log.1", "x"); put($name);
    if (open(my $f, ">", "x")) { print $f "mine $n\n"; close $f; utime(1600000000, 1600000000, "x"); } put($name);
    POSIX::mkfifo("x", 0600); utime(1600000000, 1600000000, "x"); put($name);
    if (open(my $f, ">", "own")) { print $f "own\n"; close $f; utime(1600000000, 1600000000, "own"); } link("own", "x"); put($name);
    link("$vault/a.log.1", "x"); put($name);
  }
  rename("sub", "sub2"); symlink($vault, "sub"); select(undef, undef, undef, 0.0005); unlink("sub"); rename("sub2", "sub");
  print "." if ($n++ == 0);
}`;

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
      const child = spawn('setpriv', [...asNobody, 'perl', '-e', attacker, vault], {
        cwd: harness.logs,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const exited = once(child, 'exit');
      try {
        await once(child.stdout, 'data');
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
        child.kill('SIGKILL');
        await exited;
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
