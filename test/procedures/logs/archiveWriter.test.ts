/** Archives of many blocks, and disks that give back something else than was written. */
import assert from 'node:assert/strict';
import { spawn, execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { open, readdir, readFile, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { makeArchive } from '../../../agent/procedures/logs/archiveFolder.ts';
import { survey } from '../../../agent/procedures/logs/archiveSources.ts';
import { createArchiveHarness } from './archiveHarness.ts';
import type { ArchiveHarness } from './archiveHarness.ts';
import { only } from './harness.ts';

const lines = Buffer.from(Array.from({ length: 400_000 }, (_, line) => `line ${line * 7919} of many\n`).join(''));

describe('writing an archive', function () {
  this.timeout(60_000);
  let harness: ArchiveHarness;
  beforeEach(async () => {
    harness = await createArchiveHarness();
  });
  afterEach(() => harness.remove());

  for (const compression of ['zstd', 'gzip'] as const) {
    it(`holds files of many blocks, of none, and of what can not be packed, as tar reads them (${compression})`, async () => {
      const noise = randomBytes(5_000_000);
      await harness.old('a.log.1', lines);
      await harness.old('a.log.2', '');
      await harness.old('a.log.3', noise);
      await harness.old('a.log.4', lines);
      const run = await harness.archive({ compression });
      assert.equal(run.outcome, 'changed', JSON.stringify(run.findings));
      const unpacked = await harness.unpacked();
      for (const [name, content] of [
        ['a.log.1', lines],
        ['a.log.2', Buffer.alloc(0)],
        ['a.log.3', noise],
        ['a.log.4', lines],
      ] as const) {
        assert.ok(Buffer.from(unpacked.get(harness.file(name)) ?? '', 'latin1').equals(content), name);
      }
      const { path: archive } = only(run.part.archives);
      execFileSync(compression, ['-t', '-q', archive]);
      assert.equal((await harness.archive({}, { options: { verify: true } })).outcome, 'unchanged');
    });

    it(`removes nothing when the disk gives back something else than was written (${compression})`, async () => {
      await harness.old('a.log.1', lines);
      const output = await archiveAmid(
        compression,
        `reading(/\\.upkeep$/, (buffer, count) => { if (count > 9000) buffer[9000] ^= 1; return count; });`,
      );
      assert.match(output, /^failed critical The archive is not on the disk as it was written/);
      await expectUntouched();
    });

    it(`removes nothing when the disk gives back less than was written (${compression})`, async () => {
      await harness.old('a.log.1', lines);
      const output = await archiveAmid(
        compression,
        `reading(/\\.upkeep$/, (buffer, count, position) => (position > 100_000 ? 0 : Math.min(count, 100_000)));`,
      );
      assert.match(output, /^failed critical The archive is not on the disk as it was written \(it is shorter/);
      await expectUntouched();
    });

    it(`removes nothing when what was packed is not what the original holds (${compression})`, async () => {
      await harness.old('a.log.1', lines);
      const output = await archiveAmid(
        compression,
        `let wrong = false;
         reading(/a\\.log\\.1$/, (buffer, count) => { if (!wrong) buffer[90_000] ^= 1; wrong = true; return count; });`,
      );
      assert.match(
        output,
        /^failed critical The archive is not on the disk as it was written \(.*a\.log\.1 in it is not/,
      );
      await expectUntouched();
    });

    it(`removes nothing when a thread that packs dies (${compression})`, async () => {
      await harness.old('a.log.1', lines);
      const output = await archiveAmid(
        compression,
        `const { Worker } = threads;
         threads.Worker = class extends Worker {
           postMessage(...given) { super.postMessage(...given); void this.terminate(); }
         };`,
      );
      assert.match(output, /^failed critical The archive could not be made \(a thread that packs has ended\)/);
      await expectUntouched();
    });
  }

  it('leaves an original alone that changes between its two readings, and archives the others', async () => {
    await harness.old('a.log.1', lines);
    await harness.old('a.log.2', lines);
    const output = await archiveAmid(
      'zstd',
      `let changed = false;
       reading(/\\.upkeep$/, (buffer, count) => {
         if (!changed) original.writeFileSync(${JSON.stringify(harness.file('a.log.1'))}, 'another', { flag: 'r+' });
         changed = true;
         return count;
       });`,
    );
    assert.match(output, /^warning warning .*a\.log\.1 was left where it is: it changed while it was archived\./);
    assert.deepEqual(await harness.names(), ['a.log.1']);
    assert.deepEqual([...(await harness.unpacked()).keys()], [harness.file('a.log.2')]);
  });

  async function expectUntouched(): Promise<void> {
    assert.deepEqual(await harness.names(), ['a.log.1']);
    assert.deepEqual(await harness.archived(), []);
  }

  /** What archive-logs tells as a process of its own, in which `trouble` has changed what reading files or starting threads does. */
  async function archiveAmid(compression: string, trouble: string): Promise<string> {
    const logs = { archive: { paths: ['*.log'], destination: harness.destination, compression } };
    const program = `
      import original from 'node:fs';
      import fs from 'node:fs/promises';
      import threads from 'node:worker_threads';
      import { syncBuiltinESMExports } from 'node:module';
      const { open } = fs;
      /** \`change\` gets what was read of files of such names, and says how much that was. */
      function reading(names, change) {
        fs.open = async (file, ...rest) => {
          const handle = await open(file, ...rest);
          if (!names.test(String(file))) return handle;
          const { read } = handle;
          return Object.assign(handle, { read: async (buffer, offset, length, position) => {
            const { bytesRead } = await read.call(handle, buffer, offset, length, position);
            return { buffer, bytesRead: change(buffer, bytesRead, position) };
          } });
        };
      }
      ${trouble}
      syncBuiltinESMExports();
      const { contextFor } = await import(${JSON.stringify(path.join(import.meta.dirname, 'archiveHarness.ts'))});
      const { archiveLogs } = await import(${JSON.stringify(path.join(import.meta.dirname, '../../../agent/procedures/logs/archiveLogs.ts'))});
      const { context, findings } = contextFor(${JSON.stringify(logs)}, ${JSON.stringify({ logs: harness.logs, memory: harness.memory })});
      const { outcome } = await archiveLogs.execute({}, context);
      console.log(outcome, ...findings.map(({ level, message }) => level + ' ' + message));`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
    return output;
  }

  /** An archive of `a.log.1`; `meddle` happens when it is in its place, and its original not removed yet. */
  async function archiveWhile(meddle: () => Promise<void>) {
    const { due } = await survey([harness.file('a.log')], new Date());
    return await makeArchive({
      folder: harness.memory,
      prefix: 'logs',
      sources: due,
      settings: { compression: 'zstd', mode: 0o600, owner: null },
      su: null,
      now: new Date(),
      progress: () => undefined,
      signal: new AbortController().signal,
      inUse: async () => {
        await meddle();
        return new Map();
      },
    });
  }

  it('keeps an original that was changed after it was read, though its size and time are as they were', async () => {
    await harness.old('a.log.1', 'one\n');
    const before = await stat(harness.file('a.log.1'));
    const made = await archiveWhile(async () => {
      await using handle = await open(harness.file('a.log.1'), 'r+');
      await handle.write('two\n', 0);
      await utimes(harness.file('a.log.1'), before.atime, before.mtime);
    });
    assert.equal(made.removed, 0);
    assert.equal(await readFile(harness.file('a.log.1'), 'utf8'), 'two\n');
    assert.deepEqual(await harness.names(), ['a.log.1']);
  });

  it('removes an original whose times were touched, but not its content', async () => {
    await harness.old('a.log.1', 'one\n');
    const before = await stat(harness.file('a.log.1'));
    const made = await archiveWhile(async () => {
      await utimes(harness.file('a.log.1'), before.atime, before.mtime);
    });
    assert.equal(made.removed, 1);
    assert.deepEqual(await harness.names(), []);
    assert.equal((await readdir(harness.memory)).filter((name) => name.startsWith('.')).length, 0);
  });
});
