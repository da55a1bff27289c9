import assert from 'node:assert/strict';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeFolders } from '../agent/makeFolders.ts';

describe('makeFolders', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(path.join(tmpdir(), 'upkeep-folders-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  it('makes a folder and those above it, with the mode, and is content with what is there', async () => {
    const folder = path.join(root, 'a', 'b', 'c');
    for (let time = 0; time < 2; time += 1) await makeFolders(folder, 0o700);
    for (const one of ['a', 'a/b', 'a/b/c']) assert.equal((await stat(path.join(root, one))).mode & 0o777, 0o700);
    await makeFolders('/', 0o700);
    await Promise.all([1, 2, 3].map(() => makeFolders(path.join(root, 'x', 'y'), 0o700)));
  });

  it('comes to an end where a folder that is there takes no other', async () => {
    for (const folder of ['/proc/upkeep', '/proc/upkeep/a/b']) {
      await assert.rejects(makeFolders(folder, 0o700), { code: 'ENOENT' });
    }
  });

  it('refuses a file, and a link to nothing, in the place of a folder', async () => {
    const file = path.join(root, 'file');
    await writeFile(file, '');
    await assert.rejects(makeFolders(file, 0o700), { code: 'EEXIST' });
    await assert.rejects(makeFolders(path.join(file, 'a'), 0o700), { code: 'ENOTDIR' });
    const link = path.join(root, 'link');
    await symlink('nowhere', link);
    await assert.rejects(makeFolders(link, 0o700), { code: 'EEXIST' });
    await assert.rejects(makeFolders(path.join(link, 'a'), 0o700), { code: 'EEXIST' });
  });
});
