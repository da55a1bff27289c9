import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { registerRunbookInspect } from '../../agent/cli/runbookInspect.ts';
import { inspectRunbook } from '../../agent/runbook/inspect.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { withFolder } from '../config/harness.ts';

async function inspect(...args: string[]): Promise<string> {
  let out = '';
  const io = {
    stdout: { write: (text: string | Uint8Array) => (out += String(text)) },
    stderr: { write: () => undefined },
    env: {},
    secrets: new Secrets(),
    exitCode: 0,
  };
  const program = new Command('upkeep').exitOverride();
  registerRunbookInspect(program.command('runbook'), io);
  await program.parseAsync(['runbook', 'inspect', ...args], { from: 'user' });
  return out;
}

const book = '# Disk full\n\n- [ ] look\n\n```sh\ndf -h \u001b\n```\n\n```sh\nls\n```\n';

describe('upkeep runbook inspect', () => {
  it('prints one JSON document', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'disk.md');
      await writeFile(file, book);
      assert.deepEqual(JSON.parse(await inspect(file, '--json')), inspectRunbook(book));
    });
  });

  it('prints a line for each block and item, no control character among them', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'disk.md');
      await writeFile(file, book);
      const lines = (await inspect(file)).split('\n');
      assert.equal(lines[0], 'Disk full');
      assert.match(
        lines[1] ?? '',
        /:5: block 0 \(sh, line 1 of the block has a hidden character \(U\+001B control character\).*\): df -h \u241b$/,
      );
      assert.equal(lines[2], `${file}:9: block 1 (sh, runs): ls`);
      assert.equal(lines[3], `${file}:3: [ ] look`);
    });
  });

  it('says which file can not be read', async () => {
    const file = '/nonexistent-upkeep/x.md';
    await assert.rejects(inspect(file), {
      name: 'UsageError',
      message: `${file} can not be read: no such file or directory.`,
    });
    await assert.rejects(inspect('/dev/zero'), /not a regular file/);
  });
});
