import assert from 'node:assert/strict';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { AnalyzeHarness, groupLines } from './analyzeHarness.ts';

describe('analyze-logs, formats', () => {
  let harness: AnalyzeHarness;
  beforeEach(async () => {
    harness = await AnalyzeHarness.create();
  });
  afterEach(async () => {
    await harness.remove();
  });

  it('reads the combined and the common format of nginx and Apache, also with a virtual host in front', async () => {
    const file = await harness.write('access.log', [
      '203.0.113.7 - - [10/Oct/2023:13:55:36 -0700] "GET /users/4711?token=x HTTP/1.1" 200 2326 "https://example.org/" "curl/8.0"',
      '203.0.113.7 - frank [10/Oct/2023:13:55:37 -0700] "GET /users/4712 HTTP/1.1" 500 12',
      'www.example.org:443 198.51.100.1 - - [10/Oct/2023:13:55:38 -0700] "POST /users HTTP/1.1" 201 - "-" "curl/8.0"',
      '2001:db8::1 - - [10/Oct/2023:13:56:39 -0700] "\\x16\\x03\\x01" 400 157 "-" "-"',
      '203.0.113.9 - "" [10/Oct/2023:13:56:40 -0700] "GET /a\\"b HTTP/1.1" 404 1 "-" "say \\"hi\\""',
    ]);
    const log = await harness.log(file, { report: 'performance' });
    assert.equal(log.lines, 5);
    assert.deepEqual(log.formats, { combined: 4, common: 1 });
    assert.deepEqual(log.levels, { fatal: 0, error: 1, warning: 2, info: 2, debug: 0 });
    assert.equal(log.firstSeen, '2023-10-10T20:55:36.000Z');
    assert.equal(log.lastSeen, '2023-10-10T20:56:40.000Z');
    const requests = log.requests!;
    assert.deepEqual(requests.statuses, { 200: 1, 201: 1, 400: 1, 404: 1, 500: 1 });
    assert.equal(requests.bytes, 2326 + 12 + 157 + 1);
    assert.deepEqual(
      requests.routes.map(({ route, count, errors }) => [route, count, errors]),
      [
        ['GET /users/:id', 2, 1],
        ['POST /users', 1, 0],
        ['(not HTTP)', 1, 0],
        ['GET /a\\"b', 1, 0],
      ],
    );
    assert.deepEqual(requests.clients.top.map(({ name, count }) => [name, count]).slice(0, 2), [
      ['203.0.113.7', 2],
      ['198.51.100.1', 1],
    ]);
    assert.deepEqual(requests.agents.top[0], { name: 'curl/8.0', count: 2, bytes: 0 });
    assert.equal(requests.throughput?.peakPerMinute, 3);
  });

  it('loses no line that stands before, between or behind access lines, however short or broken it is', async () => {
    const good = '192.0.2.1 - - [01/Mar/2024:00:00:01 +0000] "GET / HTTP/1.1" 200 5 "-" "x"';
    const broken = [
      'short',
      'x',
      'y - [',
      good.slice(0, 60),
      good.slice(0, 70),
      good.replace('Mar', 'Xxx'),
      '"',
      good.slice(12),
    ];
    const file = await harness.write('access.log', [
      good,
      ...broken.flatMap((line) => [line, good]),
      good.slice(0, 20),
    ]);
    for (const report of ['error', 'performance']) {
      const log = await harness.log(file, { report });
      assert.deepEqual([log.lines, log.records], [18, 18], report);
      assert.equal(log.requests?.count, 10, report);
    }
  });

  it('takes the duration of a request from where nginx and Apache put it', async () => {
    const line = (path: string, rest: string) =>
      `192.0.2.1 - - [10/Oct/2023:13:55:36 +0000] "GET ${path} HTTP/1.1" 200 5 "-" "x 1.5 y"${rest}`;
    const file = await harness.write('access.log', [
      line('/nginx', ' 0.250'),
      line('/named', ' "10.0.0.1, 10.0.0.2" rt=1.500 uct=0.001'),
      line('/apache', ' 750000'),
      line('/none', ' "-" -'),
    ]);
    const requests = (await harness.log(file, { report: 'performance' })).requests!;
    const seconds = Object.fromEntries(requests.routes.map(({ route, seconds }) => [route, seconds?.max ?? null]));
    assert.deepEqual(seconds, { 'GET /nginx': 0.25, 'GET /named': 1.5, 'GET /apache': 0.75, 'GET /none': null });
    assert.deepEqual(requests.slowest[0], { request: 'GET /named', seconds: 1.5, at: '2023-10-10T13:55:36.000Z' });
  });

  it('knows levels, times and messages of pino, bunyan, logrus, zap, Python and PostgreSQL in JSON lines', async () => {
    const file = await harness.write('app.json', [
      '{"level":30,"time":1709251200000,"pid":1,"msg":"listening on 8080"}',
      '{"name":"app","level":50,"time":"2024-03-01T00:00:01.000Z","msg":"cannot reach 10.0.0.1:5432","v":0}',
      '{"level":"warning","msg":"retry 3","time":"2024-03-01T00:00:02Z"}',
      '{"level":"fatal","ts":1709251203.5,"caller":"x.go:1","msg":"no config"}',
      '{"levelname":"CRITICAL","asctime":"2024-03-01 00:00:04,100Z","message":"gone"}',
      '{"timestamp":"2024-03-01T00:00:05Z","error_severity":"ERROR","message":"relation does not exist"}',
      '{"log.level":"debug","@timestamp":"2024-03-01T00:00:06Z","message":"x"}',
    ]);
    const log = await harness.log(file);
    assert.equal(log.format, 'json');
    assert.deepEqual(log.levels, { fatal: 2, error: 2, warning: 1, info: 1, debug: 1 });
    assert.deepEqual([log.firstSeen, log.lastSeen], ['2024-03-01T00:00:00.000Z', '2024-03-01T00:00:06.000Z']);
    assert.ok(groupLines(log).includes('error 1 cannot reach <ip>'));
  });

  it('takes words of a sentence for levels where nothing names one, not parts of names', async () => {
    const plain = [
      'status installed liberror-perl:all 0.17029-2',
      'Unpacking libgpg-error-dev (1.46-1) ...',
      'GET /errors/failed.html',
      'ErrorDocument set',
      'no_error=1 warn-user',
      'fail2ban started',
    ];
    const grave = [
      'connection refused',
      'the job failed.',
      'KeyError: 7',
      'a.b.IllegalStateException',
      '(error) x',
      'Error',
    ];
    const mild = ['this is deprecated', 'warning, low'];
    const log = await harness.log(await harness.write('plain.log', [...plain, ...grave, ...mild, 'kernel panic']));
    assert.deepEqual(log.levels, { fatal: 1, error: 6, warning: 2, info: 6, debug: 0 });
  });

  it('reads syslog of RFC 3164 and 5424, and takes the level from the priority', async () => {
    const file = await harness.write('syslog', [
      'Mar  1 00:00:01 web01 sshd[211]: Accepted publickey for ada',
      'Mar  1 00:00:02 web01 kernel: EXT4-fs error (device sda1): ext4_find_entry:1455',
      '<27>Mar  1 00:00:03 web01 app[7]: 3 jobs lost',
      '<165>1 2024-03-01T00:00:04.003Z web01 evntslog - ID47 [e iut="3" s="a]b"] An application event',
      '<11>1 2024-03-01T00:00:05Z web01 app 99 - - disk is slow',
      '2024-03-01T00:00:06.123456+00:00 web01 cron[3]: (CRON) error (grandchild failed)',
    ]);
    const log = await harness.log(file, {}, { now: new Date('2024-03-02T00:00:00Z') });
    assert.deepEqual(log.formats, { 'syslog-3164': 4, 'syslog-5424': 2 });
    assert.deepEqual(log.levels, { fatal: 0, error: 4, warning: 0, info: 2, debug: 0 });
    assert.ok(groupLines(log).includes('error 1 disk is slow'));
    assert.equal(new Date(log.firstSeen!).getFullYear(), 2024);
  });

  it('keeps tracebacks of Python together, chained ones too, and names them by their last exception', async () => {
    const trace = ['Traceback (most recent call last):', '  File "a.py", line 3, in <module>', '    f()'];
    const file = await harness.write('python.log', [
      '2024-03-01 00:00:00,100 - app - INFO - started',
      '2024-03-01 00:00:01,100 - app - ERROR - job 7 failed',
      ...trace,
      'KeyError: 7',
      '',
      'During handling of the above exception, another exception occurred:',
      '',
      ...trace,
      'ValueError: bad job 7',
      '2024-03-01 00:00:02,100 - app - ERROR - job 8 failed',
      ...trace,
      'ValueError: bad job 7',
    ]);
    const log = await harness.log(file);
    assert.equal(log.format, 'python');
    assert.deepEqual([log.lines, log.records], [18, 3]);
    assert.deepEqual(log.levels, { fatal: 0, error: 2, warning: 0, info: 1, debug: 0 });
    assert.equal(log.groups.length, 1);
    assert.match(log.groups[0]!.template, /job <num> failed \| ValueError: bad job/);
    const bare = await harness.log(
      await harness.write('stderr.log', ['starting', ...trace, 'KeyError: 7', 'going on']),
    );
    assert.deepEqual([bare.records, bare.levels.error], [3, 1]);
  });

  it('keeps stack traces of Java together and names them by their cause', async () => {
    const file = await harness.write('java.log', [
      '2024-03-01 00:00:01.100 ERROR [main] c.e.App - order 17 not stored',
      'org.example.OrderException: no',
      '\tat org.example.App.main(App.java:3)',
      'Caused by: java.sql.SQLException: connection 9 lost',
      '\tat org.example.Db.get(Db.java:8)',
      '\t... 12 more',
      '2024-03-01 00:00:02.100 INFO  [main] c.e.App - going on',
    ]);
    const log = await harness.log(file);
    assert.equal(log.format, 'java');
    assert.deepEqual([log.lines, log.records], [7, 2]);
    assert.deepEqual(groupLines(log), [
      'error 1 ERROR [main] c.e.App - order <num> not stored | Caused by: java.sql.SQLException: connection <num> lost',
    ]);
  });

  it('keeps DETAIL, STATEMENT and further lines of PostgreSQL with their message', async () => {
    const at = '2024-03-01 00:00:01.123 UTC [77]';
    const file = await harness.write('postgresql.log', [
      `${at} LOG:  database system is ready to accept connections`,
      `${at} ERROR:  duplicate key value violates unique constraint "a_pkey"`,
      `${at} DETAIL:  Key (id)=(1) already exists.`,
      `${at} STATEMENT:  INSERT INTO a`,
      '\tVALUES (1);',
      `2024-03-01 01:00:02 CET [78]: user=app,db=shop,app=psql,client=[local] FATAL:  password authentication failed for user "app"`,
      `${at} LOG:  duration: 1500.25 ms  statement: SELECT *`,
      "\tFROM orders WHERE id = 17 AND name = 'it''s'",
      `${at} LOG:  duration: 500.25 ms  statement: select * from orders where id = 18 and name = 'x'`,
      `${at} LOG:  duration: 0.1 ms  bind s1: SELECT 1`,
      `${at} LOG:  duration: 3.5 ms  execute s1: SELECT $1 IN (1, 2, 3)`,
      `${at} LOG:  temporary file: path "base/pgsql_tmp/pgsql_tmp1.0", size 20000000`,
      `${at} LOG:  process 77 still waiting for ShareLock on transaction 9 after 1000.1 ms`,
      `${at} LOG:  checkpoint starting: time`,
      `${at} LOG:  checkpoint complete: wrote 3 buffers (0.0%); write=0.2 s, sync=0.1 s, total=0.35 s; sync files=1`,
      `${at} LOG:  connection authorized: user=app database=shop`,
      `${at} LOG:  disconnection: session time: 0:01:00.500 user=app database=shop host=[local]`,
      `${at} ERROR:  deadlock detected`,
    ]);
    const log = await harness.log(file, { report: 'performance' });
    assert.deepEqual(log.formats, { postgresql: 14 });
    assert.equal(log.lines, 18);
    assert.deepEqual(log.levels, { fatal: 1, error: 2, warning: 0, info: 11, debug: 0 });
    assert.equal(log.groups.find(({ level }) => level === 'fatal')?.firstSeen, '2024-03-01T00:00:02.000Z');
    const statements = log.statements!;
    assert.equal(statements.count, 3);
    assert.deepEqual(
      statements.top.map(({ statement, count, total, mean, max }) => [statement, count, total, mean, max]),
      [
        ['select * from orders where id = ? and name = ?', 2, 2000.5, 1000.25, 1500.25],
        ['select $1 in (?)', 1, 3.5, 3.5, 3.5],
      ],
    );
    const { connections, disconnections, lockWaits, deadlocks, checkpoints, checkpointsTimed } = statements;
    assert.deepEqual(
      [connections, disconnections, lockWaits, deadlocks, checkpoints, checkpointsTimed],
      [1, 1, 1, 1, 1, 1],
    );
    assert.deepEqual([statements.temporaryFiles, statements.temporaryBytes], [1, 20_000_000]);
    assert.deepEqual([statements.sessionSeconds?.max, statements.checkpointSeconds?.max], [60.5, 0.35]);
  });

  it('unwraps what docker writes: pieces of long lines, stack traces, formats within', async () => {
    const wrap = (log: string, stream = 'stderr') =>
      JSON.stringify({ log, stream, time: '2024-03-01T00:00:09.123456789Z' });
    const file = await harness.write('container-json.log', [
      wrap('ERROR: first '),
      wrap('and rest 12\n'),
      wrap('Exception in thread "main" java.lang.IllegalStateException: 4\n'),
      wrap('\tat a.B.c(B.java:1)\n'),
      wrap('{"level":"error","msg":"inner 5"}\n', 'stdout'),
      wrap('fine\n', 'stdout'),
    ]);
    const log = await harness.log(file);
    assert.deepEqual(log.formats, { 'docker-json': 4 });
    assert.deepEqual(log.levels, { fatal: 0, error: 3, warning: 0, info: 1, debug: 0 });
    assert.deepEqual(groupLines(log).toSorted(), [
      'error 1 ERROR: first and rest <num>',
      'error 1 Exception in thread "main" java.lang.IllegalStateException: <num>',
      'error 1 inner <num>',
    ]);
    assert.equal(log.firstSeen, '2024-03-01T00:00:09.123Z');
  });

  it('tells mixed files apart line by line, with either end of line, and reads error logs of nginx and Apache', async () => {
    const lines = [
      '192.0.2.1 - - [01/Mar/2024:00:00:01 +0000] "GET / HTTP/1.1" 502 0 "-" "x"',
      '{"level":"warn","msg":"slow"}',
      '2024/03/01 00:00:03 [crit] 9#9: *1 connect() to 10.0.0.1:80 failed',
      '[Fri Mar 01 00:00:02.123456 2024] [core:error] [pid 12] AH00126: Invalid URI',
      'Segmentation fault',
      '192.0.2.1 - - [01/Mar/2024:00:00:04 +0000] "GET / HTTP/1.1" 200 0 "-" "x"',
    ];
    for (const end of ['\n', '\r\n']) {
      const log = await harness.log(await harness.write('mixed.log', lines.join(end)), { report: 'performance' });
      assert.deepEqual(log.formats, { combined: 2, json: 1, 'apache-error': 1, 'nginx-error': 1, plain: 1 });
      assert.deepEqual([log.lines, log.records], [6, 6]);
      assert.deepEqual(log.levels, { fatal: 2, error: 2, warning: 1, info: 1, debug: 0 });
    }
  });

  it('reads gzip and Zstandard by their content, members in a row, and says where one breaks off', async () => {
    const text = Buffer.from('ERROR: disk 1\n'.repeat(5000));
    const packed = { 'a.log.gz': gzipSync(text), 'b.log': zstdCompressSync(text) };
    for (const [name, bytes] of Object.entries(packed)) {
      const log = await harness.log(await harness.write(name, bytes));
      assert.deepEqual([log.lines, log.levels.error, log.groups.length], [5000, 5000, 1]);
    }
    const twice = await harness.log(await harness.write('c.gz', Buffer.concat([packed['a.log.gz'], gzipSync(text)])));
    assert.equal(twice.lines, 10_000);
    const noise = Buffer.from(Array.from({ length: 20_000 }, (_, index) => `ERROR: ${Math.sin(index)}\n`).join(''));
    const half = gzipSync(noise);
    const file = await harness.write('d.gz', half.subarray(0, half.length >> 1));
    const broken = await harness.run({ file: [file] });
    assert.ok(broken.part.files[0]!.lines > 5000);
    assert.match(broken.findings.find(({ code }) => code === 'logs.damaged')?.message ?? '', /breaks off/);
    assert.equal(broken.outcome, 'warning');
  });
});
