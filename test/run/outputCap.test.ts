import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OutputCap } from '../../agent/run/outputCap.ts';
import { readOutput } from '../../agent/run/output.ts';
import { readCut } from '../../agent/run/outputCut.ts';
import { FakeClock } from '../schedule/fakeClock.ts';

const limit = 256 * 1024;

describe('output above its limit', () => {
  let folder: string;
  let output: string;
  let clock: FakeClock;
  let cap: OutputCap;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-cap-'));
    output = join(folder, 'output.log');
    writeFileSync(output, '');
    clock = new FakeClock('2026-01-01T00:00:00Z');
  });
  afterEach(async () => {
    await cap.stop();
    rmSync(folder, { recursive: true });
  });

  const withPunch = (punch?: (file: string, from: number, to: number) => Promise<boolean>): void => {
    const onProblem = (problem: unknown): never => assert.fail(String(problem));
    cap = new OutputCap({ output, limit, clock, onProblem, ...(punch === undefined ? {} : { punch }) });
    cap.start();
  };
  /** Numbered lines of 16 bytes. */
  const lines = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, index) => `${String(from + index).padStart(15, '0')}\n`).join('');
  const look = async (): Promise<void> => {
    clock.advance(1000);
    await cap.settled();
  };
  async function readAll(piece = 10_000): Promise<{ text: string; dropped: number; size: number }> {
    let text = '';
    let dropped = 0;
    for (let offset = 0; ;) {
      const read = await readOutput(output, offset, piece);
      if (read.nextOffset === offset) return { text, dropped, size: read.size };
      text += read.text;
      dropped += read.dropped ?? 0;
      offset = read.nextOffset;
    }
  }

  it('is left alone below it', async () => {
    withPunch();
    appendFileSync(output, lines(0, 16_000));
    await look();
    assert.equal(await cap.stop(), 0);
    assert.equal((await readAll()).text, lines(0, 16_000));
  });

  it('F14: keeps its head and its newest part in order, with a mark between, and offsets that never move', async () => {
    withPunch();
    const total = 100_000;
    for (let at = 0; at < total; at += 10_000) {
      appendFileSync(output, lines(at, at + 10_000));
      await look();
    }
    const dropped = await cap.stop();
    const all = await readAll();
    assert.equal(all.size, total * 16);
    assert.equal(all.dropped, dropped);
    const [head = '', tail = ''] = all.text.split(
      /\n\[upkeep: \d+ bytes of output were dropped here, because of output_limit\]\n/,
    );
    assert.equal(head, lines(0, total).slice(0, head.length));
    assert.equal(tail, lines(0, total).slice(-tail.length));
    assert.equal(head.length + tail.length + dropped, total * 16);
    assert.ok(head.length >= limit / 5 && tail.length >= limit / 3, `${head.length} + ${tail.length}`);
    assert.ok(head.length + tail.length <= limit);
    // A reader in the midst of what was dropped is told, and goes on behind it.
    const cut = readCut(output) ?? assert.fail('nothing was cut');
    const within = await readOutput(output, cut.from + 5000, 100);
    assert.deepEqual([within.nextOffset, within.dropped], [cut.to, cut.to - cut.from - 5000]);
  });

  it('F14: gives the space back where the file system can', async function () {
    withPunch();
    appendFileSync(output, lines(0, 200_000));
    await look();
    await cap.stop();
    if (readCut(output)?.shift !== 0) {
      // This file system can not: the file was shortened instead.
      assert.ok(statSync(output).size <= limit);
      return;
    }
    assert.ok(statSync(output).blocks * 512 <= limit + 64 * 1024, `${statSync(output).blocks * 512} bytes on disk`);
    assert.match(readFileSync(output, 'latin1'), /\[upkeep: \d+ bytes of output were dropped here/);
  });

  it('is not looked at while the job is silent, and again as soon as it writes', async () => {
    withPunch(() => Promise.resolve(false));
    for (let looks = 0; looks < 12; looks += 1) await look();
    assert.equal(clock.waiting, 0);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    clock.onArmed = () => {
      resolve(undefined);
    };
    appendFileSync(output, lines(0, 20_000));
    await promise;
    await look();
    assert.ok(readCut(output) !== null);
  });

  it('is looked at again at once when it grew between the last look and the watch', async () => {
    withPunch(() => Promise.resolve(false));
    for (let looks = 0; looks < 9; looks += 1) await look();
    // The clock is asked for its time between the look at the size and the watch.
    const time = clock.now();
    let asked = 0;
    clock.now = () => {
      asked += 1;
      if (asked === 1) appendFileSync(output, lines(0, 1));
      return time;
    };
    await look();
    assert.equal(clock.waiting, 1);
  });

  it('that can not be looked at is a problem that is told, and is looked at again', async () => {
    const problems: unknown[] = [];
    cap = new OutputCap({ output, limit, clock, onProblem: (problem) => problems.push(problem) });
    cap.start();
    rmSync(output);
    await look();
    assert.match(String(problems[0]), /ENOENT/);
    writeFileSync(output, lines(0, 40_000));
    await look();
    await look();
    assert.deepEqual([problems.length, readCut(output) === null], [1, false]);
  });

  for (const [title, later] of [
    ['at the next look', look],
    ['when the run ends', () => cap.stop()],
  ] as const) {
    it(`F38: that no program could be started to cut is cut ${title}`, async () => {
      const problems: unknown[] = [];
      const answers = [Promise.reject(Object.assign(new Error('spawn EAGAIN'), { code: 'EAGAIN' }))];
      const punch = (): Promise<boolean> => answers.shift() ?? Promise.resolve(false);
      cap = new OutputCap({ output, limit, clock, onProblem: (problem) => problems.push(problem), punch });
      cap.start();
      appendFileSync(output, lines(0, 40_000));
      await look();
      assert.deepEqual([String(problems), statSync(output).size], ['Error: spawn EAGAIN', 40_000 * 16]);
      await later();
      assert.ok(statSync(output).size <= limit, `${statSync(output).size} bytes`);
      assert.equal(problems.length, 1);
    });
  }

  it('is left as it is once nobody watches it any more, also by a look that was under way', async () => {
    const gate = Promise.withResolvers<boolean>();
    withPunch(() => gate.promise);
    appendFileSync(output, lines(0, 40_000));
    clock.advance(1000);
    const stopped = cap.stop();
    gate.resolve(true);
    assert.ok((await stopped) > 0);
    assert.equal(clock.waiting, 0);
  });

  it('F14: is shortened to its head where the file system can not give back the middle', async () => {
    withPunch(() => Promise.resolve(false));
    for (let at = 0; at < 100_000; at += 20_000) {
      appendFileSync(output, lines(at, at + 20_000));
      await look();
    }
    appendFileSync(output, lines(100_000, 100_100));
    const dropped = await cap.stop();
    const all = await readAll();
    assert.equal(all.size, 100_100 * 16);
    assert.equal(all.dropped, dropped);
    assert.ok(all.text.startsWith(lines(0, 1000)));
    assert.ok(all.text.endsWith(lines(100_000, 100_100)));
    assert.ok(statSync(output).size <= limit + 20_000 * 16);
  });
});
