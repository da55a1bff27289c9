/** Logs that programs of a host write: Python, certbot, logger, the journal. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { groupLines } from '../procedures/logs/analyzeHarness.ts';
import { findProgram } from '../systemPackages.ts';
import { grep, LogWorld } from './logWorld.ts';

/** What goes wrong in it is known: six records of errors with tracebacks, one fatal, one warning. */
const python = `
import logging, sys, threading
logging.basicConfig(stream=sys.stderr, level=logging.DEBUG, format='%(asctime)s %(levelname)s %(name)s: %(message)s')
log = logging.getLogger('app')
log.info('started')
for i in range(3):
    try: {}['user-%d' % i]
    except KeyError: log.exception('job %d failed', i)
try:
    try: 1/0
    except ZeroDivisionError as e: raise ValueError('bad job') from e
except ValueError: log.exception('chain')
try:
    try: 1/0
    except ZeroDivisionError: int('x y')
except ValueError: log.error('during', exc_info=True)
try: exec('x = = 1')
except SyntaxError: log.exception('syntax')
def boom(): raise RuntimeError('thread 5')
thread = threading.Thread(target=boom); thread.start(); thread.join()
try: raise ValueError('line one\\nline two of message\\n\\nline four')
except ValueError: log.exception('several lines')
log.warning('slow request took %d ms', 1234)
log.debug('multi\\nline\\nmessage')
log.critical('no config')
`;

describe('analyze-logs on logs of programs of a host', function () {
  this.timeout(60_000);
  let world: LogWorld;
  beforeEach(() => {
    world = new LogWorld();
  });
  afterEach(async () => {
    await world.dispose();
  });

  it('Python: each traceback is one record with what logged it, named by its last exception', async () => {
    const script = world.file('app.py');
    writeFileSync(script, python);
    const { stderr } = spawnSync('/usr/bin/python3', [script], { encoding: 'utf8' });
    const file = world.file('python.log');
    writeFileSync(file, stderr);
    const log = await world.log(file);
    const logged = grep('^[0-9-]{10} [0-9:,]{12} [A-Z]+ app: ', file);
    // That of the thread is written without a time.
    assert.deepEqual([log.records, log.lines], [logged + 1, grep('', file)]);
    assert.deepEqual(log.levels, { fatal: 1, error: 8, warning: 1, info: 1, debug: 1 });
    assert.equal(log.formats['python'], grep('^Traceback', file) - 2);
    assert.deepEqual(groupLines(log).toSorted(), [
      'error 1 ERROR app: chain | ValueError: bad job',
      "error 1 ERROR app: during | ValueError: invalid literal for int() with base <num>: 'x y'",
      'error 1 ERROR app: several lines | ValueError: line one',
      'error 1 ERROR app: syntax | SyntaxError: invalid syntax',
      'error 1 Exception in thread Thread-<num> (boom): | RuntimeError: thread <num>',
      "error 3 ERROR app: job <num> failed | KeyError: 'user-<num>'",
      'fatal 1 CRITICAL app: no config',
      'warning 1 WARNING app: slow request took <num> ms',
    ]);
  });

  it('certbot: records by their level, a traceback with its record', async () => {
    const folders = ['config', 'work', 'logs'].map((name) => `--${name}-dir=${join(world.folder, name)}`);
    const certbot = findProgram('certbot') ?? '';
    spawnSync(certbot, ['certificates', ...folders], { stdio: 'ignore' });
    // Nobody listens there.
    const args = [
      'certonly',
      '--standalone',
      '-d',
      'a.test',
      '--server',
      'http://127.0.0.1:1/dir',
      '-n',
      '--agree-tos',
    ];
    spawnSync(certbot, [...args, '--register-unsafely-without-email', ...folders], { stdio: 'ignore' });
    const file = join(world.folder, 'logs', 'letsencrypt.log');
    const log = await world.log(file);
    const of = (level: string): number => grep(`^[0-9-]{10} [0-9:,]{12}:${level}:`, file);
    assert.deepEqual([log.records, log.lines], [of('[A-Z]+'), grep('', file)]);
    assert.deepEqual([log.levels.error, log.levels.debug, log.levels.info], [of('ERROR'), of('DEBUG'), of('INFO')]);
    assert.ok(log.levels.error > 0 && grep('^Traceback', file) > 0);
  });

  for (const [name, args, format] of [
    ['RFC 3164', ['--rfc3164'], 'syslog-3164'],
    ['RFC 5424', ['--rfc5424'], 'syslog-5424'],
    [
      'RFC 5424 with structured data',
      ['--rfc5424', '--sd-id', 'zone@32473', '--sd-param', String.raw`x="a\]b"`],
      'syslog-5424',
    ],
  ] as const) {
    it(`logger(1), ${name}: level by priority, message without its head`, async () => {
      const socket = createSocket('udp4');
      const file = world.file('syslog');
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      const levels = ['emerg', 'crit', 'err', 'warning', 'notice', 'info', 'debug', 'err'];
      try {
        for (const [index, level] of levels.entries()) {
          const received = once(socket, 'message') as Promise<[Buffer]>;
          const to = [
            '-n',
            '127.0.0.1',
            '-P',
            String(socket.address().port),
            '-d',
            '-i',
            '-t',
            'app',
            '-p',
            `daemon.${level}`,
          ];
          execFileSync('logger', [...to, ...args, `disk ${index} of 10.0.0.${index} is lost: "no error here"`]);
          appendFileSync(file, `${(await received)[0].toString()}\n`);
        }
      } finally {
        socket.close();
      }
      const log = await world.log(file);
      assert.deepEqual([log.formats, log.lines], [{ [format]: levels.length }, levels.length]);
      assert.deepEqual(log.levels, { fatal: 2, error: 2, warning: 1, info: 2, debug: 1 }, readFileSync(file, 'utf8'));
      const said = 'disk <num> of <ip> is lost: "<text>"';
      assert.deepEqual(groupLines(log), [`fatal 2 ${said}`, `error 2 ${said}`, `warning 1 ${said}`]);
      assert.ok(Math.abs(Date.parse(log.lastSeen!) - Date.now()) < 120_000, log.lastSeen!);
    });
  }

  it('the journal, as journalctl prints it: as JSON by priority, and as lines by what they say', async () => {
    const journal = world.file('made.journal');
    const start = Date.UTC(2026, 0, 31, 12);
    const priorities = [2, 3, 3, 4, 5, 6, 7];
    const entries = priorities.map((priority, index) =>
      [
        `__REALTIME_TIMESTAMP=${(start + index * 1000) * 1000}`,
        `__MONOTONIC_TIMESTAMP=${1000 + index}`,
        '_BOOT_ID=0123456789abcdef0123456789abcdef',
        '_MACHINE_ID=0123456789abcdef0123456789abcdef',
        '_HOSTNAME=web01',
        'SYSLOG_IDENTIFIER=app',
        `_PID=${4000 + index}`,
        `PRIORITY=${priority}`,
        `MESSAGE=${priority <= 3 ? 'cannot open' : 'opened'} /var/lib/app/${index}`,
        '\n',
      ].join('\n'),
    );
    const input = world.file('export');
    writeFileSync(input, entries.join(''));
    execFileSync('/lib/systemd/systemd-journal-remote', ['--split-mode=none', `--output=${journal}`, input], {
      stdio: 'pipe',
    });
    const printed = (output: string): string => {
      const file = world.file(`${output}.txt`);
      const env = { ...process.env, TZ: 'UTC' };
      const args = ['-q', '--no-pager', `--file=${journal}`, '-o', output];
      writeFileSync(file, execFileSync('journalctl', args, { env }));
      return file;
    };
    const json = await world.log(printed('json'));
    assert.deepEqual([json.formats, json.firstSeen], [{ json: 7 }, '2026-01-31T12:00:00.000Z']);
    assert.deepEqual(json.levels, { fatal: 1, error: 2, warning: 1, info: 2, debug: 1 });
    assert.deepEqual(groupLines(json).slice(0, 2), ['fatal 1 cannot open <path>', 'error 2 cannot open <path>']);
    for (const output of ['short', 'short-iso', 'short-iso-precise', 'short-full']) {
      const { files } = await world.analyze(['--file', printed(output)], { TZ: 'UTC' });
      assert.deepEqual([files[0]?.records, files[0]?.lastSeen?.slice(0, 19)], [7, '2026-01-31T12:00:06'], output);
      assert.deepEqual(files[0]?.formats, { 'syslog-3164': 7 }, output);
    }
  });
});
