import assert from 'node:assert/strict';
import { chmod, link, lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { asUser } from '../../../agent/procedures/logs/asUser.ts';
import { findLogrotate } from '../../../agent/procedures/logs/logrotateCommand.ts';
import { rotateLogs } from '../../../agent/procedures/logs/rotateLogs.ts';
import { createHarness, levels, only } from './harness.ts';
import type { Harness } from './harness.ts';

const isRoot = process.getuid?.() === 0;
const immediate = { delaycompress: false };

describe('rotate-logs', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = await createHarness();
  });
  afterEach(() => harness.remove());

  it('refuses options that it does not have', async () => {
    await assert.rejects(async () => rotateLogs.execute({ forse: true }, {} as never), /forse/);
  });

  it('leaves a log that is not due alone', async () => {
    await harness.write('a.log', 'one\n');
    const run = await harness.rotate({ rotate: [{ paths: ['*.log'] }] });
    assert.equal(run.outcome, 'unchanged');
    assert.equal(only(run.files).action, 'not_due');
    assert.equal(only(run.files).lastRotation, null);
    assert.deepEqual(await harness.names(), ['a.log']);
    assert.match(only(run.findings).message, /a\.log is not due \(new to logrotate, its time counts from \d{4}-/);
  });

  it('says what is closed to this user and who may do it, instead of ending with the words of the system', async () => {
    await harness.write('a.log', 'one\n');
    const config = path.join(path.dirname(harness.logs), 'logrotate.conf');
    await writeFile(config, `${harness.file('a.log')} {\n daily\n}\n`);
    const plan = () => harness.rotate({}, { dryRun: true, config });
    // Loads what is needed, which the user with fewer rights may not be able to read.
    await plan();
    await chmod(path.dirname(harness.logs), 0o711);
    await chmod(harness.memory, 0o755);
    await chmod(harness.logs, isRoot ? 0o711 : 0o311);
    const run = await asUser(isRoot ? { uid: 65534, gid: 65534 } : null, plan);
    await chmod(harness.logs, 0o755);
    assert.equal(run.outcome, 'failed');
    const { level, subject, message } = only(run.findings.filter(({ code }) => code === 'logs.access'));
    assert.deepEqual([level, subject], ['critical', harness.logs]);
    assert.match(
      message,
      /^This user may not do what is needed \(EACCES: .*\); run this as root, or as the user whose logs they are\.$/,
    );
  });

  it('takes no log for well whose folder is missing, in a dry run neither', async () => {
    const rotate = [{ paths: ['none/a.log', 'none/*.log'] }, { paths: ['none/b.log'], missingok: false }];
    for (const dryRun of [true, false]) {
      const run = await harness.rotate({ rotate }, { dryRun });
      assert.deepEqual(
        run.files.map(({ path: file, action }) => [path.basename(file), action]),
        [
          ['a.log', 'missing'],
          ['*.log', 'missing'],
          ['b.log', 'missing'],
        ],
      );
      const { subject, message } = only(run.findings.filter(({ level }) => level === 'warning'));
      assert.equal(subject, harness.file('none/b.log'));
      assert.match(message, /^logrotate: stat of .*none failed.*; correct its path .*`missingok: true`/);
      assert.equal(run.outcome, dryRun ? 'warning' : 'failed');
    }
  });

  it('rotates with force, knows the new place and the time, and compresses a round later', async () => {
    await harness.write('a.log', 'one\n');
    const before = await lstat(harness.file('a.log'));
    const rotation = { rotate: [{ paths: ['*.log'] }] };
    const first = await harness.rotate(rotation, { force: true });
    assert.equal(first.outcome, 'changed');
    const file = only(first.files);
    assert.deepEqual([file.action, file.rotatedTo, file.bytes], ['rotated', harness.file('a.log.1'), 4]);
    assert.ok(file.lastRotation !== null && Math.abs(Date.parse(file.lastRotation) - Date.now()) < 60_000);
    assert.notEqual((await lstat(harness.file('a.log'))).ino, before.ino);
    await harness.write('a.log', 'two\n');
    assert.equal((await harness.rotate(rotation, { force: true })).outcome, 'changed');
    assert.deepEqual(await harness.names(), ['a.log', 'a.log.1', 'a.log.2.gz']);
    assert.equal(await harness.read('a.log.2.gz'), 'one\n');
  });

  it('finds the content in its archive when it is compressed at once', async () => {
    await harness.write('a.log', 'one\n');
    const run = await harness.rotate({ rotate: [{ paths: ['*.log'], ...immediate }] }, { force: true });
    assert.equal(run.outcome, 'changed');
    assert.equal(only(run.files).rotatedTo, harness.file('a.log.1.gz'));
  });

  it('follows copytruncate, where the log stays the same file', async () => {
    await harness.write('a.log', 'one\n');
    const run = await harness.rotate({ rotate: [{ paths: ['*.log'], copytruncate: true }] }, { force: true });
    assert.equal(run.outcome, 'changed');
    assert.equal(only(run.files).rotatedTo, harness.file('a.log.1'));
    assert.equal(await harness.read('a.log'), '');
  });

  it('follows dated names, and warns when the name of the day is taken', async () => {
    await harness.write('a.log', 'one\n');
    const rotation = { rotate: [{ paths: ['*.log'], dateext: true, ...immediate }] };
    const run = await harness.rotate(rotation, { force: true });
    assert.equal(run.outcome, 'changed');
    assert.match(only(run.files).rotatedTo ?? '', /a\.log-\d{8}\.gz$/);
    await harness.write('a.log', 'two\n');
    const again = await harness.rotate(rotation, { force: true });
    assert.equal(only(again.files).action, 'error');
    assert.ok(['warning', 'failed'].includes(again.outcome));
    assert.ok((await harness.contents()).includes('two\n'));
  });

  it('does not call a generation lost that was to be removed', async () => {
    const rotation = { rotate: [{ paths: ['*.log'], rotate: 2, ...immediate }] };
    for (const text of ['one\n', 'second\n', 'the third\n', 'and the fourth\n']) {
      await harness.write('a.log', text);
      assert.equal((await harness.rotate(rotation, { force: true })).outcome, 'changed', text);
    }
    assert.deepEqual(await harness.names(), ['a.log', 'a.log.1.gz', 'a.log.2.gz']);
    await harness.write('b.log', 'gone as configured\n');
    const none = await harness.rotate({ rotate: [{ paths: ['b.log'], rotate: 0 }] }, { force: true });
    assert.equal(none.outcome, 'changed');
    assert.equal(only(none.files).rotatedTo, null);
  });

  it('calls a generation lost that was to stay, as when a script of the configuration removes it', async () => {
    await harness.write('a.log', 'new\n');
    await harness.write('a.log.1', 'precious\n');
    const rotation = { rotate: [{ paths: ['a.log'], compress: false, postrotate: `rm ${harness.file('a.log.2')}` }] };
    const run = await harness.rotate(rotation, { force: true });
    assert.equal(run.outcome, 'failed');
    assert.deepEqual(levels(run, 'logs.lost'), ['critical']);
  });

  it('reports empty and missing logs, and fails when a missing one must be there', async () => {
    await harness.write('empty.log', '');
    const run = await harness.rotate({ rotate: [{ paths: ['empty.log', 'nope.log'] }] }, { force: true });
    assert.equal(run.outcome, 'unchanged');
    assert.deepEqual(
      run.files.map(({ action }) => action),
      ['empty', 'missing'],
    );
    const strict = await harness.rotate({ rotate: [{ paths: ['nope.log'], missingok: false }] }, { force: true });
    assert.equal(strict.outcome, 'failed');
    assert.deepEqual(levels(strict, 'logs.rotation'), ['warning']);
  });

  it('plans without changing anything in a dry run', async () => {
    await harness.write('a.log', 'one\n');
    await harness.write('b.log.1', 'text\n');
    await writeFile(harness.file('b.log.1.gz'), gzipSync('text\n').subarray(0, 5));
    await harness.write('b.log', 'two\n');
    const names = await harness.names();
    const run = await harness.rotate({ rotate: [{ paths: ['*.log'] }] }, { force: true, dryRun: true });
    assert.equal(run.outcome, 'unchanged');
    assert.deepEqual(
      run.files.map(({ action, rotatedTo }) => [action, rotatedTo]),
      [
        ['planned', harness.file('a.log.1')],
        ['planned', harness.file('b.log.1')],
      ],
    );
    assert.deepEqual(levels(run, 'logs.repair'), ['info']);
    assert.deepEqual(await harness.names(), names);
  });

  it('takes odd names as they are (V13)', async () => {
    const odd = [
      'a b.log',
      "it's.log",
      'a"b.log',
      '$(touch pwned).log',
      '; touch pwned.log',
      '-rf.log',
      '#c.log',
      'a\\b.log',
    ];
    for (const name of odd) await harness.write(name, 'x\n');
    const run = await harness.rotate(
      { rotate: [{ paths: odd.slice(0, 7) }, { paths: [String.raw`a\\b.log`], missingok: true }] },
      { force: true },
    );
    assert.deepEqual(run.files.map((file) => path.basename(file.path)).sort(), [...odd].sort());
    assert.ok(!(await harness.names()).includes('pwned'));
    for (const name of odd) assert.ok((await harness.names()).includes(`${name}.1`), name);
  });

  it('refuses a path that would be configuration, and rotates nothing (V13)', async () => {
    await harness.write('a.log', 'x\n');
    const run = await harness.rotate({ rotate: [{ paths: ['a.log {\n}\n/etc/passwd'] }] }, { force: true });
    assert.equal(run.outcome, 'failed');
    assert.deepEqual(levels(run, 'logs.config'), ['critical']);
    assert.deepEqual(await harness.names(), ['a.log']);
  });

  it('runs an existing configuration, and names file and line of what logrotate refuses in it', async () => {
    await harness.write('a.log', 'one\n');
    await harness.write('b.log', 'two\n');
    const config = path.join(harness.memory, 'own.conf');
    const good = `${harness.file('a.log')} {\n  rotate 3\n}\n`;
    await writeFile(config, `${good}${harness.file('b.log')} {\n  rotate x\n}\n`, { mode: 0o600 });
    const run = await harness.rotate({}, { force: true, config });
    assert.equal(run.outcome, 'failed');
    assert.ok(run.findings.some(({ code, message }) => code === 'logs.config' && message.includes('own.conf:5')));
    assert.ok((await harness.names()).includes('a.log.1'), 'the good part still runs');
    await writeFile(config, 'nonsense {');
    assert.equal((await harness.rotate({ config })).outcome, 'failed');
    const missing = await harness.rotate({ config: '/nowhere/logrotate.conf' });
    assert.equal(missing.outcome, 'failed');
    assert.match(only(missing.findings).message, /\/nowhere\/logrotate\.conf/);
  });

  it('fails when postrotate fails, although the files were moved', async () => {
    await harness.write('a.log', 'one\n');
    const run = await harness.rotate({ rotate: [{ paths: ['*.log'], postrotate: 'exit 7' }] }, { force: true });
    assert.equal(run.outcome, 'failed');
    assert.deepEqual(levels(run, 'logs.script'), ['critical']);
    assert.deepEqual(await harness.contents(), ['one\n']);
  });

  it('tells logs that logrotate refuses: symbolic and hard links (V21)', async () => {
    await harness.write('victim', 'untouched\n');
    await symlink(harness.file('victim'), harness.file('link.log'));
    await harness.write('hard.log', 'x\n');
    await link(harness.file('hard.log'), harness.file('second-name'));
    const run = await harness.rotate({ rotate: [{ paths: ['*.log'] }] }, { force: true });
    assert.equal(run.outcome, 'warning');
    assert.deepEqual(
      run.files.map(({ action }) => action),
      ['error', 'error'],
    );
    assert.equal(await harness.read('victim'), 'untouched\n');
  });

  it('refuses to rotate a FIFO, on which logrotate could wait for ever (V21)', async () => {
    execFileSync('mkfifo', [harness.file('pipe.log')]);
    const run = await harness.rotate({ rotate: [{ paths: ['*.log'], notifempty: false }] }, { force: true });
    assert.equal(run.outcome, 'failed');
    assert.deepEqual(levels(run, 'logs.unsafe'), ['critical']);
  });

  it('ends logrotate when somebody puts a FIFO under its hands, and says so (V21)', async () => {
    await harness.write('a.log', 'one\n');
    const swap = `rm ${harness.file('a.log')}; mkfifo ${harness.file('a.log')}`;
    const rotation = { paths: ['a.log'], prerotate: swap, delaycompress: false };
    const run = await harness.rotate({ rotate: [rotation] }, { force: true });
    assert.equal(run.outcome, 'failed');
    assert.deepEqual(levels(run, 'logs.unsafe'), ['critical'], JSON.stringify(run.findings));
  }).timeout(30_000);

  it('does not follow links planted in place of generations (V21)', async () => {
    await harness.write('victim', 'untouched\n');
    await harness.write('a.log', 'one\n');
    await symlink(harness.file('victim'), harness.file('a.log.1'));
    await symlink(harness.file('victim'), harness.file('a.log.1.gz'));
    await harness.rotate({ rotate: [{ paths: ['a.log'], ...immediate }] }, { force: true });
    assert.equal(await harness.read('victim'), 'untouched\n');
    assert.ok((await harness.contents()).includes('one\n'));
  });

  it('keeps its own files from others', async () => {
    await harness.write('a.log', 'one\n');
    await harness.rotate({ rotate: [{ paths: ['*.log'] }] });
    for (const name of ['logrotate.conf', 'logrotate.state']) {
      assert.equal((await stat(path.join(harness.memory, name))).mode & 0o027, 0, name);
    }
  });

  it('uses the state file that is configured', async () => {
    await harness.write('a.log', 'one\n');
    const state = path.join(harness.memory, 'other.state');
    await harness.rotate({ state, rotate: [{ paths: ['a.log'] }] });
    assert.match(await readFile(state, 'utf8'), /a\.log/);
  });

  it('knows when logrotate is not installed', async () => {
    const empty = await mkdtemp(path.join(tmpdir(), 'upkeep-path-'));
    try {
      await mkdir(path.join(empty, 'bin'));
      assert.equal(await findLogrotate({ PATH: path.join(empty, 'bin') }, []), null);
      assert.notEqual(await findLogrotate({ PATH: '' }), null);
    } finally {
      await rm(empty, { recursive: true });
    }
  });
});
