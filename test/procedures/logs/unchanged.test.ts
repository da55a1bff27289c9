import assert from 'node:assert/strict';
import { chmod, link, lstat, mkdtemp, rename, rm, statfs, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isOnlyRenamed, isUnchanged, markOf, Watch } from '../../../agent/procedures/logs/unchanged.ts';

const old = new Date('2024-01-01T00:00:00Z');

describe('the mark of a file that was read', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'upkeep-mark-'));
    file = path.join(folder, 'a.log.1');
    await writeFile(file, 'one\n');
    await utimes(file, old, old);
  });
  afterEach(() => rm(folder, { recursive: true }));

  const look = (place = file) => lstat(place, { bigint: true });

  /** Resolves when what is changed from now on has a later time than the file. */
  async function laterTick(): Promise<void> {
    const [other, { ctimeNs }] = [path.join(folder, 'clock'), await look()];
    do await writeFile(other, '');
    while ((await look(other)).ctimeNs <= ctimeNs);
    await unlink(other);
  }

  /** Of the kernel, at a time by which the last change is no longer a late one. */
  async function laterWatch(vm?: string): Promise<Watch> {
    const changed = Number((await look()).ctimeMs);
    return new Watch(vm, () => changed + 3001);
  }

  it('is of files that were neither written nor changed lately, on file systems that keep the times themselves', async () => {
    const local = [0xef53, 0x58465342, 0x9123683e, 0xf2f52010].includes((await statfs(folder)).type >>> 0);
    const stats = await look();
    assert.equal(await (await laterWatch()).mark(stats, folder), local ? markOf(stats) : null);
    assert.equal(await (await laterWatch()).mark(stats, '/proc/self'), null);
    assert.equal(await new Watch(undefined, () => Number(stats.ctimeMs) + 2000).mark(stats, folder), null);
    await writeFile(file, 'one\n');
    assert.equal(await (await laterWatch()).mark(await look(), folder), null);
  });

  it('is of no file where the kernel leaves what is written by mappings in memory for long, or for ever', async () => {
    const stats = await look();
    const usual = await (await laterWatch()).mark(stats, folder);
    for (const [interval, age, expected] of [
      ['500', '3000', usual],
      ['0', '3000', null],
      ['500', '360000', null],
      ['', '', null],
    ] as const) {
      await writeFile(path.join(folder, 'dirty_writeback_centisecs'), `${interval}\n`);
      await writeFile(path.join(folder, 'dirty_expire_centisecs'), `${age}\n`);
      assert.equal(await (await laterWatch(folder)).mark(stats, folder), expected, interval);
    }
  });

  for (const [what, change] of [
    [
      'its content, its time set back',
      async () => {
        await writeFile(file, 'two\n');
        await utimes(file, old, old);
      },
    ],
    ['its rights', () => chmod(file, 0o600)],
    [
      'its names',
      async () => {
        await link(file, `${file}.other`);
        await unlink(`${file}.other`);
      },
    ],
    [
      'its place, taken by another of the same size and time',
      async () => {
        await writeFile(`${file}.new`, 'two\n');
        await utimes(`${file}.new`, old, old);
        await rename(`${file}.new`, file);
      },
    ],
  ] as const) {
    it(`tells a change of ${what}`, async () => {
      const mark = markOf(await look());
      assert.equal(isUnchanged(mark, await look()), true);
      await laterTick();
      await change();
      assert.equal(isUnchanged(mark, await look()), false);
    });
  }

  it('stays the same over a rename, but for the time of change', async () => {
    const before = await look();
    await rename(file, `${file}.moved`);
    assert.equal(isOnlyRenamed(before, await look(`${file}.moved`)), true);
    await writeFile(file, 'two\n');
    await utimes(file, old, old);
    assert.equal(isOnlyRenamed(before, await look()), false);
  });
});
