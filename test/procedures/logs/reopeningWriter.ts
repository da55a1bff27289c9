/** A program that writes numbered lines into a log and opens it anew at SIGUSR1, as servers do. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { findWriters, inodeKey } from '../../../agent/procedures/logs/writers.ts';

/** With a second argument it is stubborn: it takes the signal and keeps its file. At SIGTERM it tells how many lines there are. */
const program = String.raw`
my ($path, $stubborn) = @ARGV; my $n = 0; $| = 1;
sub reopen { open($f, ">>", $path) or die "$path: $!"; }
$SIG{USR1} = sub { $told = 1 unless $stubborn };
$SIG{TERM} = sub { $stop = 1 };
reopen();
while (!$stop) {
  if ($told) { $told = 0; reopen(); }
  $n++; syswrite($f, "line $n\n");
  print "ready\n" if $n == 10;
  select(undef, undef, undef, 0.002);
}
print "$n\n";`;

export class ReopeningWriter {
  readonly #child;
  #said = '';

  private constructor(log: string, stubborn: boolean) {
    this.#child = spawn('perl', ['-e', program, log, ...(stubborn ? ['stubborn'] : [])], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
  }

  /** Resolves when it has written its first lines. */
  static async start(log: string, { stubborn = false } = {}): Promise<ReopeningWriter> {
    const writer = new ReopeningWriter(log, stubborn);
    while (!writer.#said.includes('ready')) await once(writer.#child.stdout, 'data');
    return writer;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Does it write to the file of that name now? */
  async writesTo(file: string): Promise<boolean> {
    const key = inodeKey(statSync(file, { bigint: true }));
    return (await findWriters(new Set([key]), [this.pid])).writers.size > 0;
  }

  /** Tells it by hand, and waits until it writes to the file of that name. */
  async tell(file: string): Promise<void> {
    process.kill(this.pid, 'SIGUSR1');
    await this.untilWritesTo(file);
  }

  /** Somebody has told it: waits until it writes to the file of that name. */
  async untilWritesTo(file: string): Promise<void> {
    while (!(await this.writesTo(file))) await pause(5);
  }

  /** Ends it; the number of lines that it has written. */
  async stop(): Promise<number> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    await closed;
    return Number(this.#said.trim().split('\n').at(-1));
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Fails unless the lines 1 to `count` are there, each once, in whatever order. */
export function assertLines(contents: readonly string[], count: number, label = ''): void {
  const numbers = contents
    .join('')
    .trim()
    .split('\n')
    .map((line) => Number(line.slice(5)))
    .sort((one, other) => one - other);
  assert.equal(numbers.length, count, label);
  const odd = numbers.findIndex((number, index) => number !== index + 1);
  assert.equal(odd, -1, `${label}: line ${odd + 1}`);
}
