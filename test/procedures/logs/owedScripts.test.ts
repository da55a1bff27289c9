/**
 * A rotation that is killed after the new log was made and before its writer was told. UPKEEP_FULL=1 = at each step of logrotate and of
 * Upkeep; else at this one and a few more.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type * as z from 'zod';
import type { logRotation } from '../../../agent/config/logRotation.ts';
import { journalFile } from '../../../agent/procedures/logs/journal.ts';
import { findProgram } from '../../systemPackages.ts';
import { createHarness, levels } from './harness.ts';
import type { Harness, Outcome } from './harness.ts';
import { assertLines, ReopeningWriter } from './reopeningWriter.ts';
import { calendar, startRotation } from './rotationChild.ts';

const full = process.env['UPKEEP_FULL'] === '1';
const real = findProgram('logrotate') ?? 'logrotate';
/** Containers may forbid it. */
const canTrace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

type Settings = Omit<z.input<typeof logRotation>, 'paths'>;
type Target = 'logrotate' | 'both';

describe('scripts that an interrupted rotation owes', function () {
  if (!canTrace) return;
  this.timeout(full ? 900_000 : 120_000);
  let harness: Harness;
  let writer: ReopeningWriter | null = null;
  beforeEach(async () => {
    harness = await createHarness();
  });
  afterEach(async () => {
    writer?.kill();
    writer = null;
    await harness.remove();
  });

  const dayAfter = calendar();
  const runs = (): string[] => {
    const file = path.join(harness.memory, 'runs');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  };
  /** A script that leaves a line in `runs`. */
  const noting = (word: string): string => `echo ${word} >> ${harness.memory}/runs`;
  const repaired = ({ findings }: Outcome): string =>
    findings.flatMap(({ code, message }) => (/^logs\.(?:repair|script)$/.test(code) ? message : [])).join('\n');

  async function start(given: { stubborn?: boolean } = {}): Promise<ReopeningWriter> {
    writer = await ReopeningWriter.start(harness.file('a.log'), given);
    return writer;
  }

  /** Each line of the writer is there, once. */
  async function assertWhole(child: ReopeningWriter): Promise<void> {
    const count = await child.stop();
    assertLines(
      (await harness.contents()).filter((text) => text.startsWith('line')),
      count,
    );
  }

  const telling = ({ pid }: ReopeningWriter, settings: Settings = {}) => ({
    rotate: [{ paths: ['*.log'], postrotate: `${noting('told')}\nkill -USR1 ${pid}`, ...settings }],
  });

  /** When the new log of that name is made, or its own file empty, and nothing is said of scripts yet; right before it is emptied; before it gets its mode; right before a fork. */
  type Moment =
    { readonly made: string } | { readonly emptying: string } | { readonly bare: string } | { readonly fork: number };

  /** Environment in which `logrotate -v` is killed at that moment; with what started it, for `both`. */
  async function killing(moment: Moment, target: Target = 'both'): Promise<Record<string, string | undefined>> {
    const folder = path.join(harness.memory, 'bin');
    await mkdir(folder, { recursive: true });
    const first = (call: string, file?: string): string =>
      `${file === undefined ? '' : `-P "${harness.file(file)}" `}-e trace=${call} -e inject=${call}:signal=KILL`;
    const inject =
      'fork' in moment
        ? `${first('clone')}:when=${moment.fork}`
        : `${'made' in moment ? first('close', moment.made) : 'emptying' in moment ? first('ftruncate', moment.emptying) : first('fchmod', moment.bare)}:when=1`;
    const command = `strace -o /dev/null ${inject} ${real} "$@"`;
    const text = `[ "$1" = -v ] || exec ${real} "$@"\n${target === 'both' ? `${command}\nkill -9 $PPID` : `exec ${command}`}\n`;
    await writeFile(path.join(folder, 'logrotate'), `#!/bin/sh\n${text}`, { mode: 0o755 });
    return { ...dayAfter(), PATH: `${folder}:${process.env['PATH'] ?? ''}` };
  }

  async function killAt(moment: Moment, settings: Parameters<Harness['rotate']>[0]): Promise<void> {
    const child = startRotation(harness, settings, await killing(moment));
    assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL']);
  }

  const ways: readonly (readonly [string, Settings])[] = [
    ['gzip at once', { delaycompress: false }],
    ['gzip a round later', {}],
    ['dateext, gzip a round later', { dateext: true }],
    ['a script for each log', { sharedscripts: false }],
    ['told by lastaction', { postrotate: '', lastaction: 'set' }],
  ];
  for (const [way, given] of full ? ways : ways.slice(0, 2)) {
    it(`F02: are run by the next run before it compresses what the writer has open, and no line is lost (${way})`, async () => {
      const child = await start();
      const told = `${noting('told')}\nkill -USR1 ${child.pid}`;
      const settings = telling(child, given.lastaction === undefined ? given : { ...given, lastaction: told });
      await killAt({ made: 'a.log' }, settings);
      assert.ok(!(await child.writesTo(harness.file('a.log'))), 'it goes on in the renamed file');
      assert.deepEqual(runs(), []);
      const next = await harness.rotate(settings, { force: true, env: dayAfter() });
      assert.equal(next.outcome, 'changed', JSON.stringify(next.findings));
      assert.match(repaired(next), /was run now \(exit code 0\); nobody writes to the rotated files any more/);
      assert.deepEqual(levels(next, 'logs.writer'), []);
      assert.ok(await child.writesTo(harness.file('a.log')));
      await harness.rotate(settings, { force: true, env: dayAfter() });
      await assertWhole(child);
    });
  }

  it('F02: are run once: neither by a run after that, nor by a dry run, which says what would happen', async () => {
    const child = await start();
    const settings = telling(child);
    await killAt({ made: 'a.log' }, settings);
    const preview = await harness.rotate(settings, { dryRun: true });
    assert.match(repaired(preview), /`postrotate` of logs\.rotate\[0\], .*a\.log had not begun, would be run\./);
    assert.deepEqual(runs(), []);
    await harness.rotate(settings);
    await harness.rotate(settings);
    assert.deepEqual(runs(), ['told']);
    assert.deepEqual(await harness.names(), ['a.log', 'a.log.1']);
    await child.stop();
  });

  it('F02: are run in the same run when only logrotate died', async () => {
    const child = await start();
    const settings = telling(child, { delaycompress: false });
    const run = await harness.rotate(settings, { force: true, env: await killing({ made: 'a.log' }, 'logrotate') });
    assert.equal(run.outcome, 'failed');
    assert.match(repaired(run), /was run now \(exit code 0\)/);
    assert.ok(await child.writesTo(harness.file('a.log')));
    const next = await harness.rotate(settings);
    assert.equal(next.outcome, 'unchanged', JSON.stringify(next.findings));
    assert.deepEqual(runs(), ['told']);
    assert.deepEqual(await harness.names(), ['a.log', 'a.log.1.gz']);
    await assertWhole(child);
  });

  it('F02: are not run where the writer was told by hand meanwhile', async () => {
    const child = await start();
    const settings = telling(child);
    await killAt({ made: 'a.log' }, settings);
    await child.tell(harness.file('a.log'));
    const next = await harness.rotate(settings);
    assert.match(repaired(next), /is not run again: its writers have opened the new file/);
    assert.deepEqual(runs(), []);
    await child.stop();
  });

  it('F02: are run where there is no writer that could show it, since logrotate had not begun them', async () => {
    await harness.write('a.log', 'line 1\n');
    const settings = { rotate: [{ paths: ['*.log'], postrotate: noting('told') }] };
    await killAt({ made: 'a.log' }, settings);
    await harness.rotate(settings);
    assert.deepEqual(runs(), ['told']);
  });

  it('F02: are run once more when they were cut off and the writer shows that they did nothing', async () => {
    const child = await start();
    const settings = telling(child);
    await killAt({ fork: 1 }, settings);
    const next = await harness.rotate(settings);
    assert.match(repaired(next), /had not finished, was run now \(exit code 0\); nobody writes/);
    await harness.rotate(settings);
    assert.deepEqual(runs(), ['told']);
    await assertWhole(child);
  });

  it('F02: are not run again when they told the writer and were cut off then', async () => {
    const child = await start();
    const settings = telling(child, {
      postrotate: `${noting('told')}; kill -USR1 ${child.pid}; kill -9 $PPID; sleep 1`,
    });
    const run = await harness.rotate(settings, { force: true });
    assert.match(repaired(run), /is not run again: its writers have opened the new file/);
    await harness.rotate(settings);
    assert.deepEqual(runs(), ['told']);
    await child.stop();
  });

  it('F02: are not run again when they came to their end, and did not move the writer', async () => {
    const child = await start({ stubborn: true });
    const settings = telling(child, { delaycompress: false });
    await killAt({ fork: 2 }, settings);
    assert.equal(repaired(await harness.rotate(settings, { dryRun: true })).includes('postrotate'), false);
    assert.deepEqual(runs(), ['told']);
    await child.stop();
  });

  it('F02: wait for the next run when the run is stopped, which compresses nothing under the writer', async () => {
    const child = await start();
    const hang = `[ -e ${harness.memory}/again ] || { touch ${harness.memory}/again; exec sleep 60; }`;
    const postrotate = `${noting('told')}\n${hang}\nkill -USR1 ${child.pid}`;
    const settings = telling(child, { postrotate, delaycompress: false });
    const abort = new AbortController();
    const stopped = harness.rotate(settings, { force: true, signal: abort.signal });
    while (!existsSync(path.join(harness.memory, 'again'))) await pause(5);
    abort.abort(new Error('stopped by a test'));
    await assert.rejects(stopped, /stopped by a test/);
    assert.deepEqual(await harness.names(), ['a.log', 'a.log.1']);
    assert.match(repaired(await harness.rotate(settings)), /had not finished, was run now \(exit code 0\)/);
    assert.deepEqual(runs(), ['told', 'told']);
    assert.deepEqual(await harness.names(), ['a.log', 'a.log.1.gz']);
    await assertWhole(child);
  });

  it('F02: are left to the logrotate that outlived Upkeep', async () => {
    await harness.write('a.log', 'line 1\n');
    const gate = path.join(harness.memory, 'gate');
    const postrotate = `${noting('told')}; until [ -e ${gate} ]; do sleep 0.02; done`;
    const settings = { rotate: [{ paths: ['*.log'], postrotate }] };
    const upkeep = startRotation(harness, settings, process.env);
    const exited = once(upkeep, 'exit');
    while (runs().length === 0) await pause(5);
    upkeep.kill('SIGKILL');
    await exited;
    const next = harness.rotate(settings);
    await writeFile(gate, '');
    assert.equal(repaired(await next), '');
    assert.deepEqual(runs(), ['told']);
  });

  it('F02: come after the rights of the new log, which its writer could not open without', async () => {
    const child = await start();
    const settings = telling(child, { create: '0640' });
    await killAt({ bare: 'a.log' }, settings);
    assert.equal((await stat(harness.file('a.log'))).mode & 0o777, 0o600);
    const preview = await harness.rotate(settings, { dryRun: true });
    assert.match(repaired(preview), /a\.log would be given its mode 0640/);
    await harness.rotate(settings);
    assert.equal((await stat(harness.file('a.log'))).mode & 0o777, 0o640);
    assert.ok(await child.writesTo(harness.file('a.log')));
    assert.deepEqual(runs(), ['told']);
    await assertWhole(child);
  });

  it('F02: are run once for each rotation, whichever step of its own Upkeep is killed at while it finishes', async () => {
    const child = await start();
    const settings = telling(child, {
      sharedscripts: false,
      compress: false,
      rotate: 1000,
      postrotate: `stat -c %i "$2" >> ${harness.memory}/runs\nkill -USR1 ${child.pid}`,
    });
    for (let at = full ? 1 : 5; at <= 27; at += full ? 1 : 12) {
      await killAt({ made: 'a.log' }, settings);
      const finishing = startRotation(harness, settings, process.env, at);
      await once(finishing, 'exit');
      const last = await harness.rotate(settings);
      assert.notEqual(last.outcome, 'failed', `step ${at}: ${JSON.stringify(last.findings)}`);
      assert.ok(await child.writesTo(harness.file('a.log')), `step ${at}`);
    }
    const rotated = runs();
    assert.ok(rotated.length > 0);
    assert.equal(new Set(rotated).size, rotated.length, rotated.join());
    await assertWhole(child);
  });

  it('F02: that fail again are told with their exit code, once, and nothing of the writer is lost', async () => {
    const child = await start();
    const settings = telling(child, { postrotate: `${noting('failed')}; echo no such server; exit 7` });
    await killAt({ made: 'a.log' }, settings);
    const next = await harness.rotate(settings, { env: dayAfter() });
    assert.equal(next.outcome, 'failed');
    assert.match(repaired(next), /was run now and failed \(exit code 7\).*run it by hand/);
    assert.ok(next.lines.includes('no such server'), JSON.stringify(next.lines));
    assert.match(repaired(await harness.rotate(settings, { dryRun: true })), /^$/);
    assert.deepEqual(runs(), ['failed']);
    await assertWhole(child);
  });

  it("F02: are not run for a configuration that is the administrator's own, whose stuck writer is told of and loses nothing", async () => {
    const child = await start();
    const config = path.join(harness.memory, 'own.conf');
    const script = `sharedscripts\npostrotate\n${noting('told')}\nkill -USR1 ${child.pid}\nendscript`;
    const text = `${harness.logs}/*.log {\nrotate 9\ncompress\ndelaycompress\ncreate\n${script}\n}\n`;
    await writeFile(config, text, { mode: 0o600 });
    await killAt({ made: 'a.log' }, { config });
    const next = await harness.rotate({ config });
    assert.deepEqual(levels(next, 'logs.writer'), ['warning'], JSON.stringify(next.findings));
    assert.deepEqual(runs(), []);
    await harness.write('a.log', 'other\n');
    const last = await harness.rotate({ config }, { force: true });
    assert.match(repaired(last), /a\.log\.1-\d{10}\.backup, since logrotate would compress it while process \d+/);
    await assertWhole(child);
  });

  it('F02: are not run after another start of the machine, when what logrotate said may lack its end', async () => {
    const child = await start();
    const settings = telling(child);
    await killAt({ made: 'a.log' }, settings);
    const file = journalFile(harness.memory, path.join(harness.memory, 'logrotate.conf'));
    const journal = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...journal, boot: 'another' }));
    const next = await harness.rotate(settings, { dryRun: true });
    assert.match(
      repaired(next),
      /It is not known whether .*postrotate.* came to its end .*still writes to the old file: tell it/,
    );
    assert.deepEqual(runs(), []);
    await child.stop();
  });

  it('F02: lastaction is run when the rotation was killed behind postrotate, which is not run again', async () => {
    const child = await start();
    const settings = telling(child, { delaycompress: false, lastaction: noting('last') });
    await killAt({ fork: 2 }, settings);
    assert.deepEqual(runs(), ['told']);
    await child.untilWritesTo(harness.file('a.log'));
    for (let time = 0; time < 2; time += 1) await harness.rotate(settings);
    assert.deepEqual(runs(), ['told', 'last']);
    assert.deepEqual(await harness.names(), ['a.log', 'a.log.1.gz']);
    await assertWhole(child);
  });

  describe('F02: of a block with copytruncate', () => {
    const copying = (settings: Settings = {}): Parameters<Harness['rotate']>[0] => {
      const scripts = { postrotate: noting('told'), lastaction: noting('last') };
      return { rotate: [{ paths: ['*.log'], copytruncate: true, delaycompress: false, ...scripts, ...settings }] };
    };
    beforeEach(() => harness.write('a.log', 'line 1\n'));

    for (const sharedscripts of [true, false]) {
      it(`F02: are run by the next run, once, when the log was emptied (sharedscripts ${sharedscripts})`, async () => {
        const settings = copying({ sharedscripts });
        await killAt({ made: 'a.log' }, settings);
        assert.deepEqual([await harness.read('a.log'), await harness.read('a.log.1'), runs()], ['', 'line 1\n', []]);
        // It grows beyond what it was: it was emptied all the same.
        await harness.write('a.log', 'line 2\nline 3\n');
        const preview = await harness.rotate(settings, { dryRun: true });
        assert.match(repaired(preview), /`postrotate` of logs\.rotate\[0\], .*a\.log had not begun, would be run\./);
        const next = await harness.rotate(settings);
        assert.match(repaired(next), /`postrotate`.* was run now \(exit code 0\)\.$/m);
        await harness.rotate(settings);
        assert.deepEqual(
          [runs(), await harness.names()],
          [
            ['told', 'last'],
            ['a.log', 'a.log.1.gz'],
          ],
        );
        assert.deepEqual(await harness.contents(), ['line 1\n', 'line 2\nline 3\n']);
      });
    }

    it('F02: are not run when the log was not emptied: nothing has been rotated', async () => {
      await killAt({ emptying: 'a.log' }, copying());
      assert.deepEqual([await harness.read('a.log'), await harness.read('a.log.1')], ['line 1\n', 'line 1\n']);
      await harness.rotate(copying());
      assert.deepEqual([runs(), await harness.contents()], [[], ['line 1\n']]);
    });

    it('F02: are not run again that were begun, and that is told', async () => {
      const settings = copying({ postrotate: `${noting('told')}; kill -9 $PPID; sleep 1`, lastaction: '' });
      const { findings } = await harness.rotate(settings, { force: true });
      assert.match(
        JSON.stringify(findings),
        /It is not known whether `postrotate` .*; if what it does is missing, run it/,
      );
      await harness.rotate(settings);
      assert.deepEqual([runs(), await harness.contents()], [['told'], ['line 1\n']]);
    });
  });

  it('F02: get the same shell, arguments, folder, user and environment as from logrotate', async () => {
    const script = (name: string): string =>
      [
        `{ echo ${name} $#; printf '<%s>' "$0" "$@"; pwd; umask; id; readlink /proc/$$/fd/0`,
        String.raw`env | grep -v '^KILL_AT=\|^FAKETIME\|^LD_PRELOAD\|^PATH=\|^_=\|^SHLVL=\|^PWD=\|^OLDPWD=' | sort; } >> ${harness.memory}/runs`,
      ].join('\n');
    for (const sharedscripts of [true, false]) {
      await harness.remove();
      harness = await createHarness();
      for (const name of ['a.log', 'b c.log']) await harness.write(name, 'line\n');
      const settings = {
        rotate: [
          { paths: ['b c.log', 'a*.log'], sharedscripts, postrotate: script('post'), lastaction: script('last') },
        ],
      };
      const first = await harness.rotate(settings, { force: true, env: dayAfter() });
      assert.equal(first.outcome, 'changed', JSON.stringify(first.findings));
      const expected = runs();
      for (const name of ['a.log', 'b c.log']) await harness.write(name, 'line\n');
      await writeFile(path.join(harness.memory, 'runs'), '');
      await killAt({ made: 'a.log' }, settings);
      await harness.rotate(settings);
      assert.deepEqual(runs(), expected);
    }
  });
});
