import assert from 'node:assert/strict';
import { chmod, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { asUser } from '../../../agent/procedures/logs/asUser.ts';
import { AnalyzeHarness, groupLines } from './analyzeHarness.ts';

const day = 86_400_000;
const noon = new Date('2024-03-10T12:00:00Z');
const before = (milliseconds: number): string => new Date(noon.getTime() - milliseconds).toISOString();

describe('analyze-logs', () => {
  let harness: AnalyzeHarness;
  beforeEach(async () => {
    harness = await AnalyzeHarness.create();
  });
  afterEach(async () => {
    await harness.remove();
  });

  it('groups messages that differ only in their values, and says when each was first and last seen', async () => {
    const lines: string[] = [];
    for (let index = 0; index < 300; index += 1) {
      const at = before((300 - index) * 1000);
      lines.push(
        `${at} ERROR user ${['ada', 'bob', 'eve'][index % 3]} failed login from 10.0.0.${index % 250} after ${index} ms`,
      );
      if (index % 3 === 0) lines.push(`${at} WARN  cache 0x${(4096 + index).toString(16)} is 9${index % 9}% full`);
      if (index % 100 === 0)
        lines.push(
          `${at} ERROR cannot open /var/lib/app/${index}/data.db for job 1b4e28ba-2fa1-11d2-883f-0016d3cca4${10 + (index % 9)}`,
        );
      lines.push(`${at} INFO request ${index} done`);
    }
    const log = await harness.log(await harness.write('app.log', lines), {}, { now: noon });
    assert.deepEqual(groupLines(log), [
      'error 300 ERROR user <*> failed login from <ip> after <num> ms',
      'error 3 ERROR cannot open <path> for job <uuid>',
      'warning 100 WARN cache <hex> is <num>% full',
    ]);
    assert.equal(log.groups[0]!.firstSeen, before(300_000));
    assert.equal(log.groups[0]!.lastSeen, before(1000));
  });

  it('tells which groups are new since yesterday, in the log itself and against earlier runs', async () => {
    const old = [`${before(3 * day)} ERROR disk 1 is full`, `${before(2 * day)} ERROR user ada unknown to us`];
    const file = await harness.write('app.log', [...old, `${before(3_600_000)} ERROR fan 3 stopped`]);
    const isNew = async (now: Date) => {
      const { groups } = await harness.log(file, {}, { now });
      return Object.fromEntries(groups.map(({ template, isNew }) => [template, isNew]));
    };
    const first = { 'ERROR disk <num> is full': false, 'ERROR user ada unknown to us': false };
    assert.deepEqual(await isNew(noon), { ...first, 'ERROR fan <num> stopped': true });
    const tomorrow = new Date(noon.getTime() + 1.5 * day);
    const late = new Date(tomorrow.getTime() - 1000).toISOString();
    // Rotated away: what is known of the past is what was remembered.
    await harness.write('app.log', [
      `${late} ERROR fan 4 stopped`,
      `${late} ERROR user bob unknown to us`,
      `${late} ERROR no such table`,
    ]);
    assert.deepEqual(await isNew(tomorrow), {
      'ERROR fan <num> stopped': false,
      'ERROR user <*> unknown to us': false,
      'ERROR no such table': true,
    });
    assert.deepEqual(await isNew(new Date(tomorrow.getTime() + 2 * day)), {
      'ERROR fan <num> stopped': false,
      'ERROR user <*> unknown to us': false,
      'ERROR no such table': false,
    });
  });

  it('claims nothing to be new where neither the log nor a run reaches back to yesterday', async () => {
    const file = await harness.write('app.log', [`${before(60_000)} ERROR fan 3 stopped`]);
    assert.equal((await harness.log(file, {}, { now: noon })).groups[0]!.isNew, null);
    const analyzed = await harness.run({ file: [file] }, { now: noon });
    assert.deepEqual(
      analyzed.findings.filter(({ code }) => code === 'logs.new-errors'),
      [],
    );
  });

  it('warns of new groups and of a share of failed requests above the thresholds, and of fatal messages', async () => {
    const file = await harness.write('mixed.log', [
      `${before(3 * day)} INFO started`,
      `${before(1000)} FATAL out of handles`,
      ...Array.from(
        { length: 20 },
        (_, index) => `192.0.2.1 - - [10/Mar/2024:11:59:59 +0000] "GET /x HTTP/1.1" ${index < 2 ? 503 : 200} 1`,
      ),
    ]);
    const { outcome, findings } = await harness.run({ file: [file] }, { now: noon });
    assert.equal(outcome, 'warning');
    const rate = findings.find(({ code }) => code === 'logs.error-rate');
    assert.deepEqual([rate?.level, rate?.value, rate?.threshold, rate?.unit], ['warning', 10, 5, '%']);
    const fresh = findings.find(({ code }) => code === 'logs.new-errors');
    assert.deepEqual([fresh?.level, fresh?.value], ['warning', 2]);
    assert.match(findings.find(({ code }) => code === 'logs.fatal')?.message ?? '', /out of handles/);
    const calm = { analyze: { error_rate: 50, new_groups: 3 } };
    const mild = await harness.run({ file: [file] }, { now: noon, logs: calm });
    assert.deepEqual(
      mild.findings.filter(({ level }) => level === 'warning').map(({ code }) => code),
      ['logs.fatal'],
    );
  });

  it('leaves out what is older than --since, whatever the zone of the line', async () => {
    const file = await harness.write('app.log', [
      '2024-03-10T12:59:59+01:00 ERROR one hour east, too old',
      '  and its second line',
      '2024-03-10T07:00:01-05:00 ERROR five hours west, young',
      '2024-03-10 12:00:02 UTC [9] ERROR:  of PostgreSQL',
      '2024-03-10 12:00:02 CET [9] ERROR:  of PostgreSQL, too old',
      '192.0.2.1 - - [10/Mar/2024:13:00:03 +0100] "GET /x HTTP/1.1" 500 1',
      '192.0.2.1 - - [10/Mar/2024:12:59:57 +0100] "GET /x HTTP/1.1" 500 1',
      '{"level":"error","time":1710072004000,"msg":"young"}',
      '{"level":"error","time":1710071998000,"msg":"too old"}',
    ]);
    for (const since of ['2024-03-10T12:00:00Z', '2024-03-10T13:00+01:00', '2h']) {
      const log = await harness.log(file, { since }, { now: new Date('2024-03-10T14:00:00Z') });
      assert.deepEqual([log.records, log.skipped, log.levels.error], [4, 4, 4], since);
      assert.equal(log.firstSeen, '2024-03-10T12:00:01.000Z');
    }
    await assert.rejects(harness.run({ file: [file], since: 'last week' }), /how long ago/);
  });

  it('reads the generations that `logs.rotate` puts into an olddir, or names by a dateformat of its own', async () => {
    const line = (time: string) => `${time} ERROR at ${time}\n`;
    const [old, one, two, live] = ['01', '08', '09', '10'].map((day) => `2024-03-${day}T00:00:00Z`) as [
      string,
      string,
      string,
      string,
    ];
    const write = async (name: string, content: Buffer, time: string) => {
      const file = await harness.write(name, content);
      await utimes(file, new Date(time), new Date(time));
    };
    await write('was/app.log_W09.gz', gzipSync(line(old)), old);
    await write('was/app.log_W10.zst', zstdCompressSync(Buffer.from(line(one))), one);
    await write('was/app.log_W11', Buffer.from(line(two)), two);
    await write('was/app.log.other_W11', Buffer.from(line(two)), two);
    await write('logs/b.log.on08.gz', gzipSync(line(one)), one);
    for (const log of ['app', 'b']) await harness.write(`logs/${log}.log`, line(live));
    const rotate = [
      { paths: ['logs/app*.log'], olddir: '../was', dateext: true, dateformat: '_W%V' },
      { paths: ['logs/b.log'], dateext: true, dateformat: '.on%d' },
    ];
    const { files } = (await harness.run({ since: '7d' }, { now: noon, logs: { rotate } })).part;
    assert.deepEqual(
      files.map(({ read }) => read.map((file) => path.relative(harness.root, file))),
      [
        ['was/app.log_W10.zst', 'was/app.log_W11', 'logs/app.log'],
        ['logs/b.log.on08.gz', 'logs/b.log'],
      ],
    );
  });

  it('tells what it found also where its report can not be written, and says so', async () => {
    const file = await harness.write('a.log', '2024-03-10T11:00:00Z ERROR one\n');
    const output = harness.file('none/report.md');
    const { outcome, part, findings } = await harness.run({ file: [file], output }, { now: noon });
    assert.deepEqual([outcome, part.reportFile, part.files[0]?.levels.error], ['warning', null, 1]);
    const said = findings.find(({ code }) => code === 'logs.report');
    assert.match(said?.message ?? '', /could not be written to .*none\/report\.md \(ENOENT.*give another --output/);
  });

  it('says in its report why it is not known what is new', async () => {
    const file = await harness.write('a.log', '2024-03-10T11:00:00Z ERROR one\n');
    const report = async (...files: string[]) =>
      await readFile((await harness.run({ file: files }, { now: noon })).part.reportFile ?? '', 'utf8');
    assert.match(await report(file), /\?: what is new since yesterday is not known, .*--since 3d/);
    const longer = ['2024-03-08T11:00:00Z ERROR two', '2024-03-10T11:00:00Z ERROR one'];
    assert.doesNotMatch(await report(await harness.write('b.log', longer)), /not known/);
  });

  it('reads the generations of a configured log that are young enough, oldest first, as one log', async () => {
    const at = async (file: string, time: string) => utimes(file, new Date(time), new Date(time));
    const line = (time: string) => `${time} ERROR at ${time}\n`;
    const [old, one, two, live] = [
      '2024-03-01T00:00:00Z',
      '2024-03-08T00:00:00Z',
      '2024-03-09T00:00:00Z',
      '2024-03-10T00:00:00Z',
    ] as const;
    await at(await harness.write('logs/app.log.3.gz', gzipSync(line(old))), old);
    await at(await harness.write('logs/app.log.2.zst', zstdCompressSync(Buffer.from(line(one)))), one);
    await at(await harness.write('logs/app.log.1', line(two)), two);
    await harness.write('logs/app.log', line(live));
    await harness.write('logs/other.log', line(live));
    const logs = { analyze: { files: [harness.file('logs')], since: '7d' } };
    const { files } = (await harness.run({}, { now: noon, logs })).part;
    assert.deepEqual(
      files.map(({ source, read, lines }) => [path.basename(source), read.map((file) => path.basename(file)), lines]),
      [
        ['app.log', ['app.log.2.zst', 'app.log.1', 'app.log'], 3],
        ['other.log', ['other.log'], 1],
      ],
    );
    assert.deepEqual(
      [files[0]!.firstSeen, files[0]!.lastSeen],
      ['2024-03-08T00:00:00.000Z', '2024-03-10T00:00:00.000Z'],
    );
    const rotate = { rotate: [{ paths: [harness.file('logs/app.log')] }] };
    const alone = (await harness.run({}, { now: noon, logs: rotate })).part.files;
    assert.deepEqual(
      alone.map(({ read }) => read.length),
      [1],
    );
  });

  it('takes files, folders and globs by --file, and says of each that leads nowhere', async () => {
    await harness.write('logs/a.log', ['ERROR: a']);
    await harness.write('logs/deep/b.log', ['ERROR: b']);
    await harness.write('logs/wtmp', ['x']);
    const given = [harness.file('logs'), harness.file('logs/*.log'), harness.file('none.log'), harness.file('no*.txt')];
    const { part, findings } = await harness.run({ file: given });
    assert.deepEqual(
      part.files.map(({ source }) => path.relative(harness.root, source)),
      ['logs/a.log', 'logs/deep/b.log'],
    );
    const unread = findings.filter(({ code }) => code === 'logs.unreadable');
    assert.deepEqual(
      unread.map(({ subject }) => path.basename(subject)),
      ['none.log', 'no*.txt'],
    );
    assert.equal((await harness.run({ file: [harness.file('none.log')] })).outcome, 'failed');
    const unset = await harness.run({});
    assert.deepEqual(
      unset.findings.map(({ code }) => code),
      ['logs.none'],
    );
  });

  it('reads what it may of a folder, and names the folders below it that it may not look into or that lie too deep', async () => {
    const isRoot = process.geteuid?.() === 0;
    await chmod(harness.root, 0o755);
    await harness.write('logs/a.log', ['ERROR: a']);
    await harness.write('logs/closed/b.log', ['ERROR: b']);
    await harness.write('logs/1/2/3/4/5/6/c.log', ['ERROR: c']);
    await harness.write('logs/1/2/3/4/5/6/7/8/d.log', ['ERROR: d']);
    await chmod(harness.file('logs/closed'), 0);
    try {
      const look = () => harness.run({ file: [harness.file('logs')] }, { dryRun: true });
      const { part, findings, outcome } = await asUser(isRoot ? { uid: 65534, gid: 65534 } : null, look);
      assert.deepEqual(
        part.files.map(({ source }) => path.basename(source)),
        ['c.log', 'a.log'],
      );
      const unread = findings.filter(({ code }) => code === 'logs.unreadable').map(({ message }) => message);
      assert.deepEqual(unread, [
        `${harness.file('logs/closed')} may not be read; run Upkeep as root or give its user the right.`,
        `Folders more than 6 below ${harness.file('logs')} are not read, such as ${harness.file('logs/1/2/3/4/5/6/7')}; name them by themselves.`,
      ]);
      assert.equal(outcome, 'warning');
    } finally {
      await chmod(harness.file('logs/closed'), 0o700);
    }
  });

  it('writes its report for its owner alone, as Markdown or JSON, without the secrets of this process', async () => {
    const file = await harness.write('app.log', ['ERROR: token hunter-two | `refused` \u202e by \u0007 host']);
    const mask = (text: string) => text.replaceAll('hunter-two', '**********');
    const analyzed = await harness.run({ file: [file] }, { mask });
    const text = await harness.report(analyzed);
    assert.match(text, /^# Errors in logs/);
    assert.ok(text.includes('ERROR: token ********** \\| ˋrefusedˋ'), text);
    assert.doesNotMatch(text, /[\u202e\u0007]/);
    assert.equal((await stat(analyzed.part.reportFile!)).mode & 0o777, 0o600);
    const output = harness.file('out.json');
    await writeFile(output, 'old');
    await chmod(output, 0o644);
    await harness.run({ file: [file], format: 'json', output }, { mask });
    assert.equal((await stat(output)).mode & 0o777, 0o600);
    const json = await readFile(output, 'utf8');
    assert.match(json, /"format": "plain"/);
    assert.doesNotMatch(json, /hunter-two/);
    const dry = await harness.run({ file: [file] }, { dryRun: true, now: new Date('2025-01-01T00:00:00Z') });
    assert.equal(dry.part.reportFile, null);
    assert.equal((await readdir(path.join(harness.memory, 'reports'))).length, 1);
    assert.doesNotMatch(await readFile(path.join(harness.memory, 'groups.json'), 'utf8'), /hunter-two/);
  });

  it('keeps the newest thirty of its own reports', async () => {
    const file = await harness.write('app.log', ['ERROR: x']);
    for (let hour = 0; hour < 32; hour += 1) {
      await harness.run({ file: [file] }, { now: new Date(Date.UTC(2024, 2, 1, hour)) });
    }
    const names = (await readdir(path.join(harness.memory, 'reports'))).sort();
    assert.equal(names.length, 30);
    assert.equal(names[0], 'error-2024-03-01T02-00-00-000Z.md');
  });

  it('shows the person at the terminal rates, percentiles by route and statement, and what was slowest', async () => {
    const request = (path: string, took: string) =>
      `192.0.2.1 - - [10/Mar/2024:11:59:59 +0000] "GET ${path} HTTP/1.1" ${took === '-' ? 503 : 200} 1024 "-" "x" ${took}`;
    const access = await harness.write('access.log', [
      ...Array.from({ length: 98 }, (_, index) => request(`/users/${index}`, '0.100')),
      request('/report', '2.500'),
      request('/report', '-'),
    ]);
    const postgres = await harness.write('postgresql.log', [
      '2024-03-10 11:59:59 UTC [7] LOG:  duration: 1500.000 ms  statement: SELECT 17',
      '2024-03-10 11:59:59 UTC [7] LOG:  process 7 still waiting for ShareLock on transaction 9 after 1000.1 ms',
    ]);
    const { lines } = await harness.run({ file: [access, postgres], report: 'performance' }, { now: noon });
    assert.deepEqual(lines.slice(0, -1), [
      '  100 requests, 100.0 KiB, 1 % failed (5xx); 100 a minute, at most 100 at 2024-03-10T11:59:00.000Z',
      '  took p50 99.7 ms, p95 99.7 ms, p99 99.7 ms, longest 2.5 s',
      '  requests  5xx      p50      p95      p99  longest  route',
      '        98    0  99.7 ms  99.7 ms  99.7 ms   100 ms  GET /users/:id',
      '         2    1    2.5 s    2.5 s    2.5 s    2.5 s  GET /report',
      '    took                        at  slowest',
      '   2.5 s  2024-03-10T11:59:59.000Z  GET /report',
      ...Array.from({ length: 4 }, (_, index) => `  100 ms  2024-03-10T11:59:59.000Z  GET /users/${index}`),
      '          1 error   503 GET /report',
      '  1 statement with a duration; 1 a minute, at most 1 at 2024-03-10T11:59:00.000Z; 1 wait for locks, 0 deadlocks, 0 temporary files (0 B)',
      '  took p50 1.5 s, p95 1.5 s, p99 1.5 s, longest 1.5 s',
      '  count  total   mean    p95  longest  statement',
      '      1  1.5 s  1.5 s  1.5 s    1.5 s  select ?',
    ]);
  });

  it('leaves messages that are expected out of the groups, but counts them', async () => {
    const file = await harness.write('app.log', ['ERROR: probe of lb-1 failed', 'ERROR: disk failed']);
    const log = await harness.log(file, {}, { logs: { analyze: { ignore: ['probe of lb'] } } });
    assert.deepEqual([log.levels.error, log.ignoredMessages, groupLines(log)], [2, 1, ['error 1 ERROR: disk failed']]);
  });

  it('begins anew, and says so, when its memory is damaged', async () => {
    await writeFile(path.join(harness.memory, 'groups.json'), '{"version":1,');
    const { outcome, findings } = await harness.run({ file: [await harness.write('app.log', ['fine'])] });
    assert.deepEqual([outcome, findings[0]?.code], ['unchanged', 'logs.memory']);
  });

  it('ends with the reason when it is stopped, and forgets nothing', async () => {
    const controller = new AbortController();
    controller.abort(new Error('stopped by SIGTERM'));
    const file = await harness.write('app.log', ['ERROR: x']);
    await assert.rejects(harness.run({ file: [file] }, { signal: controller.signal }), /stopped by SIGTERM/);
    assert.deepEqual(await readdir(harness.memory), []);
  });
});
