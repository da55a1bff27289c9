import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { findPassword, passwordFromFile } from '../../../agent/procedures/database/passwordFile.ts';

const target = { name: 'shop', host: 'db1', port: 5432, database: 'shop', user: 'alice' };

describe('the password file', () => {
  it('gives the first line that fits', () => {
    const text = '# comment\ndb2:5432:shop:alice:no\ndb1:5433:*:*:no\n*:*:shop:alice:yes\ndb1:5432:shop:alice:later\n';
    assert.equal(findPassword(text, target), 'yes');
  });

  it('takes a Unix socket for localhost, and undoes escapes', () => {
    assert.equal(findPassword('localhost:*:*:*:a\\:b\\\\c', { ...target, host: '/run/postgresql' }), 'a:b\\c');
    assert.equal(findPassword('::1:*:*:*:x', target), undefined);
    assert.equal(findPassword('\\:\\:1:*:*:*:x', { ...target, host: '::1' }), 'x');
  });

  it('keeps colons in the password, and ignores lines that are cut short', () => {
    assert.equal(findPassword('db1:5432:shop\n*:*:*:*:\n*:*:*:*:p:w', target), 'p:w');
  });

  it('is ignored when it is missing or others may read it', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'upkeep-pgpass-'));
    try {
      const path = join(directory, 'pgpass');
      assert.equal(await passwordFromFile(path, target), undefined);
      await writeFile(path, '*:*:*:*:secret\n', { mode: 0o600 });
      assert.equal(await passwordFromFile(path, target), 'secret');
      await chmod(path, 0o644);
      assert.equal(await passwordFromFile(path, target), undefined);
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
