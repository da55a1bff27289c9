import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../agent/store/atomicWrite.ts';
import { withFolder } from '../config/harness.ts';

describe('writing a file as a whole', () => {
  it('replaces the content and gives the mode that was asked for, whatever the umask and the old mode', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeFile(file, 'old', { mode: 0o666 });
      await writeFileAtomic(file, 'new');
      assert.equal(await readFile(file, 'utf8'), 'new');
      assert.equal((await stat(file)).mode & 0o777, 0o600);
      await writeFileAtomic(file, Buffer.from('newer'), 0o644);
      assert.equal((await stat(file)).mode & 0o777, 0o644);
      assert.deepEqual(await readdir(folder), ['file']);
    });
  });

  it('replaces a link instead of writing through it', async () => {
    await withFolder(async (folder) => {
      await writeFile(join(folder, 'target'), 'precious');
      await symlink('target', join(folder, 'link'));
      await writeFileAtomic(join(folder, 'link'), 'new');
      assert.equal(await readFile(join(folder, 'target'), 'utf8'), 'precious');
      assert.equal(await readFile(join(folder, 'link'), 'utf8'), 'new');
    });
  });

  it('F04: leaves the old content and nothing else behind when it fails', async () => {
    await withFolder(async (folder) => {
      await mkdir(join(folder, 'taken'));
      await writeFile(join(folder, 'taken', 'inside'), 'precious');
      await assert.rejects(writeFileAtomic(join(folder, 'taken'), 'new'), { code: /EISDIR|ENOTEMPTY|EEXIST/ });
      await assert.rejects(writeFileAtomic(join(folder, 'none', 'file'), 'new'), { code: 'ENOENT' });
      assert.deepEqual(await readdir(folder), ['taken']);
      assert.equal(await readFile(join(folder, 'taken', 'inside'), 'utf8'), 'precious');
    });
  });
});
