import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LoadedTask } from '../../agent/config/schema.ts';
import { alertOn, commandOfTask, defaultTimeoutMs, requestOfTask } from '../../agent/run/taskRequest.ts';
import type { RunSettings } from '../../agent/run/settings.ts';
import { load, withFolder } from '../config/harness.ts';

/** Tasks of a file whose entries have these lines. */
async function tasksOf(...entries: string[]): Promise<readonly LoadedTask[]> {
  return withFolder((folder) => {
    for (const name of ['job.sh', 'clean.sh']) writeFileSync(join(folder, name), '#!/bin/sh\n', { mode: 0o755 });
    const lines = ['maintenance:', '  automated_tasks:', ...entries.map((entry) => `    - { ${entry} }`), ''];
    const { config, diagnostics } = load(lines.join('\n'), {}, join(folder, 'maintenance.yaml'));
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    assert.deepEqual(errors, []);
    return config?.tasks ?? assert.fail();
  });
}

async function settingsOf(...entries: string[]): Promise<RunSettings> {
  const tasks = await tasksOf(...entries);
  const request = requestOfTask(tasks[0] ?? assert.fail(), (name) => tasks.find((task) => task.name === name));
  return (request.settings ?? assert.fail()) as RunSettings;
}

describe('what a task of the file asks the runner for', () => {
  it('is a run without extras where the file says none', async () => {
    assert.deepEqual(await settingsOf('name: job, script: job.sh'), {
      overlap: 'forbid',
      locks: [],
      group: null,
      counted: true,
      retries: null,
      requires: null,
      approval: null,
      onAbort: null,
      user: null,
      cwd: null,
      nice: null,
      ionice: null,
      outputLimit: null,
    });
  });

  it('has its time-out, one of a day where it names none, and no time that a schedule gave', async () => {
    const [own, other] = await tasksOf('name: job, script: job.sh, timeout: 5m', 'name: p, procedure: health-check');
    const find = (): undefined => undefined;
    const first = requestOfTask(own ?? assert.fail(), find);
    const second = requestOfTask(other ?? assert.fail(), find);
    assert.deepEqual([first.timeoutMs, first.procedure, first.scheduledFor], [300_000, null, null]);
    assert.deepEqual([second.timeoutMs, second.procedure, second.kind], [defaultTimeoutMs, 'health-check', 'task']);
  });

  it('has what the file says about retries, approval and rank, and defaults for the rest of them', async () => {
    const short = await settingsOf(
      'name: job, script: job.sh, retries: { count: 2 }, approval: { required: 1 }, ionice: { class: idle }',
    );
    assert.deepEqual(
      [short.retries, short.approval, short.ionice],
      [
        { count: 2, delayMs: 60_000, backoff: 2, longestMs: 3_600_000, jitter: 0.1 },
        { required: 1, roles: ['operator', 'admin'], expiresMs: 24 * 3_600_000 },
        { class: 'idle', level: null },
      ],
    );
    const long = await settingsOf(
      'name: job, script: job.sh, overlap: queue, locks: [db], group: nightly, nice: 7, output_limit: 1MiB, ' +
        'retries: { count: 1, delay: 5s, backoff: 1, max_delay: 1m, jitter: 0 }, ' +
        'approval: { required: 2, roles: [admin], expires: 1h }, ionice: { class: best-effort, level: 6 }, cwd: /tmp',
    );
    assert.deepEqual(long.retries, { count: 1, delayMs: 5000, backoff: 1, longestMs: 60_000, jitter: 0 });
    assert.deepEqual(long.approval, { required: 2, roles: ['admin'], expiresMs: 3_600_000 });
    assert.deepEqual(
      [long.ionice, long.overlap, long.locks, long.group, long.nice, long.outputLimit, long.cwd],
      [{ class: 'best-effort', level: 6 }, 'queue', ['db'], 'nightly', 7, 2 ** 20, '/tmp'],
    );
  });

  it('has its requirements as lists, in bytes and percent', async () => {
    const { requires } = await settingsOf(
      'name: job, script: job.sh, requires: { disk: [{ path: /, free: 1GiB }, { path: /var, free: "10.5 %" }], ' +
        'load: 4, memory: 1MiB, mount: /, command: ["true", "test -d /"], file: /etc/passwd }',
    );
    assert.deepEqual(requires, {
      disk: [
        { path: '/', freeBytes: 2 ** 30, freePercent: null },
        { path: '/var', freeBytes: null, freePercent: 10.5 },
      ],
      load: 4,
      memoryBytes: 2 ** 20,
      mount: ['/'],
      command: ['true', 'test -d /'],
      file: ['/etc/passwd'],
    });
    const { requires: none } = await settingsOf('name: job, script: job.sh, requires: { }');
    assert.deepEqual(none, { disk: [], load: null, memoryBytes: null, mount: [], command: [], file: [] });
    const { requires: one } = await settingsOf('name: job, script: job.sh, requires: { disk: { path: /, free: 1MB } }');
    assert.deepEqual(one?.disk, [{ path: '/', freeBytes: 1e6, freePercent: null }]);
  });

  it('has the clean-up as a command, as another task, or not at all where that is refused', async () => {
    const command = await settingsOf(
      'name: job, script: job.sh, user: deploy, on_abort: { command: [rm, -f, /tmp/x] }',
    );
    assert.deepEqual(
      [command.onAbort?.task, command.onAbort?.command, command.onAbort?.user, command.onAbort?.environmentOf],
      ['job.on_abort', ['rm', '-f', '/tmp/x'], 'deploy', 'job'],
    );
    const script = await settingsOf(
      'name: job, script: job.sh, on_abort: { task: clean }',
      'name: clean, script: clean.sh, args: [-v], timeout: 1m, locks: [db], user: nobody',
    );
    assert.match(script.onAbort?.script ?? '', /clean\.sh$/);
    assert.deepEqual(
      [script.onAbort?.command.slice(1), script.onAbort?.timeoutMs, script.onAbort?.locks, script.onAbort?.user],
      [['-v'], 60_000, ['db'], 'nobody'],
    );
    const procedure = await settingsOf(
      'name: job, script: job.sh, on_abort: { task: clean }',
      'name: clean, procedure: rotate-logs, options: { force: true }',
    );
    assert.deepEqual(
      [procedure.onAbort?.procedure, procedure.onAbort?.self, procedure.onAbort?.options, procedure.onAbort?.script],
      ['rotate-logs', true, { force: true }, null],
    );
    const [task] = await tasksOf(
      'name: job, script: job.sh, on_abort: { task: clean }',
      'name: clean, script: clean.sh',
    );
    assert.equal(requestOfTask(task ?? assert.fail(), () => undefined).settings?.onAbort, null);
  });

  it('tells people of failures where the file says so, and of warnings where it names a number of days', async () => {
    const tasks = await tasksOf(
      'name: quiet, script: job.sh',
      'name: loud, script: job.sh, alert_on_failure: true',
      'name: days, procedure: check-certificates, alert_on_failure: true, alert_threshold_days: 14',
    );
    assert.deepEqual(tasks.map(alertOn), ['nothing', 'failure', 'warning']);
  });

  it('has a dry run only by what the file says for it', async () => {
    const [plain, able] = await tasksOf(
      'name: plain, script: job.sh, args: [-a]',
      'name: able, script: job.sh, args: [-a], dry_run_args: [--list]',
    );
    assert.deepEqual(commandOfTask(plain ?? assert.fail(), true).words.slice(1), ['-a']);
    assert.deepEqual(commandOfTask(able ?? assert.fail(), true).words.slice(1), ['-a', '--list']);
    assert.deepEqual(commandOfTask(able ?? assert.fail(), false).words.slice(1), ['-a']);
  });
});
