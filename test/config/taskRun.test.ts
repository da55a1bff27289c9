import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadResult } from '../../agent/config/load.ts';
import { load, withFolder } from './harness.ts';

/** Loads a file with the task `job`, a script, and these further keys. */
function loadTask(keys: readonly string[], more: readonly string[] = []): Promise<LoadResult> {
  return withFolder((folder) => {
    const script = join(folder, 'job.sh');
    writeFileSync(script, '#!/bin/sh\n');
    chmodSync(script, 0o755);
    const lines = ['- name: job', '  script: job.sh', ...keys.map((key) => `  ${key}`), ...more];
    const text = ['maintenance:', '  automated_tasks:', ...lines.map((line) => `    ${line}`), ''].join('\n');
    const result = load(text, { HOME: folder, SECRET: 'planted' }, join(folder, 'maintenance.yaml'));
    return {
      ...result,
      diagnostics: result.diagnostics.map((one) => ({ ...one, message: one.message.replaceAll(folder, '…') })),
    };
  });
}

describe('how a task is carried out', () => {
  it('takes every key', async () => {
    const result = await loadTask([
      'overlap: queue',
      'locks: [database, backup]',
      'retries: { count: 3, delay: 30s, backoff: 2, max_delay: 1h, jitter: 0.2 }',
      'requires:',
      '  disk: { path: data, free: 10GiB }',
      '  load: 4',
      '  memory: 512MiB',
      '  mount: /backup',
      '  command: [pg_isready -q, "true"]',
      '  file: ready',
      'user: postgres',
      'env: { TARGET: "${SECRET}", LANG: C }',
      'cwd: work',
      'nice: 10',
      'ionice: { class: idle }',
      'output_limit: 10MiB',
      'on_abort: { command: [rm, -f, /tmp/lock] }',
      'approval: { required: 2, roles: [admin], expires: 2h }',
      'dry_run_args: [--check]',
    ]);
    assert.deepEqual(
      result.diagnostics.filter(({ severity }) => severity === 'error'),
      [],
    );
    const task = result.config?.tasks[0] ?? assert.fail('it was refused');
    assert.deepEqual(task.env, { TARGET: 'planted', LANG: 'C' });
    assert.match(task.cwd ?? '', /^\/.*\/work$/);
    assert.equal([task.requires?.disk ?? []].flat()[0]?.free, 10 * 2 ** 30);
    assert.match([task.requires?.disk ?? []].flat()[0]?.path ?? '', /^\/.*\/data$/);
    assert.deepEqual([task.output_limit, task.retries?.delay], [10 * 2 ** 20, 30_000]);
  });

  const refused: readonly (readonly [string, RegExp])[] = [
    ['overlap: sometimes', /`overlap` of task `job` must be one of `forbid`/],
    ['locks: [a b]', /`locks\[0\]` of task `job`/],
    ['retries: { count: 0 }', /`retries.count` of task `job` must be at least 1/],
    ['retries: { count: 1, delay: 30 }', /`retries.delay`/],
    ['retries: { times: 3 }', /`times` is not known/],
    ['requires: { disk: { path: /, free: lots } }', /`requires.disk/],
    ['requires: { memory: 512 }', /`requires.memory` of task `job` must be/],
    ['user: "-x"', /the name of an OS user/],
    ['user: "root; id"', /the name of an OS user/],
    ['env: { LD_PRELOAD: /x.so }', /in `env`: `LD_PRELOAD` may not be set/],
    ['env: { PATH: "bin:/bin" }', /in `env`: `PATH` holds `bin`/],
    ['env: { "A B": x }', /is no name of a variable/],
    ['nice: 20', /`nice` of task `job` must be at most 19/],
    ['ionice: { class: fast }', /`ionice.class`/],
    ['output_limit: 1kB', /at least 64KiB/],
    ['on_abort: { task: job }', /names the task itself/],
    ['on_abort: { task: a, command: [b] }', /has one of `task` and `command`/],
    ['on_abort: {}', /has one of `task` and `command`/],
    ['approval: { required: 3 }', /`approval.required`/],
    ['approval: { roles: [viewer] }', /`approval.roles/],
    ['uid: 0', /`uid` is not known/],
    ['shell: /bin/sh', /`shell` is not known/],
  ];
  for (const [line, message] of refused) {
    it(`V12: refuses ${line}`, async () => {
      const result = await loadTask([line]);
      assert.deepEqual(
        result.refused.map(({ name }) => name),
        ['job'],
      );
      assert.match(result.diagnostics.map((one) => one.message).join('\n'), message);
    });
  }

  it('knows clean-up tasks, and warns of one that is not there', async () => {
    const other = ['- name: clean', '  script: job.sh'];
    const good = await loadTask(['on_abort: { task: clean }'], other);
    assert.deepEqual(good.diagnostics, []);
    const missing = await loadTask(['on_abort: { task: cleen }'], other);
    assert.deepEqual(missing.refused, []);
    assert.match(
      missing.diagnostics[0]?.message ?? '',
      /there is no good task `cleen`, so nothing cleans up after `job`/,
    );
  });

  it('refuses for a procedure what is for scripts', () => {
    const result = load(
      'maintenance:\n  automated_tasks:\n    - { name: logs, procedure: rotate-logs, user: nobody, dry_run_args: [] }\n',
    );
    assert.match(
      result.diagnostics[0]?.message ?? '',
      /`user` is for scripts, but this task runs the procedure rotate-logs/,
    );
  });

  it('reads the limits of all runs', () => {
    const text = 'maintenance:\n  runs: { concurrency: 4, groups: { database: 1 }, output_limit: 100MB }\n';
    assert.deepEqual(load(text).config?.runs, { concurrency: 4, groups: { database: 1 }, output_limit: 100_000_000 });
    assert.deepEqual(load('maintenance: {}\n').config?.runs, { concurrency: 100, groups: {}, output_limit: 2 ** 30 });
  });
});
