import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { writeFileSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigKeeper } from '../../agent/config/keeper.ts';
import { loadConfig } from '../../agent/config/load.ts';
import { missingFrom } from '../../agent/config/relied.ts';
import type { Config } from '../../agent/config/schema.ts';
import { maintenance, procedures, silent, task, withFolder } from './harness.ts';

interface Fixture {
  readonly file: string;
  readonly state: string;
  readonly make: (file?: string) => ConfigKeeper;
}

async function withKeeper(work: (fixture: Fixture) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const file = join(folder, 'maintenance.yaml');
    const state = join(folder, 'state');
    const made: ConfigKeeper[] = [];
    const make = (other = file): ConfigKeeper => {
      const keeper = new ConfigKeeper({ file: other, stateDirectory: state, env: {}, procedures, log: silent });
      made.push(keeper);
      return keeper;
    };
    try {
      await work({ file, state, make });
    } finally {
      await Promise.all(made.map((keeper) => keeper.stop()));
    }
  });
}

const names = (keeper: ConfigKeeper): string[] => keeper.current().tasks.map(({ name }) => name);
const codes = (keeper: ConfigKeeper): string[] => keeper.state().diagnostics.map(({ code }) => code);
const good = (name: string): string => task(`name: ${name}`, 'procedure: rotate-logs');
const broken = 'maintenance: [\n';

describe('keeping the configuration in force', () => {
  it('F30: swaps to a good edit, and keeps the last good one under a broken, a half-written and an empty one', async () => {
    await withKeeper(async ({ file, make }) => {
      await writeFile(file, good('one'));
      const keeper = make();
      await keeper.start();
      assert.deepEqual(names(keeper), ['one']);
      const { revision } = keeper.state();
      for (const text of [broken, '', good('two').slice(0, 30), task('name: two', 'procedur: rotate-logs')]) {
        await writeFile(file, text);
        await keeper.reload();
        assert.deepEqual(names(keeper), ['one']);
        assert.equal(keeper.state().stale, true);
        assert.equal(keeper.state().revision, revision);
        assert.ok(keeper.state().diagnostics.some(({ severity, line }) => severity === 'error' && line >= 1));
      }
      await writeFile(file, good('two'));
      await keeper.reload();
      assert.deepEqual(names(keeper), ['two']);
      assert.deepEqual([keeper.state().stale, codes(keeper)], [false, []]);
      assert.notEqual(keeper.state().revision, revision);
    });
  });

  it('F30: sees an edit by itself and tells its listeners', async () => {
    await withKeeper(async ({ file, make }) => {
      await writeFile(file, good('one'));
      const keeper = make();
      await keeper.start();
      const changes = new EventEmitter();
      const end = keeper.onChange(() => changes.emit('change'));
      for (const [text, expected, stale] of [
        [good('two'), 'two', false],
        [broken, 'two', true],
        [good('three'), 'three', false],
      ] as const) {
        const changed = once(changes, 'change');
        writeFileSync(file, text);
        await changed;
        assert.deepEqual([names(keeper), keeper.state().stale], [[expected], stale]);
      }
      end();
    });
  });

  it('starts with what stands of a file, and names what it refuses', async () => {
    await withKeeper(async ({ file, make }) => {
      await writeFile(file, `${good('one')}    - {name: two, script: none.sh}\n`);
      const keeper = make();
      await keeper.start();
      assert.deepEqual(names(keeper), ['one']);
      assert.deepEqual(
        keeper.refused().map(({ name, line }) => [name, line]),
        [['two', 5]],
      );
      assert.equal(keeper.state().stale, false);
    });
  });

  it('lets no task that was refused all along stop another edit', async () => {
    await withKeeper(async ({ file, make }) => {
      const bad = '    - {name: two, script: none.sh}\n';
      await writeFile(file, good('one') + bad);
      const keeper = make();
      await keeper.start();
      await writeFile(file, `# moved\n${good('three')}${bad}`);
      await keeper.reload();
      assert.deepEqual(names(keeper), ['three']);
      await writeFile(file, `${good('four')}${bad}    - {name: five, script: none.sh}\n`);
      await keeper.reload();
      assert.deepEqual([names(keeper), keeper.state().stale], [['three'], true]);
    });
  });

  it('starts with the last good copy when the file has become unusable or is gone', async () => {
    await withKeeper(async ({ file, state, make }) => {
      await writeFile(file, good('one'));
      const first = make();
      await first.start();
      await first.stop();
      const copy = join(state, 'config', 'last-good.yaml');
      assert.equal((await stat(copy)).mode & 0o777, 0o600);
      for (const spoil of [() => writeFile(file, broken), () => rm(file)]) {
        await spoil();
        const keeper = make();
        await keeper.start();
        assert.deepEqual([names(keeper), keeper.state().stale], [['one'], true]);
        assert.equal(keeper.state().diagnostics.length, 1);
        assert.equal(keeper.current().baseDirectory, join(file, '..'));
      }
      const other = make(join(state, 'other.yaml'));
      await other.start();
      assert.deepEqual(names(other), []);
    });
  });

  it('takes no text that it has refused for having been started anew, but one that was refused all along', async () => {
    await withKeeper(async ({ file, make }) => {
      const bad = '    - {name: two, script: none.sh}\n';
      await writeFile(file, good('one') + bad);
      const first = make();
      await first.start();
      const worse = `${good('three')}${bad}  blackouts: [{ name: x, form: 2026-12-20 }]\n`;
      await writeFile(file, worse);
      await first.reload();
      await first.stop();
      for (const [text, expected, stale] of [
        [worse, 'one', true],
        [`${good('four')}${bad}`, 'four', false],
        [good('five'), 'five', false],
      ] as const) {
        await writeFile(file, text);
        const keeper = make();
        await keeper.start();
        assert.deepEqual([names(keeper), keeper.state().stale], [[expected], stale]);
        await keeper.stop();
      }
    });
  });

  it('is empty without a file, says where it looked, and takes the file as soon as it is there', async () => {
    await withKeeper(async ({ file, make }) => {
      const keeper = make();
      await keeper.start();
      assert.deepEqual([names(keeper), codes(keeper), keeper.state().revision], [[], ['no-file'], null]);
      assert.match(keeper.state().diagnostics[0]?.message ?? '', new RegExp(file));
      await writeFile(file, `${good('one')}    - {name: two, script: none.sh}\n`);
      await keeper.reload();
      assert.deepEqual([names(keeper), keeper.state().stale], [['one'], false]);
    });
  });

  it('is empty, and says that it is not what the file wants, when the first file is unusable', async () => {
    await withKeeper(async ({ file, make }) => {
      await writeFile(file, broken);
      const keeper = make();
      await keeper.start();
      assert.deepEqual([names(keeper), keeper.state().stale, keeper.state().revision], [[], true, null]);
      assert.ok(codes(keeper).includes('yaml-syntax'));
      assert.deepEqual(codes(keeper).length, 1, 'nothing is said of what is in force in its place');
      const settings = ['logs', 'certificates', 'databases[]', 'retention'] as const;
      const missing = (config: Config) => missingFrom(config, settings).map(({ path }) => path);
      const child = loadConfig({ file: keeper.currentFile(), env: {}, procedures });
      const places = ['certificates', 'databases', 'logs', 'retention'];
      assert.deepEqual(child.config && missing(child.config).sort(), places, 'no default may do harm');
      const again = make();
      await again.start();
      assert.deepEqual([missing(again.current()).sort(), again.state().stale], [places, true]);
      assert.equal(again.state().revision, null);
      await again.stop();
      const partly = `${good('one')}    - {name: two, script: none.sh}\n`;
      await writeFile(file, partly);
      const third = make();
      await third.start();
      assert.deepEqual(
        [names(third), third.state().stale],
        [['one'], false],
        'what stood in its place is no older text',
      );
      await third.stop();
      await writeFile(file, good('one'));
      await keeper.reload();
      assert.deepEqual([names(keeper), missing(keeper.current())], [['one'], []]);
    });
  });

  it('gives children a file with the text in force, whatever became of the original', async () => {
    await withKeeper(async ({ file, make }) => {
      const text = `${good('one')}    # no end of line`;
      await writeFile(file, text);
      const keeper = make();
      await keeper.start();
      await writeFile(file, broken);
      await keeper.reload();
      assert.equal(keeper.text(), text);
      const child = loadConfig({ file: keeper.currentFile(), baseDirectory: join(file, '..'), env: {}, procedures });
      assert.deepEqual(child.config?.tasks, keeper.current().tasks);
      assert.doesNotMatch(await readFile(keeper.currentFile(), 'utf8'), /\[\n/);
    });
  });

  it('goes on without a copy when the state folder can not be written, and says so', async () => {
    await withKeeper(async ({ file, state, make }) => {
      await writeFile(file, maintenance('timezone: Asia/Tokyo'));
      await writeFile(state, 'a file where the folder should be');
      const keeper = make();
      await keeper.start();
      assert.equal(keeper.current().timezone, 'Asia/Tokyo');
      assert.deepEqual(codes(keeper), ['not-kept']);
      assert.equal(keeper.currentFile(), file);
    });
  });
});
