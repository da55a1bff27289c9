/** archive-logs that is killed, runs out of space, meets changing files. UPKEEP_FULL=1 = the numbers of RELIABILITY.md. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as z from 'zod';
import { finding } from '../../../agent/protocol/nouns.ts';
import { createArchiveHarness } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';
import { canMount, smallDisk } from '../../store/smallDisk.ts';
import { only } from './harness.ts';

const full = process.env['UPKEEP_FULL'] === '1';

/** archive-logs as a process of its own, as agents start it. */
const program = `
const { contextFor } = await import(process.argv[1]);
const { archiveLogs } = await import(process.argv[2]);
const { logs, harness, options } = JSON.parse(process.argv[3]);
const { context } = contextFor(logs, harness);
const result = await archiveLogs.execute(options, context);
console.log(result.outcome);`;
/** The same, which has opened all files that it may but for `spare`, once with a dry run that loads what it needs. */
const exhausted = `
const { closeSync, openSync, readdirSync } = await import('node:fs');
const { execFileSync } = await import('node:child_process');
const { contextFor } = await import(process.argv[1]);
const { archiveLogs } = await import(process.argv[2]);
const { logs, harness, most } = JSON.parse(process.argv[3]);
execFileSync('prlimit', ['--pid', String(process.pid), '--nofile=64:64']);
await archiveLogs.execute({}, contextFor(logs, harness, { dryRun: true }).context);
const answers = [];
for (let spare = 0; spare <= most; spare += 1) {
  const open = [];
  try { for (;;) open.push(openSync('/dev/null', 'r')); } catch {}
  for (let index = 0; index < spare; index += 1) closeSync(open.pop());
  const { context, findings } = contextFor(logs, harness);
  const outcome = await archiveLogs.execute({}, context).then((result) => result.outcome, (error) => 'threw ' + error.message);
  for (const descriptor of open) closeSync(descriptor);
  answers.push({ spare, outcome, findings, names: readdirSync(harness.logs).sort() });
  if (outcome === 'changed') break;
}
console.log(JSON.stringify(answers));`;
const here = import.meta.dirname;
const archiveModule = path.join(here, '../../../agent/procedures/logs/archiveLogs.ts');

const exhaustedAnswers = z
  .object({ spare: z.int(), outcome: z.string(), findings: z.array(finding), names: z.array(z.string()) })
  .array();

function start(harness: ArchiveHarness, killAt: number | null, compression: string) {
  const logs = { archive: { paths: ['*.log'], destination: harness.destination, compression } };
  const given = JSON.stringify({ logs, harness: { logs: harness.logs, memory: harness.memory }, options: {} });
  const preload = killAt === null ? [] : ['--import', path.join(here, 'killAtStep.ts')];
  const args = [
    ...preload,
    '--input-type=module',
    '--eval',
    program,
    path.join(here, 'archiveHarness.ts'),
    archiveModule,
    given,
  ];
  return spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, KILL_AT: String(killAt ?? 0) },
  });
}

async function outputOf(child: ReturnType<typeof start>): Promise<string> {
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more;
  });
  await once(child, 'close');
  return text;
}

/** By path: what the logs hold together with what the archives hold. Throws when something is in both, or twice. */
async function everything(harness: ArchiveHarness): Promise<Map<string, string>> {
  const all = new Map(await harness.unpacked());
  for (const name of await harness.names()) {
    const file = harness.file(name);
    assert.ok(!all.has(file), `${name} is in an archive and still there`);
    all.set(file, await harness.read(name));
  }
  return all;
}

describe('archive-logs in trouble', function () {
  this.timeout(full ? 600_000 : 120_000);
  let harness: ArchiveHarness;
  beforeEach(async () => {
    harness = await createArchiveHarness();
  });
  afterEach(() => harness.remove());

  const generations = new Map([1, 2, 3].map((index) => [`a.log.${index}`, `generation ${index}\n`.repeat(index * 50)]));

  async function expectWhole(label: string): Promise<void> {
    const next = await harness.archive();
    assert.ok(['changed', 'unchanged'].includes(next.outcome), `${label}: ${JSON.stringify(next.findings)}`);
    const all = await everything(harness);
    const expected = new Map([...generations].map(([name, text]) => [harness.file(name), text]));
    assert.deepEqual([...all].sort(), [...expected].sort(), label);
    assert.deepEqual(await harness.names(), [], label);
    assert.ok(
      (await harness.archived()).every((name) => !name.startsWith('.')),
      `${label}: a half is left`,
    );
  }

  it('F38: says what is missing and what to do wherever it meets the limit of open files, and archives nothing by halves', async () => {
    for (const [name, text] of generations) await harness.old(name, text);
    const logs = { archive: { paths: ['*.log'], destination: harness.destination } };
    const given = JSON.stringify({ logs, harness: { logs: harness.logs, memory: harness.memory }, most: 40 });
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', exhausted, path.join(here, 'archiveHarness.ts'), archiveModule, given],
      { encoding: 'utf8' },
    );
    const answers = exhaustedAnswers.parse(JSON.parse(stdout === '' ? `"${stderr}"` : stdout));
    const last = answers.pop();
    assert.deepEqual([last?.outcome, last?.names], ['changed', []]);
    assert.ok(answers.length > 3, stdout);
    for (const { spare, outcome, findings, names } of answers) {
      const told = findings.filter(({ level }) => level === 'critical' || level === 'warning');
      assert.equal(outcome, 'failed', `${spare} spare: ${stdout}`);
      assert.match(
        told[0]?.message ?? '',
        /(?:EMFILE|too many open files).*; raise the limit of open files \(ulimit -n, LimitNOFILE\)/,
        stdout,
      );
      assert.deepEqual(names, [...generations.keys()], `${spare} spare`);
    }
    await expectWhole('after the limit');
  });

  it('F02: loses and doubles nothing when it is killed before any of its steps', async () => {
    const lay = async (): Promise<void> => {
      for (const [name, text] of generations) await harness.old(name, text);
    };
    await lay();
    const output = await outputOf(start(harness, 0, 'zstd'));
    const steps = Number(/steps (\d+)/.exec(output)?.[1]);
    assert.match(output, /changed/);
    assert.ok(steps > 25, output);
    const stride = full ? 1 : 2;
    for (let killAt = 1; killAt <= steps; killAt += stride) {
      await harness.remove();
      harness = await createArchiveHarness();
      await lay();
      const child = start(harness, killAt, 'zstd');
      const [, signal] = (await once(child, 'close')) as [number | null, string | null];
      assert.equal(signal, 'SIGKILL', `step ${killAt}`);
      await expectWhole(`killed before step ${killAt} of ${steps}`);
    }
  });

  it('F02: loses and doubles nothing when it is killed at random moments of its work', async () => {
    const big = Array.from(
      { length: full ? 400_000 : 60_000 },
      (_, line) => `${(line * 2_654_435_761) % 2 ** 32} line ${line}\n`,
    ).join('');
    for (const index of generations.keys()) generations.set(index, `${index}\n${big}`);
    for (const [name, text] of generations) await harness.old(name, text);
    for (let round = 0; round < (full ? 100 : 4); round += 1) {
      const child = start(harness, null, round % 2 === 0 ? 'zstd' : 'gzip');
      const closed = once(child, 'close');
      const watcher = watchFor(harness.destination, round);
      await Promise.race([watcher.seen, closed]);
      child.kill('SIGKILL');
      await closed;
      watcher.stop();
    }
    await expectWhole('killed at random moments');
  });

  it('stops when it is told to, and leaves no half', async () => {
    await harness.old('a.log.1', 'x'.repeat(3 << 20));
    const abort = new AbortController();
    const run = harness.archive({}, { signal: abort.signal });
    abort.abort(new Error('stopped by a test'));
    await assert.rejects(run, /stopped by a test/);
    assert.deepEqual(await harness.archived(), []);
    assert.deepEqual(await harness.names(), ['a.log.1']);
  });

  it('takes turns: a second run at the same time refuses', async () => {
    await harness.old('a.log.1', 'one\n');
    const runs = await Promise.all([harness.archive(), harness.archive()]);
    assert.deepEqual(runs.map(({ outcome }) => outcome).sort(), ['changed', 'failed']);
    assert.match(runs.find(({ outcome }) => outcome === 'failed')?.findings[0]?.message ?? '', /Another run/);
    assert.equal((await harness.unpacked()).size, 1);
  });

  it('keeps the originals of an archive that was damaged before they were removed', async () => {
    await harness.old('a.log.1', 'one\n');
    const name = 'logs-2026-01-01T000000Z';
    await harness.archive({}, { now: new Date('2030-01-01T00:00:00Z') });
    await harness.old('a.log.1', 'one\n');
    const [archive] = await readdir(harness.destination).then((names) =>
      names.filter((one) => one.endsWith('.tar.zst')),
    );
    const manifest = await readFile(path.join(harness.destination, archive!.replace('.tar.zst', '.json')), 'utf8');
    await writeFile(
      path.join(harness.destination, `.${name}.pending.json`),
      manifest.replace(archive!, `${name}.tar.zst`),
    );
    await writeFile(path.join(harness.destination, `${name}.tar.zst`), 'rubbish');
    const run = await harness.archive({}, { options: { days: 90 } });
    assert.equal(run.outcome, 'failed');
    assert.ok(run.findings.some(({ code, level }) => code === 'logs.damaged' && level === 'critical'));
    assert.deepEqual(await harness.names(), ['a.log.1']);
  });

  if (canMount) {
    it('F05: fails clearly on a full destination, with the originals whole and no half archive', async () => {
      const disk = smallDisk(24);
      try {
        const noise = randomBytes(22 << 20);
        await harness.old('a.log.1', noise);
        await harness.old('a.log.2', 'small\n');
        const run = await harness.archive({ destination: disk.folder });
        assert.equal(run.outcome, 'failed');
        const finding = only(run.findings.filter(({ code }) => code === 'logs.room'));
        assert.match(finding.message, /needed|no space left/);
        assert.deepEqual(await harness.names(), ['a.log.1', 'a.log.2']);
        assert.deepEqual(
          (await readdir(disk.folder)).filter((name) => !name.startsWith('.upkeep.lock')),
          [],
        );
        const growing = harness.archive({ destination: disk.folder });
        await new Promise((next) => setImmediate(next));
        disk.fill();
        assert.equal((await growing).outcome, 'failed');
        assert.equal((await harness.archive({ destination: disk.folder })).outcome, 'failed');
        assert.deepEqual(await harness.names(), ['a.log.1', 'a.log.2']);
        disk.clear();
        await truncate(harness.file('a.log.1'), 1 << 20);
        await utimes(harness.file('a.log.1'), 1_600_000_000, 1_600_000_000);
        assert.equal((await harness.archive({ destination: disk.folder })).outcome, 'changed');
      } finally {
        disk.dispose();
      }
    });
  }
});

/** Tells when the destination holds so much: a temporary file with some bytes, then later and later. */
function watchFor(folder: string, round: number): { readonly seen: Promise<void>; readonly stop: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  let stopped = false;
  let looks = 0;
  const look = async (): Promise<void> => {
    while (!stopped) {
      const names = await readdir(folder).catch((): string[] => []);
      if (names.some((name) => name.endsWith('.upkeep'))) looks += 1;
      if (looks > round * 7) break;
      await new Promise((next) => setImmediate(next));
    }
    resolve(undefined);
  };
  void look();
  return {
    seen: promise,
    stop: () => {
      stopped = true;
    },
  };
}
