import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readlink, rename, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { SourceProblem } from '../../../agent/procedures/logs/archiveContent.ts';
import { readAgain } from '../../../agent/procedures/logs/secondReading.ts';

const bytes = randomBytes(2_500_000);

describe('the second reading of an original', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'upkeep-again-'));
    file = path.join(folder, 'a.log');
    await writeFile(file, bytes);
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** Begins after the first reading, between the two of which `meddle` happens. */
  async function again(meddle: () => Promise<void> = () => Promise.resolve()) {
    const stats = await stat(file, { bigint: true });
    const source = { path: file, key: `${stats.dev}:${stats.ino}`, bytes: Number(stats.size), user: null };
    await meddle();
    return await readAgain(
      { path: file, bytes: source.bytes },
      { begun: new Map([[file, { source, stats }]]), turn: (work) => work() },
    );
  }

  async function openHere(): Promise<string[]> {
    const open = await readdir('/proc/self/fd');
    const names = await Promise.all(open.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')));
    return names.filter((name) => name.startsWith(folder));
  }

  it('finds the same bytes in pieces of any length, and closes the file', async () => {
    {
      await using reading = await again();
      let at = 0;
      for (const length of [0, 1, 512, 1_048_577, 5, bytes.length]) {
        assert.equal(await reading?.goesOnWith(bytes.subarray(at, at + length)), true);
        at += length;
      }
      assert.equal((await openHere()).length, 1);
    }
    assert.deepEqual(await openHere(), []);
  });

  for (const [where, at] of [
    ['first', 0],
    ['last', bytes.length - 1],
  ] as const) {
    it(`finds a difference in the ${where} byte`, async () => {
      await using reading = await again();
      const other = Buffer.from(bytes);
      other.writeUInt8(other.readUInt8(at) ^ 1, at);
      assert.equal(await reading?.goesOnWith(other), false);
    });
  }

  it('says that the original has changed, where that is the reason', async () => {
    for (const change of [
      () => writeFile(file, 'x', { flag: 'r+' }),
      () => truncate(file, 2_000_000),
      () => writeFile(file, ''),
    ]) {
      await writeFile(file, bytes);
      await utimes(file, 1e9, 1e9);
      await using reading = await again(change);
      await assert.rejects(async () => await reading?.goesOnWith(bytes), SourceProblem);
    }
  });

  it('is left to the checksum for a small file, and for one that is gone or another', async () => {
    assert.equal(await again(() => rm(file)), null);
    await writeFile(file, bytes);
    const other = path.join(folder, 'b.log');
    await writeFile(other, bytes);
    assert.equal(await again(() => rename(other, file)), null);
    await writeFile(file, bytes.subarray(0, 1_000_000));
    assert.equal(await again(), null);
    assert.deepEqual(await openHere(), []);
  });
});
