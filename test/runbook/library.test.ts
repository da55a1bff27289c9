import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RunbookLibrary } from '../../agent/runbook/library.ts';
import { sha256Of } from '../../agent/runbook/inspect.ts';
import { silent, withFolder } from '../config/harness.ts';

const book = '# Disk full\n\n- [x] one\n- [ ] two\n\n```sh\ndf -h\n```\n';

async function withLibrary(
  work: (library: RunbookLibrary, folder: string, changed: () => Promise<unknown>) => Promise<void>,
  prepare: (folder: string) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  await withFolder(async (folder) => {
    await prepare(folder);
    const library = new RunbookLibrary({ directories: [join(folder, 'books')], log: silent });
    const changes = new EventEmitter();
    library.onChange(() => changes.emit('change'));
    try {
      await library.start();
      await work(library, folder, () => once(changes, 'change'));
    } finally {
      library.stop();
    }
  });
}

async function twoBooks(folder: string): Promise<void> {
  await mkdir(join(folder, 'books', 'db'), { recursive: true });
  await writeFile(join(folder, 'books', 'disk.md'), book);
  await writeFile(join(folder, 'books', 'db', 'plain.markdown'), 'no heading\n');
  await writeFile(join(folder, 'books', 'notes.txt'), book);
}

const paths = (library: RunbookLibrary): string[] => library.list().map(({ path }) => path);

describe('the runbooks of the host', () => {
  it('are the Markdown files below its folders, with title, blocks and checklist', async () => {
    await withLibrary(async (library, folder) => {
      const disk = join(folder, 'books', 'disk.md');
      const plain = join(folder, 'books', 'db', 'plain.markdown');
      const [first, second] = library.list();
      assert.deepEqual([first?.path, first?.title, first?.blocks], [plain, 'plain.markdown', 0]);
      const modifiedAt = second?.modifiedAt ?? '';
      assert.deepEqual(second, {
        path: disk,
        title: 'Disk full',
        sha256: sha256Of(book),
        modifiedAt,
        blocks: 1,
        checklist: { checked: 1, total: 2 },
      });
      const { text, blocks, runbook } = await library.get(disk);
      assert.deepEqual([text, blocks[0]?.text, runbook], [book, 'df -h\n', second]);
      assert.deepEqual(library.problems(), []);
    }, twoBooks);
  });

  it('follow what happens to the files', async () => {
    await withLibrary(async (library, folder, changed) => {
      const disk = join(folder, 'books', 'disk.md');
      for (const step of [
        () => writeFile(join(folder, 'books', 'db', 'new.md'), '# New\n'),
        () => rename(join(folder, 'books', 'db', 'new.md'), join(folder, 'books', 'new.md')),
        () => rm(disk),
      ]) {
        const seen = changed();
        await step();
        await seen;
      }
      assert.deepEqual(paths(library), [
        join(folder, 'books', 'db', 'plain.markdown'),
        join(folder, 'books', 'new.md'),
      ]);
      await assert.rejects(library.get(disk), /no such runbook/);
    }, twoBooks);
  });

  it('appear when their folder does, and in folders made later', async () => {
    await withLibrary(async (library, folder, changed) => {
      assert.deepEqual(paths(library), []);
      assert.match(library.problems()[0] ?? '', /books can not be read: no such file or directory/);
      let seen = changed();
      await mkdir(join(folder, 'made', 'deep'), { recursive: true });
      await writeFile(join(folder, 'made', 'a.md'), '# A\n');
      await rename(join(folder, 'made'), join(folder, 'books'));
      await seen;
      seen = changed();
      await writeFile(join(folder, 'books', 'deep', 'b.md'), '# B\n');
      await seen;
      assert.deepEqual(
        library.list().map(({ title }) => title),
        ['A', 'B'],
      );
      assert.deepEqual(library.problems(), []);
    });
  });

  it('change with the folders of the configuration', async () => {
    await withLibrary(async (library, folder, changed) => {
      const seen = changed();
      library.setDirectories([join(folder, 'books', 'db')]);
      await seen;
      assert.deepEqual(paths(library), [join(folder, 'books', 'db', 'plain.markdown')]);
    }, twoBooks);
  });

  it('V29: are nothing outside the folders, whatever path or link leads there', async () => {
    await withLibrary(
      async (library, folder) => {
        const books = join(folder, 'books');
        assert.deepEqual(paths(library), [join(books, 'inside.md'), join(books, 'real.md')]);
        assert.equal(library.problems().length, 3);
        const tries = [
          join(folder, 'secret.md'),
          `${books}/../secret.md`,
          join(books, 'outside.md'),
          join(books, 'linked', 'secret.md'),
          '../secret.md',
          'real.md',
          `${books}/real.md\0`,
          `${books}/%2e%2e/secret.md`,
          `${books}//real.md`,
          `/${'x'.repeat(5000)}`,
          '',
          '__proto__',
        ];
        for (const path of tries) await assert.rejects(library.get(path), { name: 'RequestError' });
        assert.equal((await library.get(join(books, 'inside.md'))).text, book);

        // A file that is swapped for a link after it was listed.
        await rm(join(books, 'real.md'));
        await symlink(join(folder, 'secret.md'), join(books, 'real.md'));
        await assert.rejects(library.get(join(books, 'real.md')), { name: 'RequestError' });
      },
      async (folder) => {
        await mkdir(join(folder, 'books'));
        await mkdir(join(folder, 'other'));
        await writeFile(join(folder, 'secret.md'), 'secret');
        await writeFile(join(folder, 'other', 'secret.md'), 'secret');
        await writeFile(join(folder, 'books', 'real.md'), book);
        await writeFile(join(folder, 'books', 'huge.md'), '');
        await truncate(join(folder, 'books', 'huge.md'), 2 * 1024 * 1024);
        await symlink('real.md', join(folder, 'books', 'inside.md'));
        await symlink('../secret.md', join(folder, 'books', 'outside.md'));
        await symlink('../other', join(folder, 'books', 'linked'));
        await symlink('nothing.md', join(folder, 'books', 'dangling.md'));
      },
    );
  });

  it('are bounded in number and depth, and the rest is named', async () => {
    await withLibrary(
      (library, folder) => {
        assert.equal(library.list().length, 500);
        assert.deepEqual(library.problems(), [
          `more than 500 runbooks in ${join(folder, 'books')}: the rest is left out`,
        ]);
        return Promise.resolve();
      },
      async (folder) => {
        const deep = join(folder, 'books', '1', '2', '3', '4', '5', '6');
        await mkdir(deep, { recursive: true });
        await writeFile(join(deep, 'deep.md'), book);
        for (let index = 0; index < 501; index += 1) await writeFile(join(folder, 'books', `${index}.md`), '');
      },
    );
  });
});
