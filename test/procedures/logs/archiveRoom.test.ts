/** How large an archive will be, by samples, and what is said when it has no place. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expectedBytes } from '../../../agent/procedures/logs/archiveRoom.ts';
import { survey } from '../../../agent/procedures/logs/archiveSources.ts';
import { canMount, smallDisk } from '../../store/smallDisk.ts';
import { createArchiveHarness } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';
import { only } from './harness.ts';

const text = Array.from({ length: 300_000 }, (_, line) => `line ${line * 7919} of many\n`).join('');

describe('the expected size of an archive', function () {
  this.timeout(60_000);
  let harness: ArchiveHarness;
  beforeEach(async () => {
    harness = await createArchiveHarness();
  });
  afterEach(() => harness.remove());

  for (const [what, files] of [
    ['text', { 'a.log.1': text, 'a.log.2': text }],
    ['what can not be packed, whatever its name', { 'a.log.1': randomBytes(8 << 20) }],
    ['both', { 'a.log.1': text, 'a.log.2': randomBytes(8 << 20) }],
    [
      'many small files',
      Object.fromEntries(
        Array.from({ length: 300 }, (_, index) => [`a.log.${index}`, text.slice(index * 22_000, (index + 1) * 22_000)]),
      ),
    ],
  ] as const) {
    for (const compression of ['zstd', 'gzip'] as const) {
      it(`is not less than it comes to, and of its order: ${what} (${compression})`, async () => {
        for (const [name, content] of Object.entries(files)) await harness.old(name, content);
        const { due } = await survey([harness.file('a.log')], new Date());
        const expected = await expectedBytes(due, compression);
        const { bytes } = only((await harness.archive({ compression })).part.archives);
        assert.ok(bytes !== null && expected >= bytes * 0.98 && expected < bytes * 1.5, `${expected} for ${bytes}`);
      });
    }
  }

  if (canMount) {
    it('F05: is said with figures before anything is written, when there is no place for it', async () => {
      const disk = smallDisk(24);
      try {
        await harness.old('a.log.1', randomBytes(12 << 20));
        const run = await harness.archive({ destination: disk.folder });
        assert.equal(run.outcome, 'failed');
        assert.match(
          only(run.findings).message,
          /has [\d.]+ MiB free; about 12\.0 MiB for the archive of 1 file \(12\.0 MiB, by samples of them\) and 16\.0 MiB in reserve are needed; make room.* All originals are untouched/,
        );
        assert.deepEqual(
          (await readdir(disk.folder)).filter((name) => name.startsWith('.logs')),
          [],
        );
      } finally {
        disk.dispose();
      }
    });

    it('F05: is looked at before a restore too, and a disk that fills up meanwhile is told with what to do', async () => {
      const disk = smallDisk(2);
      try {
        await harness.old('a.log.1', randomBytes(3 << 20));
        const large = path.basename(only((await harness.archive()).part.archives).path);
        const to = path.join(disk.folder, 'back');
        const none = await harness.archive({}, { options: { restore: large, to } });
        assert.equal(none.outcome, 'failed');
        assert.match(
          only(none.findings).message,
          /has \d.* free, and the logs need 3\.0 MiB; nothing was restored\. Give a folder/,
        );
        assert.deepEqual(await readdir(to), []);
        // Each takes a whole page of the disk.
        for (let index = 1; index <= 1000; index += 1) await harness.old(`b.log.${index}`, 'x');
        const many = path.basename(only((await harness.archive()).part.archives).path);
        const half = await harness.archive({}, { options: { restore: many, to } });
        assert.equal(half.outcome, 'failed');
        assert.match(
          only(half.findings).message,
          /^There is no space left in .*back, so .* was not restored whole: remove .*back, and give/,
        );
      } finally {
        disk.dispose();
      }
    });

    it('lets an archive through that is small enough once it is packed', async () => {
      const disk = smallDisk(24);
      try {
        await harness.old('a.log.1', text.repeat(3));
        assert.equal((await harness.archive({ destination: disk.folder })).outcome, 'changed');
      } finally {
        disk.dispose();
      }
    });
  }

  it('is in the plan', async () => {
    await harness.old('a.log.1', text);
    const run = await harness.archive({}, { dryRun: true });
    assert.match(only(run.findings).message, /^1 file \(6\.\d MiB\) would be archived, in about [\d.]+ (?:MiB|KiB)\.$/);
  });
});
