import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { AnalyzeHarness, groupLines } from './analyzeHarness.ts';

const none = { fatal: 0, error: 0, warning: 0, info: 0, debug: 0 };

describe('analyze-logs, what programs write', () => {
  let harness: AnalyzeHarness;
  beforeEach(async () => {
    harness = await AnalyzeHarness.create();
  });
  afterEach(async () => {
    await harness.remove();
  });

  describe('when they crash, behind a line of their log that says that all is well,', () => {
    const well = '2024-03-01 00:00:01.100 INFO [main] app - listening on 8080';

    it('Go: a panic is a record of its own, with its stacks', async () => {
      const panic = [
        'panic: runtime error: invalid memory address or nil pointer dereference',
        '[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x47b0f6]',
        '',
        'goroutine 1 [running]:',
        'main.(*Server).handle(...)',
        '\t/src/app/main.go:12',
        'main.main()',
        '\t/src/app/main.go:5 +0x16',
        'exit status 2',
      ];
      const log = await harness.log(
        await harness.write('go.log', [
          '2024/03/01 00:00:01 listening on 8080',
          ...panic,
          '2024/03/01 00:00:09 listening on 8080',
          'fatal error: all goroutines are asleep - deadlock!',
          '2024/03/01 00:00:10 listening on 8080',
        ]),
      );
      assert.deepEqual([log.format, log.records, log.levels], ['plain', 5, { ...none, fatal: 2, info: 3 }]);
      assert.deepEqual(groupLines(log).toSorted(), [
        'fatal 1 fatal error: all goroutines are asleep - deadlock!',
        'fatal 1 panic: runtime error: invalid memory address or nil pointer dereference',
      ]);
      assert.equal(log.groups[0]!.firstSeen, log.firstSeen);
    });

    it('Rust: a panic is one, named by the line that follows', async () => {
      const log = await harness.log(
        await harness.write('rust.log', [
          well,
          "thread 'main' panicked at src/main.rs:4:5:",
          'index out of bounds: the len is 2 but the index is 3',
          'stack backtrace:',
          '   0: rust_begin_unwind',
          'note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace',
          well,
        ]),
      );
      assert.deepEqual([log.records, log.levels], [3, { ...none, fatal: 1, info: 2 }]);
      assert.match(groupLines(log).join(), /^fatal 1 thread 'main' panicked at .* \| index out of bounds: the len is/);
    });

    it('C++ and the C library: so is what they say', async () => {
      const said = ["terminate called after throwing an instance of 'std::runtime_error'", '  what():  no route'];
      const log = await harness.log(await harness.write('c.log', [well, ...said, well, 'Segmentation fault', well]));
      assert.deepEqual([log.records, log.levels], [5, { ...none, fatal: 2, info: 3 }]);
    });

    it('Python and Node.js: so is what nobody caught, and what was logged with a failure stays with it', async () => {
      const python = spawnSync('/usr/bin/python3', ['-c', 'def f(): return {}["user-7"]\nf()'], { encoding: 'utf8' });
      const node = spawnSync(process.execPath, ['-e', 'null.f'], { encoding: 'utf8' });
      const log = await harness.log(
        await harness.write('app.log', [
          ...[well, ...python.stderr.trimEnd().split('\n')],
          ...[well, ...node.stderr.trimEnd().split('\n')],
          ...['2024-03-01 00:00:02.100 ERROR [main] app - no user', ...python.stderr.trimEnd().split('\n'), well],
        ]),
      );
      assert.equal(log.levels.error, 3, JSON.stringify(log));
      assert.deepEqual(groupLines(log).toSorted(), [
        "error 1 ERROR [main] app - no user | KeyError: 'user-<num>'",
        "error 1 Traceback (most recent call last): | KeyError: 'user-<num>'",
        "error 1 TypeError: Cannot read properties of null (reading 'f')",
      ]);
    });
  });

  it('in colours for a terminal is read without them: plain, in JSON, in containers', async () => {
    const lines = [
      '\u001B[2m2024-03-01T00:00:01.123Z\u001B[0m \u001B[32m INFO\u001B[0m app: started',
      '\u001B[2m2024-03-01T00:00:02.123Z\u001B[0m \u001B[31mERROR\u001B[0m app: disk 1 lost',
      '{"level":"\u001B[31merror\u001B[39m","message":"\u001B[31mdisk 2 lost\u001B[39m","timestamp":"2024-03-01T00:00:03Z"}',
      JSON.stringify({ log: '\u001B[31mERROR\u001B[0m disk 3 lost\n', stream: 'stderr', time: '2024-03-01T00:00:04Z' }),
    ];
    const log = await harness.log(await harness.write('colours.log', lines));
    assert.deepEqual([log.lines, log.records, log.levels], [4, 4, { ...none, error: 3, info: 1 }]);
    assert.deepEqual(groupLines(log).toSorted(), [
      'error 1 ERROR app: disk <num> lost',
      'error 1 ERROR disk <num> lost',
      'error 1 disk <num> lost',
    ]);
    assert.equal(log.firstSeen, '2024-03-01T00:00:01.123Z');
  });

  it('on Windows, in UTF-16 of either order, with or without a mark, packed or not, is read as text', async () => {
    const text = '2024-03-01 00:00:01 ERROR Datenträger 1 läuft über 😀\r\n2024-03-01 00:00:02 INFO fine\r\n'.repeat(
      9000,
    );
    for (const [encoding, mark] of [
      ['UTF-16LE', [0xff, 0xfe]],
      ['UTF-16BE', [0xfe, 0xff]],
      ['UTF-16LE', []],
      ['UTF-16BE', []],
    ] as const) {
      const bytes = execFileSync('iconv', ['-f', 'UTF-8', '-t', encoding], { input: text, maxBuffer: 1 << 24 });
      const whole = Buffer.concat([Buffer.from(mark), bytes]);
      const packed = execFileSync('gzip', ['-c'], { input: whole, maxBuffer: 1 << 24 });
      for (const content of [whole, packed]) {
        const { part, findings } = await harness.run({ file: [await harness.write('windows.log', content)] });
        const log = part.files[0]!;
        assert.deepEqual([log.lines, log.levels], [18_000, { ...none, error: 9000, info: 9000 }], encoding);
        assert.deepEqual(groupLines(log), ['error 9000 ERROR Datenträger <num> läuft über 😀']);
        assert.deepEqual(
          findings.filter(({ code }) => code === 'logs.rubbish'),
          [],
        );
      }
    }
  });

  it('as logfmt is grouped by its message, and has its time and level', async () => {
    const file = await harness.write('logfmt.log', [
      'time="2024-03-01T00:00:01Z" level=error msg="no route to 10.0.0.1 after 3 tries" container=a1b2c3d4',
      'time="2024-03-01T00:00:02Z" level=error msg="no route to 10.0.0.2 after 4 tries" container=a1b2c3d5',
      'time=2024-03-01T00:00:03.5Z level=WARN msg="disk \\"data\\" slow" err="took 7 s"',
      'ts=2024-03-01T00:00:04Z caller=main.go:17 level=info msg=started',
      'level=error ts=1709251205.5 caller=x.go:1 err="bad block"',
      'level crossing is no logfmt',
    ]);
    const log = await harness.log(file, { since: '2024-03-01T00:00:02Z' });
    assert.deepEqual(log.formats, { logfmt: 4, plain: 1 });
    assert.deepEqual(log.levels, { ...none, error: 2, warning: 1, info: 2 });
    assert.deepEqual(groupLines(log), [
      'error 1 no route to <ip> after <num> tries',
      'error 1 bad block',
      'warning 1 disk "data" slow | took <num> s',
    ]);
    assert.equal((await harness.log(file)).groups[0]!.count, 2);
  });

  it('in Kubernetes is unwrapped: pieces of long lines, a traceback in as many lines, klog', async () => {
    const said = (text: string, tag = 'F', stream = 'stderr') =>
      `2024-03-01T00:00:09.123456789Z ${stream} ${tag} ${text}`;
    const file = await harness.write('pod.log', [
      said('starting 1'),
      said('Traceback (most recent call last):'),
      said('  File "a.py", line 3, in <module>'),
      said('KeyError: 7'),
      said('ERROR: fir', 'P'),
      said('{"level":"warn","msg":"inner 5"}', 'F', 'stdout'),
      said('st and rest 12'),
      said(''),
      said('E0301 00:00:08.000001       1 reflector.go:138] Failed to watch *v1.Node: no route'),
      said('I0301 00:00:08.000001       1 main.go:12] error budget is fine'),
    ]);
    const log = await harness.log(file);
    assert.deepEqual([log.format, log.records], ['kubernetes', 6]);
    assert.deepEqual(log.levels, { ...none, error: 3, warning: 1, info: 2 });
    assert.deepEqual(groupLines(log).toSorted(), [
      'error 1 ERROR: first and rest <num>',
      'error 1 Failed to watch *v<num>.Node: no route',
      'error 1 Traceback (most recent call last): | KeyError: <num>',
      'warning 1 inner <num>',
    ]);
    const klog = await harness.log(
      await harness.write('kubelet.log', [
        'E0301 00:00:08.5  77 pod.go:1] lost pod 7',
        'W0301 00:00:09.5  77 pod.go:1] slow',
      ]),
    );
    assert.deepEqual([klog.format, klog.levels], ['klog', { ...none, error: 1, warning: 1 }]);
  });

  it('behind a hole, as a power loss leaves it, is read from its first letter on', async () => {
    const hole = Buffer.alloc(4096);
    const log = await harness.log(
      await harness.write('hole.log', Buffer.concat([hole, Buffer.from('2024-03-01 00:00:01 ERROR disk 1 lost\n')])),
    );
    assert.deepEqual([log.levels.error, log.firstSeen !== null], [1, true]);
  });
});
