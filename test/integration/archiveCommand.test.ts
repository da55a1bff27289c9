/** `archive-logs` as people call it: planned, for real, stopped in the middle, and its files got back without Upkeep. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { part } from '../../agent/procedures/logs/archiveLogsWork.ts';
import { finding } from '../../agent/protocol/nouns.ts';
import { AgentWorld, entry } from './agentProcess.ts';

const document = part.extend({
  procedure: z.literal('archive-logs'),
  outcome: z.enum(['changed', 'unchanged', 'warning', 'failed']),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime(),
  findings: z.array(finding),
});

describe('archive-logs by the command line', function () {
  this.timeout(120_000);
  let world: AgentWorld;
  let logs: string;
  let destination: string;
  beforeEach(() => {
    world = new AgentWorld();
    [logs, destination] = [join(world.folder, 'logs'), join(world.folder, 'archive')];
    mkdirSync(logs);
    world.write(`maintenance: { checks: [], logs: { archive: { paths: ['${logs}/*.log'] } } }`);
  });
  afterEach(() => world.dispose());

  function old(name: string, content: string | Buffer): void {
    writeFileSync(join(logs, name), content);
    utimesSync(join(logs, name), 1_700_000_000, 1_700_000_000);
  }

  const line = (...more: readonly string[]) => [
    'archive-logs',
    '--config',
    world.config,
    '--days',
    '30',
    '--destination',
    destination,
    ...more,
  ];
  const archives = () => readdirSync(destination).filter((name) => !name.startsWith('.upkeep.lock'));

  it('plans, archives, and has nothing to do afterwards; exit codes and the JSON document say so', async () => {
    old('a.log.1', 'one\n');
    writeFileSync(join(logs, 'a.log.2'), 'young\n');
    const plan = await world.command(line('--dry-run'));
    assert.deepEqual([plan.code, plan.stderr], [0, '']);
    assert.match(plan.stdout, /1 file \(4 B\) would be archived.*\n.*a\.log\.1 \(4 B\)\nunchanged after/);
    assert.deepEqual(readdirSync(logs), ['a.log.1', 'a.log.2']);

    const real = await world.command(line('--json', '--strict'));
    assert.equal(real.code, 0);
    const { outcome, files, archives: made } = document.parse(JSON.parse(real.stdout));
    assert.deepEqual(
      [outcome, files.map(({ action }) => action), made.map(({ action }) => action)],
      ['changed', ['archived'], ['made']],
    );
    assert.match(real.stderr, /^OK .* holds 1 file \(4 B in \d+ B\), verified; 1 original was removed\.\n$/);
    assert.deepEqual(readdirSync(logs), ['a.log.2']);

    const again = await world.command(line());
    assert.match(again.stdout, /Nothing was due for the archive\.\nunchanged after/);
    const list = await world.command(line('--list'));
    assert.match(list.stdout, /logs-.*\.tar\.zst {2}\d+ B {2}1 file, 4 B before\n/);
  });

  it('makes no folder for itself, so that a dry run changes nothing and a user without a home may call it', async () => {
    old('a.log.1', 'one\n');
    assert.equal((await world.command(line('--dry-run'))).code, 0);
    assert.equal(existsSync(world.state), false);
    const { code, stderr } = await world.command(line(), { UPKEEP_STATE: '/proc/none' });
    assert.equal(code, 0, stderr);
  });

  it('ends with 3 by --strict when a log had to stay, with 1 when nothing could be archived, with 2 by a wrong option', async () => {
    old('a.log.1', 'one\n');
    execFileSync('mkfifo', [join(logs, 'a.log.2')]);
    utimesSync(join(logs, 'a.log.2'), 1_700_000_000, 1_700_000_000);
    const strict = await world.command(line('--strict'));
    assert.equal(strict.code, 3, strict.stdout);
    assert.match(strict.stdout, /WARNING .*a\.log\.2 was left where it is: it is no regular file/);
    writeFileSync(join(world.folder, 'taken'), '');
    const failed = await world.command([
      'archive-logs',
      '--config',
      world.config,
      '--destination',
      join(world.folder, 'taken'),
    ]);
    assert.equal(failed.code, 1);
    assert.match(failed.stdout, /CRITICAL .*taken can not be made/);
    const wrong = await world.command(line('--days', '-1'));
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /archive-logs --days: /);
  });

  it('tells how far it is and how long it will take, and is stopped by SIGINT without a trace', async () => {
    const noise = randomBytes(80 << 20);
    old('a.log.1', noise);
    old('a.log.2', 'small\n');
    const child = spawn(process.execPath, [entry, ...line()], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: world.folder, UPKEEP_STATE: world.state },
    });
    const closed = once(child, 'close');
    let [output, errors] = ['', ''];
    child.stderr.setEncoding('utf8').on('data', (more: string) => (errors += more));
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      output += more;
      if (more.includes('left\n')) child.kill('SIGINT');
    });
    const [code] = (await closed) as [number | null];
    assert.match(output, /… 1\d\.\d MiB of 80\.0 MiB, about \d+ (?:s|min) left\n/);
    assert.equal(code, 1, output);
    assert.match(errors, /^upkeep: stopped by SIGINT\n$/);
    assert.match(output, /\nstopped: originals that are in no whole archive are untouched\.\n$/);
    assert.deepEqual([archives(), readdirSync(logs)], [[], ['a.log.1', 'a.log.2']]);
    assert.ok(readFileSync(join(logs, 'a.log.1')).equals(noise));
    const next = await world.command(line());
    assert.match(next.stdout, /holds 2 files .* verified; 2 originals were removed/);
  });

  for (const [limit, message] of [
    [
      '--fsize=100000',
      /could not be made \(EFBIG: .*; raise the limit of file sizes \(ulimit -f, .*originals are untouched/,
    ],
    ['--fsize=0', /originals are untouched/],
  ] as const) {
    it(`says what to do where the system lets it write no archive (${limit}), leaves none, and its JSON says that it failed`, async () => {
      const noise = randomBytes(300_000);
      old('a.log.1', noise);
      const child = spawn('prlimit', [limit, process.execPath, entry, ...line('--json')], {
        stdio: ['ignore', 'pipe', 'ignore'],
        env: { PATH: process.env['PATH'], HOME: world.folder, UPKEEP_STATE: world.state },
      });
      let output = '';
      child.stdout.setEncoding('utf8').on('data', (more: string) => (output += more));
      const [code] = (await once(child, 'close')) as [number | null];
      assert.equal(code, 1);
      const { outcome, findings } = document.parse(JSON.parse(output));
      assert.equal(outcome, 'failed');
      assert.match(findings.map(({ message }) => message).join('\n'), message);
      assert.deepEqual(archives(), []);
      assert.ok(readFileSync(join(logs, 'a.log.1')).equals(noise));
    });
  }

  it('gives one JSON document also when it is stopped', async () => {
    old('a.log.1', randomBytes(80 << 20));
    const child = spawn(process.execPath, [entry, ...line('--json')], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: world.folder, UPKEEP_STATE: world.state },
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (more: string) => (output += more));
    child.stderr.setEncoding('utf8').on('data', (more: string) => more.includes('left\n') && child.kill('SIGTERM'));
    const [code] = (await once(child, 'close')) as [number | null];
    assert.equal(code, 1);
    const told = z.object({ procedure: z.string(), outcome: z.string(), error: z.string() }).parse(JSON.parse(output));
    assert.deepEqual(told, { procedure: 'archive-logs', outcome: 'failed', error: 'stopped by SIGTERM' });
  });

  for (const [compression, flag] of [
    ['zstd', '--zstd'],
    ['gzip', '--gzip'],
  ] as const) {
    it(`gives files back as the README says, by tar and sha256sum and by --restore (${compression})`, async () => {
      world.write(
        `maintenance: { checks: [], logs: { archive: { paths: ['${logs}/*.log'], compression: ${compression} } } }`,
      );
      const text = Array.from({ length: 200_000 }, (_, index) => `${index} GET / 500 \n`).join('');
      old('a.log.1', text);
      old('a.log.2', 'other\n');
      assert.equal((await world.command(line())).code, 0);
      const name = archives().find((one) => one.includes('.tar.')) ?? '';
      const inside = join(logs, 'a.log.1').slice(1);
      const back = join(world.folder, 'back');
      const shell = (script: string): string =>
        execFileSync('sh', ['-ec', script], { cwd: destination, encoding: 'utf8', maxBuffer: 1 << 26 });
      assert.match(shell(`tar ${flag} -tvf ${name}`), new RegExp(`-rw-r--r-- .* ${inside}\n`));
      const checked = shell(`mkdir ${back} && tar ${flag} -xf ${name} -C ${back} ${inside} SHA256SUMS
        (cd ${back} && sha256sum -c --ignore-missing SHA256SUMS)`);
      assert.equal(checked, `${inside}: OK\n`);
      assert.equal(readFileSync(join(back, inside), 'utf8'), text);
      assert.equal(shell(`tar ${flag} -xOf ${name} ${inside} | grep -c ' 500 '`), '200000\n');
      const all = join(world.folder, 'all');
      const restored = await world.command(line('--restore', name, '--to', all));
      assert.match(restored.stdout, /2 files of .* were restored to/);
      assert.equal(readFileSync(join(all, inside), 'utf8'), text);
      assert.match((await world.command(line('--verify'))).stdout, /is whole: 2 files, each with its checksum/);
    });
  }
});
