import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { lockFile } from '../../../agent/store/stateLock.ts';
import { selfSigned } from './authority.ts';
import { BackupFolder } from './backups.ts';
import { daysFromNow } from './harness.ts';

const isRoot = process.geteuid?.() === 0;

describe('backup-certificates and restore-certificates', () => {
  const folder = new BackupFolder();
  const tree = 'host/letsencrypt';

  beforeEach(async () => {
    await folder.create();
    await folder.plant();
  });
  afterEach(() => folder.remove());

  it('give back content, links, modes and times of what was lost', async () => {
    const before = await folder.host();
    const made = await folder.backup({ date: '20240115' });
    assert.deepEqual([made.outcome, made.findings, made.files, made.links], ['changed', [], 2, 2]);
    assert.deepEqual(await folder.archives(), ['certificates-20240115.tar.gz']);
    assert.equal((await stat(made.archive ?? '')).mode & 0o777, 0o600);
    const { mtimeMs } = await stat(folder.path(tree, 'archive/a/privkey1.pem'));

    await rm(folder.path(tree), { recursive: true });
    const restored = await folder.restore({ date: '20240115' });
    assert.deepEqual([restored.outcome, restored.findings, restored.undo], ['changed', [], null]);
    assert.equal(restored.added.length, 10);
    assert.deepEqual(await folder.host(), before);
    const { mtimeMs: again } = await stat(folder.path(tree, 'archive/a/privkey1.pem'));
    assert.equal(Math.floor(again / 1000), Math.floor(mtimeMs / 1000));
  });

  if (isRoot)
    it('give back owners', async () => {
      execFileSync('chown', [
        '-h',
        '12345:54321',
        folder.path(tree, 'archive/a/privkey1.pem'),
        folder.path(tree, 'live/a/privkey.pem'),
      ]);
      await folder.backup();
      await rm(folder.path(tree), { recursive: true });
      await folder.restore();
      const owners = execFileSync('stat', [
        '-c',
        '%u:%g',
        folder.path(tree, 'archive/a/privkey1.pem'),
        folder.path(tree, 'live/a/privkey.pem'),
      ]);
      assert.equal(owners.toString(), '12345:54321\n12345:54321\n');
    });

  it('tell of access control lists, which no archive holds, and open nothing to the group because of their mask', async () => {
    const key = folder.path(tree, 'archive/a/privkey1.pem');
    execFileSync('setfacl', ['-m', 'u:65534:r', key]);
    assert.equal((await stat(key)).mode & 0o777, 0o640);
    const kept = await folder.backup({ date: '20240115' });
    assert.deepEqual(
      [kept.outcome, ...kept.findings.map(({ level, subject }) => [level, subject])],
      ['warning', ['warning', key]],
    );
    assert.match(
      kept.findings[0]?.message ?? '',
      /privkey1\.pem has an access control list, which the backup does not/,
    );
    await folder.write(`${tree}/archive/a/fullchain1.pem`, 'another chain\n', 0o644);
    const before = await folder.host();
    const one = await folder.restore({ domain: 'a' });
    assert.match(one.findings[0]?.message ?? '', /which a restore of one domain does not keep/);
    assert.deepEqual([one.outcome, await folder.host()], ['failed', before]);
    const whole = await folder.restore();
    assert.equal(whole.outcome, 'warning');
    assert.match(whole.findings[0]?.message ?? '', /which a restore does not keep; give them again/);
    assert.equal((await stat(key)).mode & 0o777, 0o600);
  });

  it('take no date that is none for one, by which it would be the newest for ever', async () => {
    for (const date of ['20241399', '20230229', '20240115-250000', '20240115-0200', '2024-01-15']) {
      await assert.rejects(folder.backup({ date }), /a date such as/, date);
    }
    assert.equal((await folder.backup({ date: '20240229-235959' })).outcome, 'changed');
  });

  it('make an archive that tar reads, with a manifest that sha256sum confirms', async () => {
    const { archive } = await folder.backup();
    const out = folder.path('out');
    await mkdir(out);
    execFileSync('tar', ['xzf', archive ?? '', '-C', out]);
    const manifest = JSON.parse(await readFile(`${out}/upkeep-manifest.json`, 'utf8')) as {
      entries: { path: string; sha256?: string }[];
    };
    const sums = manifest.entries.filter((entry) => entry.sha256 !== undefined);
    assert.equal(sums.length, 2);
    await writeFile(`${out}/sums`, sums.map(({ path, sha256 }) => `${sha256}  .${path}\n`).join(''));
    execFileSync('sha256sum', ['--check', '--strict', 'sums'], { cwd: out });
  });

  it('keep what a restore replaced, and put that back with --undo', async () => {
    await folder.backup({ date: '20240115' });
    await writeFile(folder.path(tree, 'archive/a/privkey1.pem'), 'new key\n');
    await writeFile(folder.path(tree, 'later.pem'), 'later\n');
    const later = await folder.host();

    const planned = await folder.restore({ date: '20240115' }, undefined, { dryRun: true });
    assert.equal(planned.outcome, 'unchanged');
    assert.deepEqual(planned.removed, [folder.path(tree, 'later.pem')]);
    assert.deepEqual(planned.changed, [folder.path(tree, 'archive/a/privkey1.pem')]);
    assert.deepEqual(await folder.host(), later);

    const restored = await folder.restore({ date: '20240115' });
    assert.equal(restored.outcome, 'changed');
    assert.match(restored.undo ?? '', /undo-\d{8}-\d{6}\.tar\.gz$/);
    assert.equal(await readFile(folder.path(tree, 'live/a/privkey.pem'), 'utf8'), 'old key\n');
    assert.equal((await folder.restore({ date: '20240115' })).outcome, 'unchanged');

    assert.equal((await folder.restore({ undo: true })).outcome, 'changed');
    assert.deepEqual(await folder.host(), later);
  });

  it('take the newest of a date, name those that are there, and keep no more than configured', async () => {
    for (const date of ['20240114-010000', '20240115-010000', '20240115-230000']) {
      await writeFile(folder.path(tree, 'date.pem'), date);
      await folder.backup({ date }, folder.settings({ keep: 2 }));
    }
    assert.deepEqual(await folder.archives(), [
      'certificates-20240115-010000.tar.gz',
      'certificates-20240115-230000.tar.gz',
    ]);
    await writeFile(folder.path(tree, 'date.pem'), 'changed');
    await folder.restore({ date: '20240115' });
    assert.equal(await readFile(folder.path(tree, 'date.pem'), 'utf8'), '20240115-230000');
    const none = await folder.restore({ date: '20240114' });
    assert.equal(none.outcome, 'failed');
    assert.match(
      none.findings[0]?.message ?? '',
      /no backup of 20240114 .*there are: 20240115-010000, 20240115-230000/,
    );
    const twice = await folder.backup({ date: '20240115-230000' });
    assert.match(twice.findings[0]?.message ?? '', /There is an archive of that date already/);
    await assert.rejects(folder.restore({ date: '../../etc' }), /a date such as/);
  });

  it('call a backup by its very name, also where there are later ones of that day', async () => {
    for (const date of ['20240115', '20240115-010000']) {
      await writeFile(folder.path(tree, 'date.pem'), date);
      await folder.backup({ date });
    }
    await folder.restore({ date: '20240115' });
    assert.equal(await readFile(folder.path(tree, 'date.pem'), 'utf8'), '20240115');
  });

  it('tell before and after that a restored certificate has expired, or ends before the one that it replaces', async () => {
    const pem = folder.path(tree, 'archive/a/fullchain1.pem');
    const put = async (name: string, days: number): Promise<void> => {
      const validity = { notBefore: daysFromNow(days - 90), notAfter: daysFromNow(days) };
      await writeFile(pem, (await selfSigned({ names: [name], ...validity })).certPem);
    };
    await put('a.example', 10);
    await folder.backup({ date: '20240115' });
    await put('a.example', 60);
    const planned = await folder.restore({ date: '20240115' }, undefined, { dryRun: true });
    assert.deepEqual(
      planned.findings.map(({ level, subject }) => [level, subject]),
      [['info', 'a.example']],
    );
    assert.match(
      planned.findings[0]?.message ?? '',
      /in the archive ends on \d{4}-.*, before the one that it replaces \(/,
    );
    const later = { now: () => daysFromNow(20) };
    const { outcome, findings } = await folder.restore({ date: '20240115' }, undefined, later);
    assert.equal(outcome, 'warning');
    assert.match(findings[0]?.message ?? '', /a\.example in the archive has expired on .*; renew it after the restore/);
    assert.deepEqual(findings[0]?.remedy?.options, { domain: 'a.example' });
  });

  describe('with a passphrase', () => {
    const secret = 'correct horse battery staple';
    const encrypt = { passphrase: secret };

    it('keep nothing readable, and open with that passphrase alone', async () => {
      const before = await folder.host();
      const { archive, encrypted } = await folder.backup({}, folder.settings({ encrypt }));
      assert.equal(encrypted, true);
      const bytes = await readFile(archive ?? '');
      for (const text of ['old key', 'privkey', 'manifest']) assert.equal(bytes.includes(text), false);
      await rm(folder.path(tree), { recursive: true });
      for (const [settings, message] of [
        [folder.settings(), /it is encrypted; give its passphrase/],
        [folder.settings({ encrypt: { passphrase: 'wrong horse battery' } }), /does not open it, or it was changed/],
      ] as const) {
        const { outcome, findings } = await folder.restore({}, settings);
        assert.equal(outcome, 'failed');
        assert.match(findings[0]?.message ?? '', message);
      }
      bytes[bytes.length >> 1]! ^= 1;
      const forged = await folder.write('forged', bytes);
      assert.equal((await folder.restore({ archive: forged }, folder.settings({ encrypt }))).outcome, 'failed');
      assert.equal((await folder.restore({}, folder.settings({ encrypt }))).outcome, 'changed');
      assert.deepEqual(await folder.host(), before);
    });
  });

  it('say what a backup does not hold, and what is missing', async () => {
    execFileSync('mkfifo', [folder.path(tree, 'pipe')]);
    await symlink('/usr/share/elsewhere.pem', folder.path(tree, 'elsewhere.pem'));
    const settings = folder.settings({ paths: [folder.path(tree), folder.path('gone')] });
    const { outcome, findings } = await folder.backup({}, settings);
    assert.equal(outcome, 'warning');
    assert.deepEqual(
      findings.map(({ level, message }) => `${level}: ${message.replaceAll(folder.path(), '')}`),
      [
        'warning: /gone is not there and not in the backup; correct certificates.backup.paths.',
        'warning: "/host/letsencrypt/pipe" is not in the backup: it is no file, folder or symbolic link.',
        'info: /host/letsencrypt/elsewhere.pem leads to /usr/share/elsewhere.pem, which is not in the backup; add its folder to certificates.backup.paths if it belongs to the certificates.',
      ],
    );
    const lost = await folder.restore();
    assert.match(lost.findings[0]?.message ?? '', /pipe" would be lost, since no archive can keep it/);
  });

  it('make a link out of the folders again only where it is now, or on request', async () => {
    await symlink('/usr/share/elsewhere.pem', folder.path(tree, 'elsewhere.pem'));
    await folder.backup();
    await writeFile(folder.path(tree, 'archive/a/privkey1.pem'), 'new key\n');
    assert.equal((await folder.restore()).outcome, 'changed');
    await rm(folder.path(tree, 'elsewhere.pem'));
    const refused = await folder.restore();
    assert.match(
      refused.findings[0]?.message ?? '',
      /elsewhere\.pem" is a symbolic link out of the certificate folders/,
    );
    assert.equal((await folder.restore({ outsideLinks: true })).outcome, 'changed');
  });

  it('refuse what would make a backup worthless', async () => {
    const inside = await folder.backup({}, folder.settings({ destination: folder.path(tree, 'backups') }));
    assert.match(inside.findings[0]?.message ?? '', /lies inside of what it keeps/);
    await writeFile(folder.path(tree, 'A.pem'), '1');
    await writeFile(folder.path(tree, 'a.pem'), '2');
    const clash = await folder.backup();
    assert.match(clash.findings[0]?.message ?? '', /a\.pem" differs from ".*A\.pem" by its case alone/);
    await rm(folder.path(tree, 'A.pem'));
    await chmod(folder.path('backups'), 0o777);
    assert.match((await folder.backup()).findings[0]?.message ?? '', /Others may write to .*chmod go-w/);
    await chmod(folder.path('backups'), 0o700);
    const large = await folder.write(`${tree}/large.pem`, Buffer.alloc(17 * 1024 * 1024));
    assert.match((await folder.backup()).findings[0]?.message ?? '', /large\.pem has 17825792 bytes/);
    await rm(large);
    assert.deepEqual(await folder.archives(), []);
  });

  it('work one at a time in a folder of archives', async () => {
    await folder.backup({ date: '20240115' });
    const held = lockFile(folder.path('backups/.lock'));
    const { outcome, findings } = await folder.backup();
    held?.close();
    assert.deepEqual([outcome, findings[0]?.code], ['failed', 'certificates.backup']);
    assert.match(findings[0]?.message ?? '', /Another backup or restore is at work/);
    assert.equal((await folder.backup()).outcome, 'changed');
  });

  it('count one file as one', async () => {
    const settings = folder.settings({ paths: [folder.path(tree, 'archive/a/privkey1.pem')] });
    const { lines } = await folder.backup({}, settings, { dryRun: true });
    assert.match(lines[0] ?? '', /\(1 file and 0 symbolic links\)/);
  });

  it('change nothing with --dry-run', async () => {
    const { outcome, lines, files } = await folder.backup({}, undefined, { dryRun: true });
    assert.deepEqual([outcome, files], ['unchanged', 2]);
    assert.match(lines[0] ?? '', /would write an archive of .* \(2 files and 2 symbolic links\)/);
    await assert.rejects(stat(folder.path('backups')), /ENOENT/);
  });
});
