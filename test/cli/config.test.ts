import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { registerConfig } from '../../agent/cli/config.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { maintenance, procedures, seedText, withFolder } from '../config/harness.ts';

interface Said {
  readonly out: string;
  readonly code: number;
  readonly error: string;
}

async function check(...args: string[]): Promise<Said> {
  let out = '';
  const io = {
    stdout: { write: (text: string) => (out += text) },
    stderr: { write: () => undefined },
    env: {},
    secrets: new Secrets(),
    exitCode: 0,
  };
  const program = new Command('upkeep').exitOverride();
  registerConfig(program, io, procedures);
  try {
    await program.parseAsync(['config', 'check', ...args], { from: 'user' });
    return { out, code: io.exitCode, error: '' };
  } catch (error) {
    const code = error instanceof Error && 'exitCode' in error ? Number(error.exitCode) : -1;
    return { out, code, error: error instanceof Error ? error.message : String(error) };
  }
}

describe('upkeep config check', () => {
  it('is content with the example of the seed, and gives its warnings with file, line and column', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      await writeFile(file, seedText);
      const { out, code } = await check(file);
      assert.equal(code, 0);
      assert.match(out, new RegExp(`^${file}:21:20: warning the variable \`SLACK_WEBHOOK\` is not set`));
      assert.match(out, /2 warnings; 3 tasks can run\n$/);
      assert.equal((await check(file, '--strict')).code, 3);
    });
  });

  it('ends with 2 and one JSON document that names what is refused', async () => {
    await withFolder(async (folder) => {
      const file = join(folder, 'maintenance.yaml');
      await writeFile(
        file,
        maintenance('automated_tasks:', '  - {name: a, script: none.sh}', '  - {name: b, procedure: rotate-logs}'),
      );
      const { out, code, error } = await check(file, '--json');
      assert.equal(code, 2);
      assert.equal(error, `${file} has 1 error; refused: a.`);
      const message = `missing script: there is no file ${join(folder, 'none.sh')} and no built-in procedure \`none\`; create it, or set \`scripts.directory\``;
      assert.deepEqual(JSON.parse(out), {
        ok: false,
        tasks: 2,
        refused: ['a'],
        diagnostics: [{ line: 3, column: 25, severity: 'error', code: 'missing-script', task: 'a', message }],
      });
    });
  });

  it('ends with 2 for a file that is not there, and says which', async () => {
    const { out, code } = await check('/nonexistent-upkeep/maintenance.yaml');
    assert.equal(code, 2);
    assert.match(out, /there is no file \/nonexistent-upkeep\/maintenance\.yaml/);
  });
});
