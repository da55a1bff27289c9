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
      const program = `
        import fs from 'node:fs/promises';
        import { syncBuiltinESMExports } from 'node:module';
        const { open } = fs;
        fs.open = async (file, ...rest) => {
          const handle = await open(file, ...rest);
          if (!String(file).endsWith('.upkeep')) return handle;
          const { read } = handle;
          return Object.assign(handle, { read: async (buffer, ...more) => {
            const result = await read.call(handle, buffer, ...more);
            if (result.bytesRead > 9000) buffer[9000] ^= 1;
            return result;
          } });
        };
        syncBuiltinESMExports();
        const { contextFor } = await import(${JSON.stringify(path.join(import.meta.dirname, 'archiveHarness.ts'))});
        const { archiveLogs } = await import(${JSON.stringify(path.join(import.meta.dirname, '../../../agent/procedures/logs/archiveLogs.ts'))});
        const { context, findings } = contextFor({ archive: { paths: ['*.log'], destination: ${JSON.stringify(harness.destination)}, compression: '${compression}' } }, ${JSON.stringify({ logs: harness.logs, memory: harness.memory })});
        const { outcome } = await archiveLogs.execute({}, context);
        console.log(outcome, ...findings.map(({ level, message }) => level + ' ' + message));`;
      const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
      assert.match(output, /^failed critical The archive is not on the disk as it was written/);
      assert.deepEqual(await harness.names(), ['a.log.1']);
      assert.deepEqual(await harness.archived(), []);
    });
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
