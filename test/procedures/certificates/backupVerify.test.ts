import assert from 'node:assert/strict';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { asUser } from '../../../agent/procedures/logs/asUser.ts';
import { BackupFolder } from './backups.ts';

const isRoot = process.geteuid?.() === 0;

describe('archives of certificates, as they grow old,', function () {
  this.timeout(60_000);
  const folder = new BackupFolder();
  beforeEach(async () => {
    await folder.create();
    await folder.plant();
  });
  afterEach(() => folder.remove());

  const dates = ['20240113', '20240114-020000', '20240115'] as const;
  const encrypt = { passphrase: 'correct horse battery staple' };

  it('are listed with what restores them', async () => {
    assert.match((await folder.restore({ list: true })).lines[0] ?? '', /There is no archive in .*make one/);
    for (const date of dates) await folder.backup({ date });
    await folder.backup({ date: '20240116' }, folder.settings({ encrypt }));
    await writeFile(folder.path('host/letsencrypt/later.pem'), 'later');
    await folder.restore({ date: '20240115' });
    const before = await folder.host();
    const { outcome, lines, archives, changed } = await folder.restore({ list: true });
    assert.deepEqual([outcome, changed, await folder.host()], ['unchanged', [], before]);
    assert.deepEqual(
      archives.map(({ date, kind, encrypted }) => [kind, encrypted, kind === 'undo' || date]),
      [...dates.map((date) => ['backup', false, date]), ['backup', true, '20240116'], ['undo', false, true]],
    );
    assert.equal(archives[0]?.bytes, (await stat(folder.path('backups/certificates-20240113.tar.gz'))).size);
    assert.match(
      lines[1] ?? '',
      /^--date 20240114-020000 +[\d.]+ [kKMi]*B {2}\/.*certificates-20240114-020000\.tar\.gz$/,
    );
    assert.match(lines[3] ?? '', /\(encrypted\)$/);
    assert.match(lines[4] ?? '', /^--undo --date \d{8}-\d{6} /);
  });

  it('are not listed to a user who may not look at their folder, who is told as which user to run it', async () => {
    await folder.backup({ date: '20240113' });
    // Loads what is needed, which the user with fewer rights may not be able to read.
    await folder.restore({ list: true });
    await chmod(folder.path('backups'), isRoot ? 0o700 : 0);
    const list = () => folder.restore({ list: true });
    const { outcome, findings } = await asUser(isRoot ? { uid: 65534, gid: 65534 } : null, list);
    await chmod(folder.path('backups'), 0o700);
    assert.equal(outcome, 'failed');
    assert.match(findings[0]?.message ?? '', /^EACCES: .*: run Upkeep as a user who may read the certificates/);
  });

  it('are read and compared with --verify, and each that lost a bit is told', async () => {
    for (const date of dates) await folder.backup({ date }, folder.settings({ encrypt }));
    const settings = folder.settings({ encrypt });
    const good = await folder.backup({ verify: true }, settings);
    assert.deepEqual([good.outcome, good.archive, good.findings], ['unchanged', null, []]);
    assert.deepEqual(
      good.verified.map(({ problem }) => problem),
      [null, null, null],
    );
    assert.match(good.lines[0] ?? '', /20240113\.tar\.gz\.enc: 2 files, .* as its manifest says$/);
    const rotten = folder.path('backups/certificates-20240114-020000.tar.gz.enc');
    const bytes = await readFile(rotten);
    bytes[bytes.length >> 1]! ^= 4;
    await writeFile(rotten, bytes);
    const { outcome, findings, verified } = await folder.backup({ verify: true }, settings);
    assert.deepEqual([outcome, findings.length, findings[0]?.subject], ['failed', 1, rotten]);
    assert.match(findings[0]?.message ?? '', /can not be restored: .*it was changed/);
    assert.deepEqual(
      verified.map(({ problem }) => problem === null),
      [true, false, true],
    );
    assert.equal((await folder.archives()).length, 3);
  });

  it('find any bit that was lost in an archive that is not encrypted', async () => {
    const { archive } = await folder.backup({ date: '20240115' });
    const bytes = await readFile(archive ?? '');
    const content = gunzipSync(bytes);
    let told = 0;
    for (let at = 0; at < bytes.length; at += 7) {
      const spoilt = Buffer.from(bytes);
      spoilt[at]! ^= 1 << (at % 8);
      await writeFile(archive ?? '', spoilt);
      const { outcome } = await folder.backup({ verify: true });
      // Some bits of gzip mean nothing: its time, and what fills up the last byte (RFC 1951, RFC 1952).
      if (outcome !== 'failed') assert.deepEqual(gunzipSync(spoilt), content, `bit ${at % 8} of byte ${at}`);
      else told += 1;
    }
    assert.ok(told > 50);
  });

  it('are a warning with --verify when there are none', async () => {
    const { outcome, findings } = await folder.backup({ verify: true });
    assert.equal(outcome, 'warning');
    assert.match(findings[0]?.message ?? '', /There is no archive/);
  });

  it('go by age where that is configured, but never the newest, nor the one that was just made', async () => {
    const settings = folder.settings({ keep_for: '30d' });
    const at = (date: string) => ({ now: () => new Date(date) });
    for (const date of dates) await folder.backup({ date });
    const planned = await folder.backup({}, settings, { ...at('2024-02-12T12:00:00Z'), dryRun: true });
    assert.match(
      planned.lines[1] ?? '',
      /would remove .*20240113\.tar\.gz, since 30 archives of the last 30d are kept/,
    );
    const { removed } = await folder.backup({}, settings, at('2024-02-12T12:00:00Z'));
    assert.deepEqual(removed, [folder.path('backups/certificates-20240113.tar.gz')]);
    const old = await folder.backup({ date: '20200101' }, settings, at('2026-01-01T00:00:00Z'));
    assert.equal(old.removed.length, 3);
    assert.deepEqual(await folder.archives(), ['certificates-20200101.tar.gz']);
    await folder.backup({ date: '20210101' }, folder.settings({ keep: 1 }));
    const kept = await folder.backup({ date: '20190101' }, folder.settings({ keep: 1 }));
    assert.deepEqual(kept.removed, [folder.path('backups/certificates-20210101.tar.gz')]);
  });
});
