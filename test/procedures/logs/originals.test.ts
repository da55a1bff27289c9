import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstat, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import type { ArchivedFile } from '../../../agent/procedures/logs/manifest.ts';
import { removeOriginals } from '../../../agent/procedures/logs/originals.ts';
import { markOf } from '../../../agent/procedures/logs/unchanged.ts';
import { createArchiveHarness } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';

const { signal } = new AbortController();

describe('originals of an archive', () => {
  let harness: ArchiveHarness;
  beforeEach(async () => {
    harness = await createArchiveHarness();
  });
  afterEach(() => harness.remove());

  /** As an archive holds the file, which says `content`. */
  async function archived(name: string, content: string): Promise<ArchivedFile> {
    const path = harness.file(name);
    const { mtimeMs, mode, uid, gid } = await stat(path);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const bytes = Buffer.byteLength(content);
    return { path, name, bytes, modifiedAt: new Date(mtimeMs).toISOString(), mode, uid, gid, sha256 };
  }

  async function marked(...names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const stats = names.map(
      async (name) => [harness.file(name), markOf(await lstat(harness.file(name), { bigint: true }))] as const,
    );
    return new Map(await Promise.all(stats));
  }

  const outcomes = async (files: readonly ArchivedFile[], marks: ReadonlyMap<string, string>) =>
    (await removeOriginals(files, marks, signal)).map(([{ name }, removal]) => [name, removal]);

  it('go unread when nobody touched them since', async () => {
    await harness.old('a.log.1', 'one\n');
    // What shows that it was not read: the archive holds something else of the same size.
    const file = await archived('a.log.1', 'two\n');
    assert.deepEqual(await outcomes([file], await marked('a.log.1')), [['a.log.1', 'removed']]);
    assert.deepEqual(await harness.names(), []);
  });

  it('are read and kept when another has their name by now, though its size and times are the same', async () => {
    await harness.old('a.log.1', 'one\n');
    const file = await archived('a.log.1', 'one\n');
    const marks = await marked('a.log.1');
    const { atime, mtime } = await stat(file.path);
    await writeFile(harness.file('new'), 'two\n');
    await utimes(harness.file('new'), atime, mtime);
    await rename(harness.file('new'), file.path);
    assert.deepEqual(await outcomes([file], marks), [['a.log.1', 'gone']]);
    assert.equal(await readFile(file.path, 'utf8'), 'two\n');
  });

  it('are found where a rotation has moved them in the meantime, each once', async () => {
    const files: ArchivedFile[] = [];
    for (const index of [1, 2, 3]) {
      await harness.old(`a.log.${index}`, `${index}\n`);
      files.push(await archived(`a.log.${index}`, `${index}\n`));
    }
    const marks = await marked('a.log.1', 'a.log.2', 'a.log.3');
    for (const index of [3, 2, 1]) await rename(harness.file(`a.log.${index}`), harness.file(`a.log.${index + 1}`));
    await harness.old('a.log.1', 'new\n');
    const result = await outcomes(files, marks);
    assert.deepEqual(
      result.map(([, removal]) => removal),
      ['removed', 'removed', 'removed'],
    );
    assert.deepEqual(await harness.names(), ['a.log.1']);
    assert.equal(await harness.read('a.log.1'), 'new\n');
  });

  it('go from many folders, in the order in which they are named', async () => {
    const files: ArchivedFile[] = [];
    for (const name of ['one/a.log.1', 'one/a.log.2', 'two/a.log.1', 'one/a.log.3']) {
      await harness.old(name, name);
      files.push(await archived(name, name));
    }
    const missing = { ...files[0]!, path: harness.file('gone/a.log.1'), name: 'gone/a.log.1' };
    assert.deepEqual(await outcomes([...files, missing], new Map()), [
      ...files.map(({ name }) => [name, 'removed']),
      ['gone/a.log.1', 'gone'],
    ]);
  });

  it('stay when the run is stopped', async () => {
    await harness.old('a.log.1', 'one\n');
    const file = await archived('a.log.1', 'one\n');
    await assert.rejects(removeOriginals([file], new Map(), AbortSignal.abort()));
    assert.deepEqual(await harness.names(), ['a.log.1']);
  });
});
