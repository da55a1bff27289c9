/** Logs that nobody would write, or that somebody writes on purpose. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { Templates } from '../../../agent/procedures/logs/analysis/templates.ts';
import { ByteCounter } from '../../../agent/procedures/logs/analysis/byteCounter.ts';
import { hashBytes } from '../../../agent/procedures/logs/analysis/bytes.ts';
import { StatementNormalizer } from '../../../agent/procedures/logs/analysis/statement.ts';
import { writeAccessLog } from '../../bench/logGenerators.ts';
import { AnalyzeHarness } from './analyzeHarness.ts';
import { configuration } from './harness.ts';

const analyzeChild = path.join(import.meta.dirname, 'analyzeChild.ts');

describe('analyze-logs, hostile logs', () => {
  let harness: AnalyzeHarness;
  beforeEach(async () => {
    harness = await AnalyzeHarness.create();
  });
  afterEach(async () => {
    await harness.remove();
  });

  it('V27: takes a line of 1 MB, 10^6 blanks and repeated letters in a time that grows with their length', async () => {
    const long = [
      'a'.repeat(1_000_000),
      ' '.repeat(1_000_000),
      `ERROR: ${' '.repeat(1_000_000)}x`,
      `${'a'.repeat(500_000)}!`,
      `{"msg":"${'\\"'.repeat(400_000)}"}`,
      `192.0.2.1 - - [01/Mar/2024:00:00:01 +0000] "GET /${'a'.repeat(900_000)} HTTP/1.1" 500 1 "-" "-"`,
      `192.0.2.1 - - [01/Mar/2024:00:00:01 +0000] "GET /${'\\"'.repeat(400_000)}`,
      `2024-03-01 00:00:01 UTC [1] ERROR:  ${'('.repeat(900_000)}`,
      `2024-03-01 00:00:01 UTC [1] LOG:  duration: 1.0 ms  statement: SELECT ${'1, '.repeat(300_000)}`,
      `<165>1 2024-03-01T00:00:04Z h a - - [${'x="'.repeat(300_000)}`,
      `Traceback (most recent call last):`,
      ` ${'-'.repeat(900_000)}`,
      `${'E'.repeat(900_000)}: x`,
    ];
    const file = await harness.write('long.log', long);
    for (const report of ['error', 'performance']) {
      const log = await harness.log(file, { report });
      assert.equal(log.lines, long.length);
      assert.equal(log.requests?.statuses['500'], 1);
      assert.ok(log.groups.every(({ template }) => template.length < 1500));
    }
  });

  it('V27: takes a pattern of a user for plain text, so that none can hang it', async () => {
    const ignore = ['(a+)+$', '.*error'];
    const file = await harness.write('app.log', [
      `ERROR: ${'a'.repeat(100_000)}!`,
      'ERROR: saw (a+)+$ here',
      'ERROR: .*error',
    ]);
    const log = await harness.log(file, {}, { logs: { analyze: { ignore } } });
    assert.deepEqual([log.levels.error, log.ignoredMessages], [3, 2]);
    assert.throws(() => configuration({ analyze: { patterns: ['(a+)+$'] } as never }, harness.root), /patterns/);
  });

  it('survives a line of 50 MB, NUL bytes, invalid UTF-8 and random bytes, counts them and the lines between', async () => {
    const file = harness.file('rubbish.log');
    const target = await open(file, 'w');
    await target.write('ERROR: first\n');
    const piece = Buffer.alloc(1 << 20, 'x');
    for (let index = 0; index < 50; index += 1) await target.write(piece);
    await target.write('\nERROR: second\n');
    await target.write(Buffer.from([...Buffer.from('ERROR: a\0b\n'), 0xff, 0xfe, 10, 0xc3, 10]));
    await target.write(
      Buffer.from('192.0.2.1 - - [01/Mar/2024:00:00:01 +0000] "GET / HTTP/1.1" 200 1 "-" "\xff"\n', 'latin1'),
    );
    await target.write(randomBytes(3_000_000));
    await target.write('\nERROR: third\n');
    await target.close();
    const { part, findings } = await harness.run({ file: [file], top: 1000 });
    const log = part.files[0]!;
    const newlines = Number(execFileSync('/bin/sh', ['-c', 'wc -l < "$1"', 'sh', file], { encoding: 'utf8' }));
    assert.equal(log.lines, newlines);
    assert.equal(log.longLines, 1);
    assert.ok(log.binaryLines > 1 && log.invalidLines > 3);
    assert.equal(log.requests?.count, 1);
    for (const word of ['first', 'second', 'third']) {
      assert.ok(
        log.groups.some(({ template }) => template === `ERROR: ${word}`),
        word,
      );
    }
    assert.match(findings.find(({ code }) => code === 'logs.rubbish')?.message ?? '', /longer than 1 MiB/);
  });

  it('goes on with other logs behind a record of a csvlog whose quote never closes', async () => {
    const open = `2024-03-01 00:00:00.000 UTC,"a","b",7,"h:1",x,1,"SELECT",2024-03-01 00:00:00 UTC,1/1,0,ERROR,22012,"said`;
    const others = Array.from({ length: 30_000 }, (_, index) => `2024-03-01T00:00:01Z WARN disk ${index}`);
    const log = await harness.log(await harness.write('mixed.log', [open, ...others]));
    assert.deepEqual([log.lines, log.levels.error, log.formats['postgresql-csv']], [30_001, 1, 1]);
    assert.ok(log.levels.warning >= 20_000, `${log.levels.warning}`);
  });

  it('opens no FIFO and no device, and does not hang on them', async () => {
    await mkdir(harness.file('logs'));
    execFileSync('mkfifo', [harness.file('logs/pipe.log')]);
    await harness.write('logs/app.log', ['fine']);
    const folder = await harness.run({ file: [harness.file('logs')] });
    assert.deepEqual(
      folder.part.files.map(({ source }) => path.basename(source)),
      ['app.log'],
    );
    for (const file of [harness.file('logs/pipe.log'), '/dev/null']) {
      const { outcome, findings } = await harness.run({ file: [file] });
      assert.equal(outcome, 'failed');
      assert.match(findings[0]!.message, /not a regular file/);
    }
  });

  it('keeps its groups bounded whatever comes, and counts the rest', () => {
    const templates = new Templates();
    for (let index = 0; index < 30_000; index += 1) {
      const letters = index.toString(26).replaceAll(/\d/g, (digit) => 'qrstuvwxyz'.charAt(Number(digit)));
      const message = Buffer.from(`${letters}q ${letters}r ${letters}s`);
      templates.add('error', message, 0, message.length, index);
    }
    assert.ok(templates.groups.length <= 2000);
    const counted = templates.groups.reduce((sum, { count }) => sum + count, templates.other);
    assert.equal(counted, 30_000);
  });

  it('counts more different keys than it has room for within the error that it states', () => {
    const counter = new ByteCounter(256);
    const exact = new Map<string, number>();
    for (let index = 0; index < 200_000; index += 1) {
      const key = index % 3 === 0 ? `often-${index % 7}` : `rare-${(index * 7919) % 50_021}`;
      exact.set(key, (exact.get(key) ?? 0) + 1);
      const bytes = Buffer.from(key);
      const entry = counter.find(bytes, 0, bytes.length, hashBytes(bytes, 0, bytes.length));
      counter.counts[entry] = counter.counts[entry]! + 1;
    }
    assert.ok(counter.size <= 256 && counter.missed > 0);
    const top = counter.top(7).map((index) => counter.text(index));
    assert.deepEqual(
      top.toSorted(),
      Array.from({ length: 7 }, (_, index) => `often-${index}`),
    );
    for (const index of counter.top(256)) {
      const [counted, truth] = [counter.counts[index]!, exact.get(counter.text(index))!];
      assert.ok(
        counted <= truth && counted >= truth - counter.missed,
        `${counter.text(index)}: ${counted} of ${truth}`,
      );
    }
  });

  it('normalises statements whose quotes, comments and tags do not end', () => {
    const normalizer = new StatementNormalizer();
    const normal = (sql: string): string => {
      const bytes = Buffer.from(sql);
      normalizer.normalize(bytes, 0, bytes.length);
      return normalizer.bytes.toString('utf8', 0, normalizer.length);
    };
    const expected: Readonly<Record<string, string>> = {
      "SELECT 'it''s', E'a\\'b', 1.5e3, t1.c2 FROM \"My Table\" -- x\n WHERE a=-1":
        'select ?, t1.c2 from "My Table" where a=?',
      'SELECT /* a /* b */ c */ $tag$ text ; $tag$ , $1;': 'select ? , $1',
      'insert into a values (1, 2), (3,4)': 'insert into a values (?), (?)',
      "select 'open": 'select ?',
      'select "open': 'select "open',
      'select /* open': 'select',
      'select $a$ open': 'select ?',
      $: '$',
      '': '',
    };
    for (const [sql, wanted] of Object.entries(expected)) assert.equal(normal(sql), wanted);
  });

  it('needs less than 200 MB for logs of any size, in both reports', async () => {
    const file = harness.file('large.log');
    writeAccessLog(file, 150e6);
    for (const report of ['error', 'performance']) {
      const child = spawn(process.execPath, [analyzeChild, file, report], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
      const { lines, peakMB } = z.object({ lines: z.number(), peakMB: z.number() }).parse(JSON.parse(output));
      console.log(`      ${report}: ${lines} lines, at most ${peakMB} MB`);
      assert.ok(lines > 500_000);
      assert.ok(peakMB < 200, `${peakMB} MB`);
    }
  }).timeout(120_000);
});
