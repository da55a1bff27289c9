/** rotate-logs killed at moments that chance decides, while a writer goes on. UPKEEP_FULL=1 = 50 MB and 100 kills. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createHarness } from './harness.ts';
import type { Harness } from './harness.ts';

const full = process.env['UPKEEP_FULL'] === '1';
const kills = full ? 100 : 8;
const firstLines = full ? 780_000 : 80_000;

/** Numbered lines of 64 bytes: many at once, then on and on; it opens the new file when its own was renamed. Says the last number. */
const writer = String.raw`
my ($path, $n, $first) = (shift, 0, shift); $| = 1;
$SIG{TERM} = sub { $stop = 1 };
sub reopen { open($f, ">>", $path) or die; $ino = (stat $f)[1]; }
reopen();
while (!$stop) {
  $n++; syswrite($f, sprintf("%063d\n", $n));
  if ($n == $first) { print "ready\n"; }
  if ($n > $first) { select(undef, undef, undef, 0.0005); my @s = stat($path); reopen() if (!@s || $s[1] != $ino); }
}
print "$n\n";`;

const program = `
const { contextFor } = await import(process.argv[1]);
const { rotateLogs } = await import(process.argv[2]);
const { logs, harness } = JSON.parse(process.argv[3]);
await rotateLogs.execute({ force: true }, contextFor(logs, harness).context);`;

describe('rotate-logs under a writer', function () {
  this.timeout(full ? 900_000 : 120_000);
  let harness: Harness;
  beforeEach(async () => {
    harness = await createHarness();
  });
  afterEach(() => harness.remove());

  const settings = { rotate: [{ paths: ['*.log'], rotate: 1000 }] };

  /** In a group of its own, which the kill takes whole: logrotate and gzip too. */
  async function rotateAndKill(after: number): Promise<void> {
    const here = import.meta.dirname;
    const modules = ['archiveHarness.ts', '../../../agent/procedures/logs/rotateLogs.ts'].map((file) =>
      path.join(here, file),
    );
    const given = JSON.stringify({ logs: settings, harness: { logs: harness.logs, memory: harness.memory } });
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program, ...modules, given], {
      detached: true,
      stdio: 'ignore',
    });
    const exited = once(child, 'exit');
    await Promise.race([pause(after), exited]);
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It had ended by itself.
    }
    await exited;
  }

  it(`F02: keeps each of its lines, once, when it is killed ${kills} times at random moments`, async () => {
    const child = spawn('perl', ['-e', writer, harness.file('a.log'), String(firstLines)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const closed = once(child, 'close');
    try {
      while (!said.includes('ready')) await once(child.stdout, 'data');
      for (let kill = 0; kill < kills; kill += 1) await rotateAndKill(150 + Math.random() * 700);
      const last = await harness.rotate(settings, { force: true });
      assert.notEqual(last.outcome, 'failed', JSON.stringify(last.findings));
    } finally {
      child.kill('SIGTERM');
      await closed;
    }
    const written = Number(said.trim().split('\n').at(-1));
    const numbers = (await harness.contents()).flatMap((text) => text.trimEnd().split('\n').map(Number));
    assert.equal(numbers.length, written);
    numbers.sort((one, other) => one - other);
    assert.equal(
      numbers.findIndex((number, index) => number !== index + 1),
      -1,
    );
  });
});
