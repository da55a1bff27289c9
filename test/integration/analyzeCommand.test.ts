/** The built command `analyze-logs`: exit codes, documents, reports, what it reads, and what it knows on the next day. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { part } from '../../agent/procedures/logs/analysis/part.ts';
import { groupLines } from '../procedures/logs/analyzeHarness.ts';
import { entry } from './agentProcess.ts';
import { FakeTime } from './fakeTime.ts';
import { document, LogWorld } from './logWorld.ts';

const day = 86_400_000;

describe('the command analyze-logs', function () {
  this.timeout(60_000);
  let world: LogWorld;
  beforeEach(() => {
    world = new LogWorld();
  });
  afterEach(async () => {
    await world.dispose();
  });

  const write = (name: string, lines: readonly string[]): string => {
    writeFileSync(world.file(name), `${lines.join('\n')}\n`);
    return world.file(name);
  };
  const run = (...args: readonly string[]) => world.command(['analyze-logs', '--config', world.config, ...args]);
  const reports = (): readonly string[] => {
    const folder = join(world.state, 'memory', 'analyze-logs', 'reports');
    return existsSync(folder) ? readdirSync(folder) : [];
  };

  it('ends with 0 for errors in logs, 3 for warnings with --strict, 1 when nothing could be read, 2 for wrong use', async () => {
    const calm = write('calm.log', ['2026-01-01T00:00:00Z ERROR disk 1 is full']);
    const grave = write('grave.log', ['2026-01-01T00:00:00Z FATAL out of handles']);
    assert.equal((await run('--file', calm, '--strict')).code, 0);
    assert.equal((await run('--file', grave)).code, 0);
    assert.equal((await run('--file', grave, '--strict')).code, 3);
    assert.equal((await run('--file', world.file('none.log'))).code, 1);
    const strict = await world.analyze(['--file', grave, '--file', world.file('none.log'), '--strict']);
    assert.deepEqual([strict.code, strict.outcome, strict.files.length], [3, 'warning', 1]);
    for (const wrong of [
      ['--report', 'speed'],
      ['--since', 'last week'],
      ['--top', '0'],
      ['--format', 'html'],
      ['--fiel', calm],
    ]) {
      const { code, stdout, stderr } = await run('--file', calm, ...wrong);
      assert.deepEqual([code, stdout], [2, ''], wrong.join(' '));
      assert.ok(stderr.trim().length > 10);
    }
  });

  it('tells what it found also where this user can keep nothing, as www-data without a home, and says what to do', async () => {
    const log = write('a.log', ['2026-01-01T00:00:00Z ERROR disk 1 is full']);
    const line = ['analyze-logs', '--config', world.config, '--file', log];
    const { code, stdout, stderr } = await world.command(line, { UPKEEP_STATE: '/proc/none' });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /1 error and 0 warnings/);
    assert.match(
      stdout,
      /WARNING .*is not kept, so the next one can not tell what is new: .*set UPKEEP_STATE to a folder/,
    );
    assert.match(stdout, /WARNING .*The report could not be written to .*; give a place for it by --output\./);
    assert.match(stdout, /warning after/);
  });

  it('V15: writes the report where it says, for its owner alone, Markdown that holds what the log said as text', async () => {
    const hostile = [
      'ERROR: \u001b[31mred\u001b[0m \u0007 </code><script>alert(1)</script> | `x` [a](javascript:alert(1)) <img src=x>',
      'ERROR: \u202e reversed \u200b hidden # heading',
      'ERROR: # Heading\r## More',
    ];
    const file = write('hostile.log', hostile);
    const { code, stdout } = await run('--file', file);
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /[\u0000-\u0008\u000b-\u001f\u202e\u200b]/);
    const place = /The report is in (.*)$/m.exec(stdout)?.[1] ?? '';
    assert.deepEqual(reports(), [place.slice(place.lastIndexOf('/') + 1)]);
    assert.equal(statSync(place).mode & 0o777, 0o600);
    const text = readFileSync(place, 'utf8');
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202e\u200b]/);
    const rows = text.split('\n').filter((line) => line.includes('ERROR:'));
    assert.equal(rows.length, hostile.length);
    // Each is one code span in one cell of a table: no HTML, link or heading of the log's comes to life.
    for (const row of rows) assert.match(row, /^\| \d+ \| error \| `[^`\n]*` \| [^|`]* \| [^|`]* \| [^|`]* \|$/);
    assert.ok(rows.some((row) => row.includes('\\|')));
    const { reportFile } = await world.analyze(['--file', file, '--format', 'json']);
    assert.match(reportFile ?? '', /\.json$/);
    assert.equal(part.parse(JSON.parse(readFileSync(reportFile!, 'utf8'))).files[0]?.levels.error, 3);
    const output = world.file('report.md');
    assert.equal((await world.analyze(['--file', file, '--output', output])).reportFile, output);
    assert.match(readFileSync(output, 'utf8'), /^# Errors in logs\n/);
  });

  it('V15: begins no line of its output with what the name of a file says behind a line feed', async () => {
    const log = write('a\nOK       all is well: 0 errors\n.log', ['2026-01-01T00:00:00Z FATAL out of handles']);
    const { stdout } = await run('--file', log, '--dry-run');
    assert.match(stdout, /^WARNING .*a\u240aOK {7}all is well/m);
    assert.doesNotMatch(stdout, /^OK +all is well/m);
  });

  it('writes nothing in a dry run', async () => {
    const file = write('app.log', ['ERROR: x']);
    const { reportFile, files, code } = await world.analyze(['--file', file, '--dry-run']);
    assert.deepEqual([code, reportFile, files[0]?.levels.error, reports()], [0, null, 1, []]);
    assert.ok(!existsSync(join(world.state, 'memory', 'analyze-logs', 'groups.json')));
  });

  it('reads standard input by `--file -`, packed or not', () => {
    const file = write('app.log', ['ERROR: disk 1', 'fine', 'ERROR: disk 2']);
    for (const feed of ['cat', 'gzip -c', 'xz -c', 'zstd -qc']) {
      const command = `${feed} "$1" | "$2" "$3" analyze-logs --config "$4" --file - --json`;
      const env = { PATH: process.env['PATH'], HOME: world.folder, UPKEEP_STATE: world.state };
      const args = ['-c', command, 'sh', file, process.execPath, entry, world.config];
      const stdio = ['ignore', 'pipe', 'ignore'] as const;
      const output = execFileSync('/bin/sh', args, { env, encoding: 'utf8', stdio: [...stdio] });
      const log = document.parse(JSON.parse(output)).files[0];
      assert.deepEqual([log?.source, log?.records, log?.levels.error], ['standard input', 3, 2], feed);
    }
  });

  it('reads what gzip, zstd, xz, bzip2 and lz4 wrote, file after file, and tells of damage and of a tool that is missing', async () => {
    const parts = ['one', 'two'].map((name) =>
      write(
        `${name}.log`,
        Array.from({ length: 20_000 }, (_, index) => `ERROR: ${name} ${index * index}`),
      ),
    );
    for (const tool of ['gzip', 'zstd', 'xz', 'bzip2', 'lz4']) {
      const packed = parts.map((part) => execFileSync(tool, ['-q', '-c', part]));
      const whole = world.file(`whole.${tool}`);
      writeFileSync(whole, Buffer.concat(packed));
      const log = await world.log(whole);
      assert.deepEqual(
        [log.lines, groupLines(log)],
        [40_000, ['error 20000 ERROR: one <num>', 'error 20000 ERROR: two <num>']],
        tool,
      );
      const broken = world.file(`broken.${tool}`);
      writeFileSync(broken, Buffer.concat([packed[0]!, packed[1]!.subarray(0, packed[1]!.length >> 1)]));
      const { files, findings, outcome } = await world.analyze(['--file', broken]);
      assert.ok(files[0]!.lines >= 20_000 && files[0]!.lines < 40_000, `${tool}: ${files[0]!.lines}`);
      assert.deepEqual([outcome, findings[0]?.code], ['warning', 'logs.damaged'], tool);
    }
    const bare = world.file('bin');
    mkdirSync(bare);
    const { findings, code } = await world.analyze(['--file', world.file('whole.xz')], { PATH: bare });
    assert.equal(code, 1);
    assert.match(findings[0]?.message ?? '', /whole\.xz is packed by xz, which this host has not; install xz-utils/);
  });

  it('reads the logs in an archive of archive-logs, and in one of tar, each by itself', async () => {
    const old = new Date(Date.UTC(2026, 0, 20));
    const line = (name: string, index: number) => `2026-01-${10 + index}T00:00:00Z ERROR ${name} ${index} is lost`;
    for (const name of ['app', 'web']) {
      write(`${name}.log`, ['now']);
      for (const index of [1, 2, 3]) {
        const plain = write(`${name}.log.${index}`, [line(name, index), line(name, index)]);
        if (index > 1) execFileSync('gzip', [plain]);
        utimesSync(index > 1 ? `${plain}.gz` : plain, old, old);
      }
    }
    const destination = join(world.folder, 'archives');
    for (const compression of ['zstd', 'gzip']) {
      world.write(
        `maintenance:\n  logs:\n    archive: {paths: ['${world.logs}/*.log'], destination: ${destination}, compression: ${compression}}\n`,
      );
      if (compression === 'gzip') {
        for (const name of ['app', 'web']) {
          for (const index of [1, 2, 3])
            utimesSync(write(`${name}.log.${index}`, [line(name, index), line(name, index)]), old, old);
        }
      }
      const made = await world.command(['archive-logs', '--config', world.config]);
      assert.equal(made.code, 0, made.stdout + made.stderr);
    }
    const { files } = await world.analyze(['--file', destination]);
    const archives = readdirSync(destination)
      .filter((name) => name.includes('.tar.'))
      .sort();
    assert.equal(archives.length, 2);
    assert.deepEqual(
      files.map(({ source, read, records, firstSeen }) => [
        source.slice(destination.length + 1).replace(/:.*\//, ':'),
        read.length,
        records,
        firstSeen,
      ]),
      archives.flatMap((name) => ['app', 'web'].map((log) => [`${name}:${log}.log`, 3, 6, '2026-01-11T00:00:00.000Z'])),
    );
    for (const { groups, source } of files) {
      assert.deepEqual(
        groups.map(({ template, count }) => [template, count]),
        [[`ERROR ${source.includes('app.log') ? 'app' : 'web'} <num> is lost`, 6]],
      );
    }
    const since = await world.analyze(['--file', join(destination, archives[0]!), '--since', '2026-01-12T12:00:00Z']);
    assert.deepEqual(
      since.files.map(({ records, skipped }) => [records, skipped]),
      [
        [2, 4],
        [2, 4],
      ],
    );
    const tar = world.file('all.tgz');
    const long = `${'deep/'.repeat(40)}x.log`;
    mkdirSync(join(world.folder, 'tree', long, '..'), { recursive: true });
    writeFileSync(join(world.folder, 'tree', long), 'ERROR: deep\n');
    for (const format of ['gnu', 'pax', 'ustar']) {
      execFileSync('tar', ['-czf', tar, `--format=${format}`, '-C', join(world.folder, 'tree'), '.']);
      const all = await world.analyze(['--file', tar]);
      assert.deepEqual(
        all.files.map(({ source, levels }) => [source, levels.error]),
        [[`${tar}:./${long}`, 1]],
        format,
      );
    }
  });

  it('tells on the next days what is new since yesterday, from what it remembers', async () => {
    const clock = new FakeTime(world.folder, '2026-03-01T12:00:00Z');
    const stamp = (): string => new Date(clock.now() - 1000).toISOString();
    const look = async (lines: readonly string[]) => {
      // Rotated each day: the past is in the memory alone.
      const file = write(
        'app.log',
        lines.map((text) => `${stamp()} ERROR ${text}`),
      );
      const { files, findings } = await world.analyze(['--file', file], clock.environment);
      const fresh = findings.find(({ code }) => code === 'logs.new-errors');
      return [files[0]!.groups.map(({ template, isNew }) => `${template.slice(6)}: ${isNew}`).toSorted(), fresh?.value];
    };
    assert.deepEqual(await look(['disk 1 is full']), [['disk <num> is full: null'], undefined]);
    clock.step(1.5 * day);
    assert.deepEqual(await look(['disk 2 is full', 'fan 7 stopped']), [
      ['disk <num> is full: false', 'fan <num> stopped: true'],
      1,
    ]);
    clock.step(day / 2);
    assert.deepEqual(await look(['fan 8 stopped']), [['fan <num> stopped: true'], 1]);
    clock.step(day);
    assert.deepEqual(await look(['fan 9 stopped', 'disk 3 is full']), [
      ['disk <num> is full: false', 'fan <num> stopped: false'],
      undefined,
    ]);
  });
});
