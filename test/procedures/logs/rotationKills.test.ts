/** rotate-logs killed at moments that chance decides, while a writer goes on. UPKEEP_FULL=1 = 50 MB and 100 kills, 25 in other ways. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type * as z from 'zod';
import type { logRotation } from '../../../agent/config/logRotation.ts';
import type { logSettings } from '../../../agent/config/logs.ts';
import { createHarness } from './harness.ts';
import type { Harness } from './harness.ts';
import { calendar, startRotation } from './rotationChild.ts';

type Logs = z.input<typeof logSettings>;
type Rotation = Omit<z.input<typeof logRotation>, 'paths'>;

const full = process.env['UPKEEP_FULL'] === '1';
const [kills, fewer] = full ? [100, 25] : [6, 2];
const [firstLines, fewerLines] = full ? [780_000, 200_000] : [80_000, 40_000];

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

type Target = 'Upkeep' | 'logrotate' | 'both';
const targets: readonly Target[] = ['both', 'Upkeep', 'logrotate'];

describe('rotate-logs under a writer', function () {
  this.timeout(full ? 900_000 : 120_000);
  let harness: Harness;
  beforeEach(async () => {
    harness = await createHarness();
  });
  afterEach(() => harness.remove());

  const dayAfter = calendar();

  /** Runs it, and kills Upkeep alone, logrotate with what it started, or all of them. Upkeep alone leaves an orphan that goes on. */
  async function rotateAndKill(settings: Logs, after: number, target: Target): Promise<void> {
    const child = startRotation(harness, settings, dayAfter());
    const exited = once(child, 'exit');
    await Promise.race([pause(after), exited]);
    const pid = child.pid ?? 0;
    if (target === 'both') kill(-pid);
    else if (target === 'Upkeep') kill(pid);
    else for (const tool of childrenOf(pid)) kill(tool);
    await exited;
  }

  const ways: readonly (readonly [string, number, number, Rotation])[] = [
    ['with gzip', kills, firstLines, {}],
    ['with zstd', fewer, fewerLines, { compression: 'zstd' }],
    ['with xz', fewer, fewerLines, { compression: 'xz', compressoptions: '-0' }],
    ['with dates', fewer, fewerLines, { dateext: true }],
    ['into another folder', fewer, fewerLines, { olddir: 'old', createolddir: '0755' }],
  ];
  for (const [way, times, lines, given] of ways) {
    it(`F02: keeps each of its lines, once, when it is killed ${times} times at random moments (${way})`, async () => {
      const settings = { rotate: [{ paths: ['*.log'], rotate: 1000, ...given }] };
      const child = spawn('perl', ['-e', writer, harness.file('a.log'), String(lines)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      const closed = once(child, 'close');
      try {
        while (!said.includes('ready')) await once(child.stdout, 'data');
        for (let time = 0; time < times; time += 1) {
          await rotateAndKill(settings, 150 + Math.random() * 700, targets[time % targets.length] ?? 'both');
        }
        const last = await harness.rotate(settings, { force: true, env: dayAfter() });
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
  }
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It had ended by itself.
  }
}

function childrenOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
