import assert from 'node:assert/strict';
import { restoreCertificates } from '../../../agent/procedures/certificates/restoreCertificates.ts';
import { BackupFolder } from './backups.ts';
import { configWith } from './harness.ts';

describe('the dates from which restore-certificates can be told to choose', () => {
  const folder = new BackupFolder();

  beforeEach(async () => {
    await folder.create();
    await folder.plant();
  });
  afterEach(() => folder.remove());

  it('are those of the backups that are there, the newest first, each with its archive and size', async () => {
    for (const date of ['20240115-020000', '20240116', '20231231-235959']) await folder.backup({ date });
    await folder.restore({ date: '20240115-020000' });
    await folder.write('backups/certificates-20250101.tar.gz.unfinished', 'half of it');
    const { date = [] } = (await restoreCertificates.choices?.(configWith(folder.settings()))) ?? {};
    assert.deepEqual(
      date.map(({ value }) => value),
      ['20240116', '20240115-020000', '20231231-235959'],
    );
    assert.match(
      date[1]?.description ?? '',
      /^2024-01-15 02:00:00 UTC, certificates-20240115-020000\.tar\.gz, [\d.]+ [kK]?i?B/,
    );
    for (const { value } of date) assert.equal((await folder.restore({ date: value })).outcome, 'unchanged');
  });

  it('are none before the first backup', async () => {
    assert.deepEqual(await restoreCertificates.choices?.(configWith(folder.settings())), { date: [] });
  });
});
