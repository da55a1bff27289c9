/**
 * logrotate killed right before each of its changes, alone or together with Upkeep, in every way of rotating; and Upkeep before each of
 * its own. UPKEEP_FULL=1 = each of them; else every few.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type * as z from 'zod';
import type { logRotation } from '../../../agent/config/logRotation.ts';
import { findProgram } from '../../systemPackages.ts';
import { createHarness, levels } from './harness.ts';
import type { Harness } from './harness.ts';
import { calendar, startRotation } from './rotationChild.ts';

const full = process.env['UPKEEP_FULL'] === '1';
const real = findProgram('logrotate') ?? 'logrotate';
/** Containers may forbid it. */
const canTrace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
const traced = 'rename,unlink,openat,fchmod,fchown,ftruncate,clone,clone3,vfork,wait4,mkdir';

type Settings = Omit<z.input<typeof logRotation>, 'paths'>;
const ways: readonly (readonly [string, Settings])[] = [
  ['gzip at once', { delaycompress: false }],
  ['gzip a round later', {}],
  ['zstd at once', { compression: 'zstd', delaycompress: false }],
  ['xz a round later', { compression: 'xz' }],
  ['copytruncate, gzip at once', { copytruncate: true, delaycompress: false }],
  ['copytruncate, gzip a round later', { copytruncate: true }],
  ['dateext, gzip at once', { dateext: true, delaycompress: false }],
  ['dateext, gzip a round later', { dateext: true }],
  ['olddir, bzip2 at once', { olddir: 'old', createolddir: '0755', compression: 'bzip2', delaycompress: false }],
  ['olddir, gzip a round later', { olddir: 'old', createolddir: '0755' }],
];

/** What the log holds, generation by generation, the oldest first. */
const texts = ['first', 'second', 'third'].map((word) => `${word} ${'of many lines\n'.repeat(20)}${word} end\n`);

describe('rotate-logs killed at its steps', function () {
  this.timeout(full ? 900_000 : 120_000);
  let harness: Harness;
  beforeEach(async () => {
    harness = await createHarness();
  });
  afterEach(() => harness.remove());

  const rotation = (settings: Settings) => ({ rotate: [{ paths: ['*.log'], ...settings }] });

  /** Two generations by real rotations, and a log that is due. */
  async function lay(settings: Settings): Promise<void> {
    for (const text of texts.slice(0, -1)) {
      await harness.write('a.log', text);
      const run = await harness.rotate(rotation(settings), { force: true, env: dayAfter() });
      assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    }
    await harness.write('a.log', texts.at(-1) ?? '');
  }

  const dayAfter = calendar();

  /** Environment in which `logrotate -v` is run through `command`. */
  async function through(command: string): Promise<Record<string, string | undefined>> {
    const folder = path.join(harness.memory, 'bin');
    await mkdir(folder, { recursive: true });
    const script = `#!/bin/sh\n[ "$1" = -v ] || exec ${real} "$@"\n${command}\n`;
    await writeFile(path.join(folder, 'logrotate'), script, { mode: 0o755 });
    return { ...dayAfter(), PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  }

  async function expectWhole(settings: Settings, label: string): Promise<void> {
    const next = await harness.rotate(rotation(settings), { force: true, env: dayAfter() });
    const lines = (await harness.contents()).join('').split('\n').sort();
    assert.deepEqual(lines, texts.join('').split('\n').sort(), `${label}: ${JSON.stringify(next.findings)}`);
    assert.notEqual(next.outcome, 'failed', `${label}: ${JSON.stringify(next.findings)}`);
    assert.deepEqual(levels(next, 'logs.lost'), [], label);
    const again = await harness.rotate(rotation(settings), { force: true, env: dayAfter() });
    assert.deepEqual(levels(again, 'logs.repair'), [], `${label}: one run mends it all`);
  }

  /** Its changes in their order, each by system call and how many of that kind there were before it. */
  async function changesOf(settings: Settings): Promise<readonly { call: string; nth: number; line: string }[]> {
    await lay(settings);
    const trace = path.join(harness.memory, 'trace');
    const env = await through(`exec strace -o ${trace} -e trace=${traced} ${real} "$@"`);
    assert.equal((await harness.rotate(rotation(settings), { force: true, env })).outcome, 'changed');
    const counts = new Map<string, number>();
    return (await readFile(trace, 'utf8')).split('\n').flatMap((line) => {
      const call = /^(\w+)\(/.exec(line)?.[1];
      if (call === undefined) return [];
      const nth = (counts.get(call) ?? 0) + 1;
      counts.set(call, nth);
      return call === 'openat' && !line.includes('O_CREAT') ? [] : [{ call, nth, line }];
    });
  }

  if (canTrace) {
    for (const [index, [name, settings]] of ways.entries()) {
      it(`F02: loses and doubles no line when logrotate is killed before any of its changes (${name})`, async () => {
        const changes = await changesOf(settings);
        assert.ok(changes.length > 8, JSON.stringify(changes));
        for (let at = full ? 0 : index % 7; at < changes.length; at += full ? 1 : 7) {
          for (const both of full ? [false, true] : [at % 2 === 0]) {
            const { call, nth, line } = changes[at]!;
            await harness.remove();
            harness = await createHarness();
            await lay(settings);
            const inject = `-e trace=${call} -e inject=${call}:signal=KILL:when=${nth}`;
            const strace = `strace -o /dev/null ${inject} ${real} "$@"`;
            const label = `${both ? 'both' : 'logrotate'} killed before ${line}`;
            if (both) {
              const child = startRotation(harness, rotation(settings), await through(`${strace}\nkill -9 $PPID`));
              const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
              assert.equal(signal, 'SIGKILL', label);
            } else {
              const env = await through(`exec ${strace}`);
              const run = await harness.rotate(rotation(settings), { force: true, env });
              assert.equal(run.outcome, 'failed', label);
            }
            await expectWhole(settings, label);
          }
        }
      });
    }

    it('F02: drops a copy of copytruncate that was cut off in the middle', async () => {
      const settings = { copytruncate: true, compress: false };
      const big = Array.from({ length: 20_000 }, (_, line) => `line ${line}\n`).join('');
      for (const nth of full ? [1, 2, 5, 9] : [5]) {
        await harness.remove();
        harness = await createHarness();
        await harness.write('a.log', big);
        const inject = `-e trace=write -e inject=write:signal=KILL:when=${nth} -P ${harness.file('a.log.1')}`;
        const child = startRotation(
          harness,
          rotation(settings),
          await through(`strace -o /dev/null ${inject} ${real} "$@"\nkill -9 $PPID`),
        );
        await once(child, 'exit');
        assert.ok((await harness.read('a.log.1')).length < big.length);
        const next = await harness.rotate(rotation(settings), { force: true });
        assert.equal(next.outcome, 'changed', JSON.stringify(next.findings));
        assert.deepEqual(await harness.contents(), [big]);
      }
    });
  }

  it('F02: loses and doubles no line when Upkeep is killed before any step of its own, repairs included', async () => {
    const settings: Settings = { delaycompress: false };
    const damage = async (): Promise<void> => {
      await lay(settings);
      // The log has its new name only, and there is half an archive of another generation.
      execFileSync(
        'sh',
        ['-c', 'gzip -d a.log.2.gz && gzip -c a.log.2 | head -c 20 > a.log.2.gz && mv a.log.1.gz a.log.4.gz'],
        { cwd: harness.logs },
      );
    };
    await damage();
    const counted = startRotation(harness, rotation(settings), process.env, 0);
    let said = '';
    counted.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    await once(counted, 'close');
    const steps = Number(/steps (\d+)/.exec(said)?.[1]);
    assert.ok(steps > 15, said);
    for (let at = 1; at <= steps; at += full ? 1 : 4) {
      await harness.remove();
      harness = await createHarness();
      await damage();
      const child = startRotation(harness, rotation(settings), process.env, at);
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      assert.equal(signal, 'SIGKILL', `step ${at}`);
      await expectWhole(settings, `Upkeep killed before step ${at} of ${steps}`);
    }
  });
});
