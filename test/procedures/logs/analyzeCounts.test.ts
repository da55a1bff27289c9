/** What analyze-logs counts is what other programs count on the same file: awk, grep, wc. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeAccessLog, writePostgresLog } from '../../bench/logGenerators.ts';
import { AnalyzeHarness } from './analyzeHarness.ts';

describe('analyze-logs beside other counts', () => {
  let harness: AnalyzeHarness;
  before(async () => {
    harness = await AnalyzeHarness.create();
  });
  after(async () => {
    await harness.remove();
  });

  const shell = (command: string, file: string): string =>
    execFileSync('/bin/sh', ['-c', command, 'sh', file], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C' },
    }).trim();
  const count = (pattern: string, file: string): number => Number(shell(`grep -cE '${pattern}' "$1" || true`, file));
  const pairs = (command: string, file: string): Record<string, number> =>
    Object.fromEntries(
      shell(command, file)
        .split('\n')
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    );

  it('access log: lines, statuses, bytes, clients, paths, agents, in both reports', async () => {
    const file = harness.file('access.log');
    const lines = writeAccessLog(file, 12e6);
    const whole = await harness.log(file, { report: 'performance', top: 1000 });
    const failures = await harness.log(file, { report: 'error', top: 1000 });
    const statuses = pairs(`awk '{c[$9]++} END {for (s in c) print s, c[s]}' "$1"`, file);
    const requests = whole.requests!;
    for (const log of [whole, failures]) {
      assert.deepEqual([log.lines, log.records], [lines, Number(shell('wc -l < "$1"', file))]);
      assert.deepEqual(log.requests?.statuses, statuses);
      assert.deepEqual([log.firstSeen, log.lastSeen], [whole.firstSeen, whole.lastSeen]);
      assert.deepEqual(log.formats, { combined: lines });
      assert.equal(log.levels.error, count('" 5[0-9][0-9] ', file));
      assert.equal(log.levels.warning, count('" 4[0-9][0-9] ', file));
    }
    assert.equal(requests.bytes, Number(shell(`awk '{s += $10} END {printf "%.0f", s}' "$1"`, file)));
    const clients = pairs(`awk '{c[$1]++} END {for (s in c) print s, c[s]}' "$1"`, file);
    assert.ok(requests.clients.exact);
    assert.equal(requests.clients.distinct, Object.keys(clients).length);
    for (const { name, count } of requests.clients.top) assert.equal(count, clients[name]);
    const paths = pairs(
      `awk '{split($7, p, "?"); c[substr($6, 2) " " p[1]]++} END {for (s in c) print s, c[s]}' "$1"`,
      file,
    );
    assert.equal(requests.paths.distinct, Object.keys(paths).length);
    for (const { name, count } of requests.paths.top) assert.equal(count, paths[name]);
    const agents = pairs(`awk -F'"' '{c[$6]++} END {for (s in c) print s, c[s]}' "$1"`, file);
    assert.deepEqual(Object.fromEntries(requests.agents.top.map(({ name, count }) => [name, count])), agents);
    const grouped = failures.groups.reduce((sum, { count }) => sum + count, failures.otherMessages);
    assert.equal(grouped, failures.levels.error + failures.levels.warning);
  });

  it('PostgreSQL log: records, levels, statements, waits, temporary files', async () => {
    const file = harness.file('postgresql.log');
    writePostgresLog(file, 12e6);
    const log = await harness.log(file, { report: 'performance', top: 1000 });
    const statements = log.statements!;
    assert.equal(log.lines, Number(shell('wc -l < "$1"', file)));
    assert.equal(log.records, count('(LOG|ERROR|FATAL):  ', file));
    assert.equal(log.levels.error, count('ERROR:  ', file));
    assert.equal(statements.count, count('duration: ', file));
    assert.equal(statements.connections, count('connection authorized', file));
    assert.equal(statements.disconnections, count('disconnection: ', file));
    assert.equal(statements.lockWaits, count('still waiting for', file));
    const size = `awk '/temporary file:/ {s += $NF} END {printf "%.0f", s}' "$1"`;
    assert.equal(statements.temporaryBytes, Number(shell(size, file)));
    const kinds = pairs(
      `awk -F'statement: ' '/duration: / {split($2, w, " "); c[w[1] " " w[2]]++} END {for (s in c) print s, c[s]}' "$1"`,
      file,
    );
    const counted = Object.values(kinds).toSorted((one, other) => one - other);
    assert.deepEqual(
      statements.top.map(({ count }) => count).toSorted((one, other) => one - other),
      counted,
    );
    const durations = shell(`sed -n 's/.*duration: \\([0-9.]*\\) ms.*/\\1/p' "$1"`, file).split('\n').map(Number);
    const sorted = durations.toSorted((one, other) => one - other);
    const spread = statements.milliseconds!;
    for (const [share, value] of [
      [0.5, spread.p50],
      [0.95, spread.p95],
      [0.99, spread.p99],
    ] as const) {
      const exact = sorted[Math.floor(share * (sorted.length - 1))]!;
      assert.ok(Math.abs(value - exact) <= exact * 0.0101, `p${share * 100}: ${value}, exactly ${exact}`);
    }
    assert.equal(spread.max, Number(sorted.at(-1)!.toPrecision(6)));
  });

  it('JSON lines, syslog, Python, Java and docker: levels and records', async () => {
    const levels = ['debug', 'info', 'info', 'warning', 'error'] as const;
    const write = async (name: string, line: (level: (typeof levels)[number], index: number) => string) =>
      harness.write(
        name,
        Array.from({ length: 20_000 }, (_, index) => line(levels[(index * 7 + (index >> 3)) % 5]!, index)),
      );
    const at = (index: number) => new Date(Date.UTC(2024, 2, 1) + index * 100).toISOString();
    const files = {
      json: await write('app.json', (level, index) => JSON.stringify({ level, time: at(index), msg: `m ${index}` })),
      'syslog-5424': await write(
        'sys.log',
        (level, index) =>
          `<${{ debug: 15, info: 14, warning: 12, error: 11 }[level]}>1 ${at(index)} h app 1 - - ${level} ${index}`,
      ),
      python: await write(
        'py.log',
        (level, index) =>
          `${at(index)} app ${level.toUpperCase()} m ${index}${level === 'error' ? '\nTraceback (most recent call last):\n  File "x", line 1\nKeyError: 1' : ''}`,
      ),
      java: await write(
        'java.log',
        (level, index) =>
          `${at(index)} ${level.toUpperCase()} m ${index}${level === 'error' ? '\njava.lang.Error: x\n\tat a.b(c.java:1)\nCaused by: d.E: f' : ''}`,
      ),
      'docker-json': await write('d.log', (level, index) =>
        JSON.stringify({ log: `${level.toUpperCase()} m ${index}\n`, stream: 'stdout', time: at(index) }),
      ),
    };
    for (const [format, file] of Object.entries(files)) {
      const log = await harness.log(file);
      assert.equal(log.lines, Number(shell('wc -l < "$1"', file)), format);
      assert.equal(log.records, 20_000, format);
      assert.equal(log.formats[format], format === 'python' || format === 'java' ? log.levels.error : 20_000, format);
      const named = (level: string) => Number(shell(`grep -ciE '\\b${level}\\b.*[^0-9]?[0-9]+' "$1"`, file));
      assert.deepEqual([log.levels.debug, log.levels.warning], [named('debug'), named('warning')], format);
      assert.equal(log.levels.error, 4000, format);
    }
  });
});
