import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { archiveLogs } from '../../../agent/procedures/logs/archiveLogs.ts';
import { createArchiveHarness, dayMs } from './archiveHarness.ts';
import type { ArchiveHarness, ArchiveOutcome } from './archiveHarness.ts';
import { configuration, only } from './harness.ts';

const isRoot = process.getuid?.() === 0;

function actions({ part }: ArchiveOutcome): string[] {
  return part.files.map((file) => `${path.basename(file.path)} ${file.action}`);
}

describe('archive-logs', () => {
  let harness: ArchiveHarness;
  beforeEach(async () => {
    harness = await createArchiveHarness();
  });
  afterEach(() => harness.remove());

  for (const compression of ['zstd', 'gzip'] as const) {
    it(`moves old generations into one archive that tar and sha256sum understand (${compression})`, async () => {
      await harness.write('a.log', 'live\n');
      await harness.old('a.log.1', 'young\n', 3);
      await harness.old('a.log.2', 'second\n', 31);
      await harness.old('a.log.3.gz', gzipSync('third\n'));
      await harness.old('a.log-20240131', 'dated\n');
      await harness.old('a-20240201.log', 'dated before its ending\n');
      await harness.old('other.txt.1', 'of another log\n');
      const run = await harness.archive({ compression });
      assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
      assert.deepEqual(await harness.names(), ['a.log', 'a.log.1', 'other.txt.1']);
      const archive = only(run.part.archives);
      assert.deepEqual([archive.action, archive.files], ['made', 4]);
      const unpacked = await harness.unpacked();
      assert.equal(unpacked.get(harness.file('a.log.2')), 'second\n');
      assert.equal(unpacked.get(harness.file('a.log.3.gz')), gzipSync('third\n').toString('latin1'));
      assert.equal(unpacked.size, 4);
      assert.equal((await stat(archive.path)).mode & 0o7777, 0o600);
    });
  }

  it('has nothing to do when nothing is old, and says so', async () => {
    await harness.write('a.log', 'live\n');
    await harness.write('a.log.1', 'young\n');
    const run = await harness.archive();
    assert.equal(run.outcome, 'unchanged');
    assert.deepEqual(await harness.archived(), []);
  });

  it('takes the logs of `rotate` when none is named, and days and destination of the command line', async () => {
    await harness.old('a.log.1', 'one\n', 8);
    const rotate = [{ paths: ['*.log'] }];
    await harness.write('a.log', '');
    assert.equal((await harness.archive({}, { logs: { rotate } })).outcome, 'unchanged');
    const run = await harness.archive(
      { paths: undefined },
      { logs: { rotate }, options: { days: 7, destination: path.join(harness.memory, 'there') } },
    );
    assert.equal(run.outcome, 'changed');
    assert.match(only(run.part.archives).path, /memory\/there\/logs-/);
  });

  it('takes generations from the `olddir` of `rotate`, made by logrotate itself, named by its `dateformat` and packed', async () => {
    for (const [dateformat, compression] of [
      ['-%d.%H%M', 'zstd'],
      ['.until%Y%m%d', 'xz'],
      ['%Y%m%d', 'gzip'],
      ['_W%V-%s', 'bzip2'],
    ] as const) {
      const rotate = [
        { paths: ['app/*.log'], olddir: '../was', dateext: true, dateformat, compression, delaycompress: false },
      ];
      await mkdir(harness.file('app'), { recursive: true });
      await mkdir(harness.file('was'), { recursive: true });
      await harness.write('app/a.log', 'one\n');
      const rotated = await harness.rotate({ rotate }, { force: true });
      assert.equal(rotated.outcome, 'changed', JSON.stringify(rotated));
      const [name = ''] = (await readdir(harness.file('was'))).filter((one) => one.startsWith('a.log'));
      const none = await harness.archive({ paths: undefined }, { logs: { rotate } });
      assert.match(only(none.findings).message, /^Nothing was due/);
      const run = await harness.archive(
        { paths: undefined },
        { logs: { rotate }, options: { days: 1 }, now: new Date(Date.now() + 3 * dayMs) },
      );
      assert.deepEqual(
        run.part.files.map((file) => [file.path, file.action]),
        [[harness.file(`was/${name}`), 'archived']],
        dateformat,
      );
      assert.deepEqual(await readdir(harness.file('was')), []);
    }
  });

  it('says nothing of an `olddir` that is empty or not made yet', async () => {
    await harness.write('a.log', '');
    for (const folder of ['none', 'was']) {
      if (folder === 'was') await mkdir(harness.file(folder));
      const rotate = [{ paths: ['*.log'], olddir: folder }];
      const run = await harness.archive({ paths: undefined }, { logs: { rotate } });
      assert.match(only(run.findings).message, /^Nothing was due/);
    }
  });

  it('says what is missing: a log, a destination', async () => {
    assert.match(only((await harness.archive({ paths: undefined })).findings).message, /No log is named/);
    const none = await harness.archive({ destination: undefined });
    assert.equal(none.outcome, 'failed');
    assert.match(only(none.findings).message, /logs\.archive\.destination/);
  });

  it('plans in a dry run and changes nothing', async () => {
    await harness.old('a.log.1', 'one\n');
    const run = await harness.archive({}, { dryRun: true });
    assert.deepEqual([run.outcome, ...actions(run)], ['unchanged', 'a.log.1 planned']);
    assert.deepEqual(await harness.names(), ['a.log.1']);
    await assert.rejects(lstat(harness.destination), /ENOENT/);
  });

  it('leaves a generation to the process that still writes to it', async () => {
    await harness.old('a.log.1', 'one\n');
    await harness.old('a.log.2', 'two\n');
    await using writer = await open(harness.file('a.log.1'), 'r+');
    const run = await harness.archive();
    assert.ok(writer.fd > 0);
    assert.equal(run.outcome, 'warning');
    assert.deepEqual(actions(run), ['a.log.1 kept', 'a.log.2 archived']);
    assert.match(run.part.files[0]?.reason ?? '', new RegExp(`process ${process.pid} .* still writes`));
    assert.deepEqual(await harness.names(), ['a.log.1']);
  });

  it('refuses links, hard links and FIFOs in the place of generations, and archives the others (V21)', async () => {
    await harness.old('victim', 'untouched\n');
    await harness.old('a.log.1', 'fine\n');
    await symlink(harness.file('victim'), harness.file('a.log.2'));
    await harness.old('b', 'two names\n');
    await link(harness.file('b'), harness.file('a.log.3'));
    execFileSync('mkfifo', [harness.file('a.log.4')]);
    execFileSync('touch', ['-h', '-d', '2020-01-01', harness.file('a.log.2'), harness.file('a.log.4')]);
    const run = await harness.archive();
    assert.equal(run.outcome, 'warning');
    assert.deepEqual(actions(run), ['a.log.2 refused', 'a.log.3 refused', 'a.log.4 refused', 'a.log.1 archived']);
    assert.deepEqual(await harness.names(), ['a.log.2', 'a.log.3', 'a.log.4', 'b', 'victim']);
  });

  it('refuses a folder of logs that others can write to (V21)', async () => {
    await harness.old('a.log.1', 'one\n');
    await chmod(harness.logs, 0o777);
    const run = await harness.archive();
    assert.deepEqual(actions(run), ['a.log.1 refused']);
    assert.deepEqual(await harness.names(), ['a.log.1']);
  });

  it('works with the rights of `su` in a folder that others can write to, as Debian has them for PostgreSQL and Ubuntu for all logs', async () => {
    await chmod(path.dirname(harness.logs), 0o711);
    for (const [mode, su] of [
      [0o1775, 'www-data www-data'],
      [0o775, 'root adm'],
    ] as const) {
      await harness.old('a.log.1', 'one\n');
      await chmod(harness.file('a.log.1'), 0o640);
      if (isRoot) {
        await chown(harness.file('a.log.1'), 33, 4);
        await chown(harness.logs, 0, 33);
      }
      // Who is not root can not work as another user, and has nothing to give away in a folder of one's own group.
      await chmod(harness.logs, isRoot ? mode : 0o777);
      const refused = await harness.archive();
      assert.deepEqual(actions(refused), ['a.log.1 refused']);
      assert.match(
        only(refused.findings).message,
        /others can write to its folder .*; set `su: USER GROUP` in logs\.archive/,
      );
      assert.deepEqual(actions(await harness.archive({ su }, { dryRun: true })), [
        `a.log.1 ${isRoot ? 'planned' : 'refused'}`,
      ]);
      const run = await harness.archive({ su });
      assert.deepEqual(actions(run), [`a.log.1 ${isRoot ? 'archived' : 'refused'}`], JSON.stringify(run.findings));
      assert.deepEqual(await harness.names(), isRoot ? [] : ['a.log.1']);
    }
    const unknown = await harness.archive({ su: 'nobody-of-that-name adm' });
    assert.match(
      only(unknown.findings).message,
      /There is no user nobody-of-that-name on this host: correct `su` in logs\.archive/,
    );
  });

  it('refuses a destination that others can write to, and a mode that lets them write (V21)', async () => {
    await harness.old('a.log.1', 'one\n');
    await mkdir(harness.destination);
    await chmod(harness.destination, 0o777);
    const run = await harness.archive();
    assert.equal(run.outcome, 'failed');
    assert.match(only(run.findings).message, /Others can change/);
    await chmod(harness.destination, 0o700);
    assert.equal((await harness.archive({ mode: '0662' })).outcome, 'failed');
    assert.deepEqual(await harness.names(), ['a.log.1']);
  });

  it('makes archives with the configured mode and owner', async () => {
    await harness.old('a.log.1', 'one\n');
    const run = await harness.archive({ mode: '0640', ...(isRoot && { owner: 'nobody nogroup' }) });
    const { mode, uid, gid } = await stat(only(run.part.archives).path);
    assert.equal(mode & 0o7777, 0o640);
    if (isRoot) assert.deepEqual([uid, gid], [65_534, 65_534]);
    const unknown = await harness.archive({ owner: 'nobody-of-that-name nogroup' });
    assert.match(only(unknown.findings).message, /no user nobody-of-that-name/);
  });

  it('takes odd names as they are (V13)', async () => {
    const odd = [
      'a b.log.1',
      '$(touch pwned).log.1',
      '; touch pwned.log.1',
      '-rf.log.1',
      'ä\\n.log.1',
      'line\nfeed.log.1',
      `${'x'.repeat(200)}.log.1`,
    ];
    for (const name of odd) await harness.old(name, `${name}\n`);
    const run = await harness.archive({ paths: odd.map((name) => name.slice(0, -2)) });
    assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    const unpacked = await harness.unpacked();
    for (const name of odd) {
      assert.equal(Buffer.from(unpacked.get(harness.file(name)) ?? '', 'latin1').toString(), `${name}\n`);
    }
    assert.deepEqual(await harness.names(), []);
  });

  it('lists and verifies archives, and finds a damaged one', async () => {
    await harness.old('a.log.1', 'one\n'.repeat(10_000));
    const made = only((await harness.archive({ compression: 'gzip' })).part.archives);
    const listed = await harness.archive({}, { options: { list: true } });
    assert.deepEqual(only(listed.part.archives), { ...made, action: 'listed' });
    const verified = await harness.archive({}, { options: { verify: true } });
    assert.deepEqual([verified.outcome, only(verified.part.archives).action], ['unchanged', 'verified']);
    await truncate(made.path, (await stat(made.path)).size - 20);
    const damaged = await harness.archive({}, { options: { verify: true } });
    assert.deepEqual([damaged.outcome, only(damaged.part.archives).action], ['failed', 'damaged']);
  });

  it('says so when there is no archive to list or to verify', async () => {
    await mkdir(harness.destination, { mode: 0o700 });
    for (const options of [{ list: true }, { verify: true }]) {
      const { message } = only((await harness.archive({}, { options })).findings);
      assert.equal(
        message,
        `There is no archive in ${harness.destination}; give the folder of the archives as --destination if it is another.`,
      );
    }
  });

  it('finds every changed byte of an archive', async () => {
    await harness.old('a.log.1', Array.from({ length: 50 }, (_, line) => `line ${line * 7919}\n`).join(''));
    const { path: archive } = only((await harness.archive()).part.archives);
    const whole = await readFile(archive);
    for (let offset = 0; offset < whole.length; offset += 1 + Math.floor(whole.length / 60)) {
      const bad = Buffer.from(whole);
      bad.writeUInt8((bad[offset] ?? 0) ^ 0x55, offset);
      await writeFile(archive, bad);
      const run = await harness.archive({}, { options: { verify: true } });
      assert.equal(only(run.part.archives).action, 'damaged', `byte ${offset}`);
    }
  });

  it('restores an archive into a new folder, with times and modes, and refuses one that is not empty', async () => {
    await harness.old('a.log.1', 'one\n');
    await harness.old('a.log.2', 'two\n');
    await chmod(harness.file('a.log.2'), 0o640);
    const before = await stat(harness.file('a.log.2'));
    const { path: archive } = only((await harness.archive()).part.archives);
    const to = path.join(harness.memory, 'back');
    const options = { restore: path.basename(archive), to };
    const run = await harness.archive({}, { options });
    assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    const place = path.join(to, harness.file('a.log.2'));
    const after = await stat(place);
    assert.equal(await readFile(place, 'utf8'), 'two\n');
    assert.deepEqual([after.mtimeMs, after.mode], [before.mtimeMs, before.mode]);
    assert.match(only((await harness.archive({}, { options })).findings).message, /not empty/);
  });

  it('does nothing when its options contradict each other, or a folder can not be made', async () => {
    await harness.old('a.log.1', 'one\n');
    for (const [options, expected] of [
      [{ to: harness.memory }, /^--to needs --restore/],
      [{ list: true, verify: true }, /^Give only one of/],
      [{ verify: true, restore: 'logs-2024-01-01T000000Z.tar.zst' }, /^Give only one of/],
      [{ destination: '/proc/upkeep' }, /^The folder \/proc\/upkeep can not be made \(ENOENT/],
    ] as const) {
      const run = await harness.archive({}, { options });
      assert.equal(run.outcome, 'failed');
      assert.match(only(run.findings).message, expected);
    }
    assert.deepEqual(await harness.names(), ['a.log.1']);
  });

  it('gives a restored file its name only when it is whole', async () => {
    await harness.old('a.log.1', 'one\n');
    await harness.old('a.log.2', Array.from({ length: 200_000 }, (_, line) => `line ${line * 7919}\n`).join(''));
    const { path: archive } = only((await harness.archive()).part.archives);
    await truncate(archive, (await stat(archive)).size - 1000);
    const to = path.join(harness.memory, 'back');
    const run = await harness.archive({}, { options: { restore: path.basename(archive), to } });
    assert.match(only(run.findings).message, /is damaged .* may not be whole/);
    assert.deepEqual(await readdir(path.join(to, harness.logs)), ['a.log.1', 'a.log.2.upkeep-half']);
  });

  it('says that there is no archive of the name to restore, or that it names one file twice', async () => {
    await harness.old('a.log.1', 'one\n');
    await harness.old('a.log.2', 'two\n');
    const { path: archive } = only((await harness.archive()).part.archives);
    const message = async (restore: string) =>
      only((await harness.archive({}, { options: { restore, to: path.join(harness.memory, 'back') } })).findings)
        .message;
    assert.match(await message('logs-2024-01-01T000000Z.tar.zst'), /^There is no archive .*--list shows\.$/);
    const manifest = archive.replace('.tar.zst', '.json');
    await writeFile(manifest, (await readFile(manifest, 'utf8')).replaceAll('a.log.2', 'a.log.1'));
    assert.match(await message(path.basename(archive)), /names one file twice; nothing was restored/);
  });

  it('restores nothing outside of the folder, whatever a manifest says', async () => {
    await harness.old('a.log.1', 'one\n');
    const { path: archive } = only((await harness.archive()).part.archives);
    const manifest = archive.replace('.tar.zst', '.json');
    const text = await readFile(manifest, 'utf8');
    await writeFile(manifest, text.replace(/"name": "[^"]*"/, '"name": "../../escaped"'));
    const run = await harness.archive({}, { options: { restore: path.basename(archive), to: `${harness.memory}/x` } });
    assert.equal(run.outcome, 'failed');
    assert.match(only(run.findings).message, /leads out/);
  });

  it('deletes archives that are older than `keep`, and only those', async () => {
    await harness.old('a.log.1', 'one\n', 90);
    await harness.archive({}, { now: new Date(Date.now() - 50 * dayMs) });
    await harness.old('a.log.1', 'two\n', 40);
    await harness.archive({}, { now: new Date(Date.now() - 5 * dayMs) });
    await writeFile(path.join(harness.destination, 'logs-of-mine.tar.gz'), 'not ours');
    assert.equal((await harness.archived()).length, 5);
    const run = await harness.archive({ keep: '30d' });
    assert.equal(run.outcome, 'changed');
    assert.equal(only(run.part.archives).action, 'deleted');
    assert.deepEqual([...(await harness.unpacked()).values()], ['two\n']);
    assert.ok((await harness.archived()).includes('logs-of-mine.tar.gz'));
  });

  it('makes a name of its own for each archive of one second', async () => {
    const now = new Date();
    for (const text of ['one\n', 'two\n', 'three\n']) {
      await harness.old('a.log.1', text);
      assert.equal((await harness.archive({}, { now })).outcome, 'changed');
    }
    assert.equal((await harness.archived()).length, 6);
  });

  it('says before a start what it would do, and for how long it keeps', async () => {
    const text = await archiveLogs.impactOf(
      {},
      configuration({ archive: { destination: '/srv/archive', keep: '365d' } }, '/'),
    );
    assert.match(text ?? '', /30 days.*\/srv\/archive.*365d|30 days.*\/srv\/archive/);
    assert.match(text ?? '', /deleted for good/);
  });

  it('finishes an archive whose run was interrupted, also when a rotation renamed or compressed the originals since', async () => {
    for (const index of [1, 2, 3]) await harness.old(`a.log.${index}`, `generation ${index}\n`);
    const { path: archive } = only((await harness.archive()).part.archives);
    const places = [
      archive.replace('.tar.zst', '.json'),
      archive.replace(/logs-(.*)\.tar\.zst/, '.logs-$1.pending.json'),
    ] as const;
    await rename(...places);
    await harness.old('a.log.2', 'generation 1\n');
    await harness.old('a.log.3.gz', gzipSync('generation 2\n'));
    await harness.old('a.log.4', 'generation 3 and more\n');
    const run = await harness.archive({}, { options: { days: 60 } });
    assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
    assert.equal(only(run.part.archives).action, 'finished');
    assert.deepEqual(await harness.names(), ['a.log.4']);
  });
});
