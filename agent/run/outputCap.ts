/**
 * Keeps the output of a run below its limit while it goes on: the first quarter of the limit stays, and of the rest the newest
 * half. The child writes through its own descriptor and never notices: the middle of the file is given back to the file
 * system where it lies (fallocate(1) --punch-hole, on ext4, XFS, Btrfs, tmpfs), so offsets stay and nothing is copied. Where
 * that is not possible the file is shortened to its head, and the child, which appends, goes on from there (open(2), O_APPEND).
 *
 * The kernel keeps no such limit without harming the writer (RLIMIT_FSIZE kills it), so the size is looked at: as often as
 * the output grows, and not at all while the job is silent. Between two looks the file may be larger than its limit.
 */
import { execFile } from 'node:child_process';
import { closeSync, fstatSync, ftruncateSync, openSync, statSync, watch, writeSync, type FSWatcher } from 'node:fs';
import { promisify } from 'node:util';
import type { Clock } from '../schedule/clock.ts';
import { cutMark, readCut, writeCut, type OutputCut } from './outputCut.ts';

const soonestLookMs = 50;
const firstLookMs = 100;
const latestLookMs = 1000;
/** After so many looks without growth, the file is watched instead. */
const silentLooks = 10;
/** Holes begin and end at whole blocks. */
const block = 4096;

export interface OutputCapParts {
  readonly output: string;
  /** Bytes that may be kept. */
  readonly limit: number;
  readonly clock: Clock;
  readonly onProblem: (problem: unknown) => void;
  /** Gives back `[from, to)` of a file; resolves with false where that is not possible. */
  readonly punch?: (file: string, from: number, to: number) => Promise<boolean>;
}

export class OutputCap {
  readonly #parts: OutputCapParts;
  readonly #head: number;
  readonly #tail: number;
  #disarm: () => void = () => undefined;
  #watcher: FSWatcher | null = null;
  #working: Promise<void> = Promise.resolve();
  #stopped = false;
  #size = 0;
  #silent = 0;
  #lookedAt = 0;
  /** A cut is on record whose space could not be given back yet. */
  #owed = false;

  constructor(parts: OutputCapParts) {
    this.#parts = parts;
    const limit = Math.max(parts.limit, 16 * block);
    this.#head = alignDown(limit / 4);
    this.#tail = alignDown(limit / 2);
  }

  start(): void {
    this.#lookedAt = this.#parts.clock.now();
    this.#arm(firstLookMs);
  }

  /** Resolves when the look that is under way is over. */
  settled(): Promise<void> {
    return this.#working;
  }

  /** Ends the watching; resolves with the number of dropped bytes once the last cut is done. */
  async stop(): Promise<number> {
    this.#stopped = true;
    this.#rest();
    await this.#working;
    if (this.#owed) await this.#look().catch(this.#parts.onProblem);
    const cut = readCut(this.#parts.output);
    return cut === null ? 0 : cut.to - cut.from;
  }

  #arm(ms: number): void {
    this.#rest();
    if (this.#stopped) return;
    this.#disarm = this.#parts.clock.after(ms, () => {
      this.#working = this.#look().catch((error: unknown) => {
        this.#parts.onProblem(error);
        this.#arm(latestLookMs);
      });
    });
  }

  #rest(): void {
    this.#disarm();
    this.#watcher?.close();
    this.#watcher = null;
  }

  async #look(): Promise<void> {
    const cut = readCut(this.#parts.output);
    const size = statSync(this.#parts.output).size + (cut?.shift ?? 0);
    const now = this.#parts.clock.now();
    const rate = Math.max(0, size - this.#size) / Math.max(1, now - this.#lookedAt);
    this.#silent = size === this.#size ? this.#silent + 1 : 0;
    this.#size = size;
    this.#lookedAt = now;
    const kept = size - (cut === null ? 0 : cut.to - cut.from);
    const spare = this.#parts.limit - kept;
    if (spare < 0 || this.#owed) await this.#cut(size, cut);
    if (this.#silent >= silentLooks) {
      this.#watch();
      return;
    }
    const untilFull = rate === 0 ? latestLookMs : Math.max(spare, 0) / (2 * rate);
    this.#arm(Math.min(latestLookMs, Math.max(soonestLookMs, untilFull)));
  }

  #watch(): void {
    if (this.#stopped) return;
    try {
      this.#watcher = watch(this.#parts.output, { persistent: false }, () => {
        this.#silent = 0;
        this.#arm(soonestLookMs);
      });
      this.#watcher.on('error', () => {
        this.#arm(latestLookMs);
      });
    } catch {
      // No watch is to be had (EMFILE, ENOSPC): looking does as well.
      this.#arm(latestLookMs);
      return;
    }
    // What was written between the last look and the watch would otherwise wait for more.
    if (statSync(this.#parts.output).size + (readCut(this.#parts.output)?.shift ?? 0) !== this.#size) {
      this.#arm(soonestLookMs);
    }
  }

  async #cut(size: number, before: OutputCut | null): Promise<void> {
    const { output } = this.#parts;
    if (before === null || before.shift === 0) {
      const cut = { from: this.#head, to: alignDown(size - this.#tail), shift: 0 };
      // First the record, then the hole: a reader that finds zeroes finds the reason, too.
      writeCut(output, cut);
      writeMark(output, cut);
      this.#owed = true;
      const punched = await (this.#parts.punch ?? punchHole)(output, cut.from + block, cut.to);
      this.#owed = false;
      if (punched) return;
    }
    this.#shorten(size, before);
  }

  /** What is written between the look at the size and the cut is lost uncounted. */
  #shorten(size: number, before: OutputCut | null): void {
    const { output } = this.#parts;
    const shift = before?.shift ?? 0;
    const descriptor = openSync(output, 'r+');
    try {
      const now = Math.max(size, fstatSync(descriptor).size + shift);
      ftruncateSync(descriptor, this.#head);
      writeCut(output, { from: this.#head, to: now, shift: now - this.#head });
    } finally {
      closeSync(descriptor);
    }
  }
}

/** For people who read the file itself: one block of text at the beginning of the gap. */
function writeMark(output: string, cut: OutputCut): void {
  const text = cutMark(cut);
  const descriptor = openSync(output, 'r+');
  try {
    writeSync(descriptor, Buffer.from(text.padEnd(block - 1, ' ') + '\n'), 0, block, cut.from);
  } finally {
    closeSync(descriptor);
  }
}

/** fallocate(1) of util-linux; false where it is missing or the file system can not do it. */
async function punchHole(file: string, from: number, to: number): Promise<boolean> {
  if (to <= from) return true;
  const range = ['--offset', String(from), '--length', String(to - from)];
  try {
    await promisify(execFile)('fallocate', ['--punch-hole', ...range, '--', file], { timeout: 60_000 });
    return true;
  } catch (error) {
    const { code } = error as { readonly code?: string | number };
    // A shortage of this moment (EMFILE, EAGAIN, ENOMEM) is no answer; a missing program or its exit code 1 is.
    if (code === 'ENOENT' || code === 1) return false;
    throw error;
  }
}

function alignDown(bytes: number): number {
  return Math.floor(bytes / block) * block;
}
