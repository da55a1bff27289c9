import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import {
  agentEnvironment,
  checkCommand,
  childEnvironment,
  selfCommand,
  serviceFlags,
  variablesOf,
} from '../../agent/run/command.ts';
import { load } from '../config/harness.ts';

describe('how children of the agent are called', () => {
  it('is this very program again, with flags of Node before its file', () => {
    const file = realpathSync(process.argv[1] ?? '');
    assert.deepEqual(selfCommand(), [process.execPath, file]);
    assert.deepEqual(selfCommand(serviceFlags), [process.execPath, ...serviceFlags, file]);
  });

  it('tells Electron to be Node, and an older Node to take TypeScript, as they were told themselves', () => {
    const module = join(import.meta.dirname, '..', '..', 'agent', 'run', 'command.ts');
    const script = `import { selfCommand } from ${JSON.stringify(module)}; console.log(JSON.stringify(selfCommand()));`;
    const asked = (flags: readonly string[], env: Readonly<Record<string, string>>): unknown => {
      const argv = [...flags, '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script, module];
      return JSON.parse(execFileSync(process.execPath, argv, { encoding: 'utf8', env: { ...process.env, ...env } }));
    };
    assert.deepEqual(asked([], {}), [process.execPath, module]);
    assert.deepEqual(asked([], { ELECTRON_RUN_AS_NODE: '1' }), [
      '/usr/bin/env',
      'ELECTRON_RUN_AS_NODE=1',
      process.execPath,
      module,
    ]);
    assert.deepEqual(asked(['--experimental-strip-types'], {}), [
      process.execPath,
      '--experimental-strip-types',
      module,
    ]);
  });

  it('V05: hands options of a check over in the environment, never on the command line', () => {
    const plain = checkCommand(['upkeep'], { procedure: 'health-check' });
    assert.deepEqual(plain, {
      words: ['upkeep', 'health-check', '--options-env'],
      environment: { UPKEEP_OPTIONS: '{}' },
    });
    const { words, environment } = checkCommand(['upkeep'], { procedure: 'p', options: { key: 'planted' } });
    assert.doesNotMatch(words.join(' '), /planted/);
    assert.deepEqual(environment, { UPKEEP_OPTIONS: '{"key":"planted"}' });
  });
});

describe('the environment of children', () => {
  it('V32: holds listed names, what the configuration refers to, and only absolute folders of PATH', () => {
    const environment = {
      PATH: '.:/usr/bin::bin:/bin',
      HOME: '/root',
      LC_ALL: 'C',
      PGHOST: 'db',
      MY_KEY: 'k',
      LD_PRELOAD: '/tmp/x.so',
      NODE_OPTIONS: '--require /tmp/x.js',
      BASH_ENV: '/tmp/x',
      OTHER_KEY: 'o',
    };
    assert.deepEqual(childEnvironment(environment, new Set(['MY_KEY'])), {
      PATH: '/usr/bin:/bin',
      HOME: '/root',
      LC_ALL: 'C',
      PGHOST: 'db',
      MY_KEY: 'k',
    });
  });

  it('V32: has the PATH of the system where the agent was given none, or none that is safe', () => {
    for (const environment of [{}, { PATH: '' }, { PATH: '.:bin' }]) {
      assert.deepEqual(childEnvironment(environment, new Set()), {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      });
    }
  });

  it('tells a child which configuration and state are in force, and which window is open', () => {
    const { config, text } = load('maintenance:\n  notifications: { slack_webhook: "${HOOK}" }\n', {
      HOOK: 'https://a/',
    });
    const keeper = {
      text: () => text ?? '',
      currentFile: () => '/etc/upkeep/maintenance.yaml',
      current: () => config ?? assert.fail(),
    };
    const found = agentEnvironment(
      { environment: { HOOK: 'https://a/', SECRET: 'x', PATH: '/bin' }, stateDirectory: '/var/lib/upkeep' },
      keeper,
      { environment: () => ({ UPKEEP_WINDOW: 'window-1' }) },
    );
    assert.deepEqual(found, {
      HOOK: 'https://a/',
      PATH: '/bin',
      UPKEEP_WINDOW: 'window-1',
      UPKEEP_CONFIG: '/etc/upkeep/maintenance.yaml',
      UPKEEP_CONFIG_BASE: config?.baseDirectory,
      UPKEEP_STATE: '/var/lib/upkeep',
    });
    assert.deepEqual([...variablesOf('a ${ONE} $TWO ${3} ${_four:-x} ${ONE}')], ['ONE', '_four']);
  });
});
