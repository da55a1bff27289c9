/** clean-system-logs beside a journald that writes: Debian's own, as a private instance (`journald NAMESPACE`) in a mount namespace. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cleanSystemLogs } from '../../../agent/procedures/logs/cleanSystemLogs.ts';
import { part as cleanPart } from '../../../agent/procedures/logs/cleanSystemLogsWork.ts';
import { contextFor, createArchiveHarness } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';
import { sizeOnDisk } from './journalWorld.ts';

const journald = '/lib/systemd/systemd-journald';
/** Not every container may have namespaces. */
const canRun = existsSync(journald) && spawnSync('unshare', ['--mount', 'true']).status === 0;

/** Sends numbered messages to the socket of syslog(3), one after another, until SIGTERM or their number; says how many there were. */
const sender = String.raw`
use Socket; my ($path, $word, $most) = @ARGV; my $n = 0; $| = 1;
$SIG{TERM} = sub { $stop = 1 };
socket(my $s, PF_UNIX, SOCK_DGRAM, 0) or die; connect($s, sockaddr_un($path)) or die "$path: $!";
while (!$stop && $n < $most) {
  $n++; defined(send($s, "<13>upkeep-probe: $word $n " . ("x" x 400), 0)) or die $!;
  print "ready\n" if $n == 20;
  select(undef, undef, undef, 0.001) if $most > 1000;
}
print "$n\n";`;

/** `/run/systemd` and `/var/log` are folders of the test, seen from outside as those. */
class Journald {
  readonly #root: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  constructor(root: string) {
    this.#root = root;
    for (const folder of ['run', 'log/journal', 'volatile']) mkdirSync(path.join(root, folder), { recursive: true });
    const mounts = [
      ['run', '/run/systemd'],
      ['log', '/var/log'],
      ['volatile', '/run/log'],
    ] as const;
    const script = [
      'mkdir -p /run/systemd /run/log',
      ...mounts.map(([from, to]) => `mount --bind "$1/${from}" ${to}`),
      `exec ${journald} upkeep`,
    ].join(' && ');
    this.#child = spawn('unshare', ['--mount', '--propagation=private', 'sh', '-c', script, 'sh', root], {
      stdio: 'ignore',
    });
    this.#ended = once(this.#child, 'exit');
  }

  get socket(): string {
    return path.join(this.#root, 'run', 'journal.upkeep', 'dev-log');
  }

  get folder(): string {
    return path.join(this.#root, 'log', 'journal', `${readFileSync('/etc/machine-id', 'utf8').trim()}.upkeep`);
  }

  get active(): string {
    return path.join(this.folder, 'system.journal');
  }

  archived(): readonly string[] {
    const names = readdirSync(this.folder).filter((name) => name.startsWith('system@'));
    return names.sort().map((name) => path.join(this.folder, name));
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      assert.equal(this.#child.exitCode, null, 'journald has ended');
      await pause(5);
    }
  }

  /** Archives what it has, and begins a new file. */
  async rotate(): Promise<void> {
    const before = this.archived().length;
    this.#child.kill('SIGUSR2');
    await this.until(() => this.archived().length > before && existsSync(this.active));
  }

  /** Ends it, with all on the disk that it was sent. */
  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }

  /** Numbers of the messages with that word, in the journal's order, by journalctl. */
  numbers(word: string): readonly number[] {
    const args = [`--directory=${this.folder}`, '--output=cat', '--identifier=upkeep-probe'];
    const text = execFileSync('journalctl', args, { maxBuffer: 1 << 28 }).toString();
    return text.split('\n').flatMap((line) => (line.startsWith(`${word} `) ? [Number(line.split(' ')[1])] : []));
  }
}

describe('clean-system-logs beside a running journald', function () {
  if (!canRun) return;
  this.timeout(60_000);
  let harness: ArchiveHarness;
  let running: Journald;
  let sending: ChildProcess | null = null;
  beforeEach(async () => {
    harness = await createArchiveHarness();
    running = new Journald(path.join(harness.memory, 'journald'));
    await running.until(() => existsSync(running.socket) && existsSync(running.active));
  });
  afterEach(async () => {
    sending?.kill('SIGKILL');
    await running.stop();
    await harness.remove();
  });

  function send(word: string, most: number) {
    const child = spawn('perl', ['-e', sender, running.socket, word, String(most)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    sending = child;
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const closed = once(child, 'close');
    return {
      ready: async (): Promise<void> => {
        while (!said.includes('ready')) await once(child.stdout, 'data');
      },
      end: async (): Promise<number> => {
        child.kill('SIGTERM');
        await closed;
        return Number(said.trim().split('\n').at(-1));
      },
      closed,
    };
  }

  async function clean(maxSize: number, dryRun: boolean) {
    const journal = { directory: running.folder, max_size: `${maxSize} B` };
    const { context, findings } = contextFor({ journal }, harness, { dryRun });
    const result = await cleanSystemLogs.execute({}, { ...context, env: process.env });
    return { outcome: result.outcome, findings, ...cleanPart.parse(result.part) };
  }

  it('removes just the archived files that the preview names, and journald loses no message meanwhile', async () => {
    for (const word of ['first', 'second', 'third', 'fourth']) {
      await send(word, 300).closed;
      // What is still in the socket when it rotates would go to the next file.
      await running.until(() => running.numbers(word).length === 300);
      await running.rotate();
    }
    const archived = running.archived();
    assert.equal(archived.length, 4);
    const sender = send('meanwhile', 1_000_000);
    await sender.ready();
    const { ino } = statSync(running.active);
    // The two oldest are too many.
    const all = [...archived, running.active].reduce((sum, file) => sum + sizeOnDisk(file), 0);
    const most = all - sizeOnDisk(archived[0] ?? '') - 1;
    const plan = await clean(most, true);
    const paths = (action: string, { removed }: typeof plan): readonly string[] =>
      removed.flatMap((one) => (one.action === action ? [one.path] : [])).sort();
    assert.deepEqual(paths('planned', plan), archived.slice(0, 2), JSON.stringify(plan.findings));
    assert.deepEqual(running.archived(), archived);
    const done = await clean(most, false);
    assert.equal(done.outcome, 'changed', JSON.stringify(done.findings));
    assert.deepEqual(paths('removed', done), archived.slice(0, 2));
    assert.deepEqual(running.archived(), archived.slice(2));
    assert.equal(statSync(running.active).ino, ino);
    const sent = await sender.end();
    await running.stop();
    assert.deepEqual(
      running.numbers('meanwhile'),
      Array.from({ length: sent }, (_, index) => index + 1),
    );
    assert.equal(running.numbers('third').length, 300);
    assert.equal(running.numbers('second').length, 0);
  });
});
