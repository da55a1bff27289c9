import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { watchConfig } from '../../agent/config/watch.ts';
import { withFolder } from './harness.ts';

/**
 * Watches a file during `work`, which is given a way to wait for the next change and its content.
 * Files are written synchronously: the watcher, in the same process, then never sees what is between two steps.
 */
async function watching(file: string, work: (next: () => Promise<string>) => Promise<void>): Promise<void> {
  const changes = new EventEmitter();
  const seen: string[] = [];
  const watcher = watchConfig(file, () => {
    seen.push(existsSync(file) ? readFileSync(file, 'utf8') : '(none)');
    changes.emit('change');
  });
  watcher.start();
  try {
    await work(async () => {
      if (seen.length === 0) await once(changes, 'change');
      return seen.shift() ?? '';
    });
    assert.deepEqual(seen, []);
  } finally {
    watcher.stop();
  }
}

describe('watching the configuration', () => {
  it('F30: sees truncate-and-write as one change, and no half of it', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      writeFileSync(file, 'one');
      await watching(file, async (next) => {
        const descriptor = openSync(file, 'w');
        writeSync(descriptor, 'tw');
        writeSync(descriptor, 'o');
        closeSync(descriptor);
        assert.equal(await next(), 'two');
      });
    });
  });

  it('F30: sees a renamed file, once for each new content', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      writeFileSync(file, 'one');
      await watching(file, async (next) => {
        for (const text of ['two', 'three', 'four']) {
          writeFileSync(`${file}.tmp`, text);
          await rename(`${file}.tmp`, file);
          assert.equal(await next(), text);
        }
      });
    });
  });

  it('F30: ends 1,000 quick saves with the last of them', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      writeFileSync(file, 'none');
      await watching(file, async (next) => {
        for (let save = 1; save <= 1000; save += 1) await writeFile(file, `save ${save}`);
        let last = await next();
        while (last !== 'save 1000') last = await next();
      });
    });
  });

  it('sees a swapped link, as Kubernetes and releases make them', async () => {
    await withFolder(async (folder) => {
      for (const version of ['1', '2']) {
        await mkdir(join(folder, 'releases', version), { recursive: true });
        writeFileSync(join(folder, 'releases', version, 'maintenance.yaml'), `version ${version}`);
      }
      await mkdir(join(folder, 'etc'));
      await symlink('releases/1', join(folder, 'current'));
      const file = join(folder, 'etc', 'maintenance.yaml');
      await symlink('../current/maintenance.yaml', file);
      await watching(file, async (next) => {
        await symlink('releases/2', join(folder, 'new'));
        await rename(join(folder, 'new'), join(folder, 'current'));
        assert.equal(await next(), 'version 2');
        writeFileSync(join(folder, 'releases', '2', 'maintenance.yaml'), 'version 2b');
        assert.equal(await next(), 'version 2b');
      });
    });
  });

  it('sees a file go and come, also with its folder', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'etc', 'upkeep', 'maintenance.yaml');
      await watching(file, async (next) => {
        await mkdir(join(folder, 'etc', 'upkeep'), { recursive: true });
        writeFileSync(file, 'one');
        assert.equal(await next(), 'one');
        await rm(join(folder, 'etc'), { recursive: true });
        assert.equal(await next(), '(none)');
        await mkdir(join(folder, 'etc', 'upkeep'), { recursive: true });
        writeFileSync(file, 'two');
        assert.equal(await next(), 'two');
      });
    });
  });

  it('tells nothing of the same content, of other files, and after stop', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      writeFileSync(file, 'one');
      let stopped = 0;
      const idle = watchConfig(file, () => {
        stopped += 1;
      });
      idle.start();
      idle.stop();
      await watching(file, async (next) => {
        writeFileSync(file, 'one');
        writeFileSync(join(folder, 'other.yaml'), 'two');
        writeFileSync(file, 'three');
        assert.equal(await next(), 'three');
      });
      assert.equal(stopped, 0);
    });
  });
});
