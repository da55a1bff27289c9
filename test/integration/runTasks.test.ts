/** Queue, approval, dry run and clean-up as clients meet them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentClient } from '../../agent/cli/client.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { untilThere } from '../run/harness.ts';
import { AgentWorld, endOf } from './agentProcess.ts';

describe('tasks that wait', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
  });
  afterEach(async () => {
    await world.dispose();
  });

  const start = async (client: AgentClient, task: string, dryRun = false): Promise<Run> =>
    (await client.request('tasks.run', { task, requestId: randomUUID(), dryRun })).run;
  const gated = (): void => {
    world.script('gate.sh', `mkfifo "${world.folder}/go"; read line < "${world.folder}/go"; echo opened`);
    world.script('ok.sh', 'echo fine');
  };
  const open = async (): Promise<void> => {
    await untilThere(join(world.folder, 'go'));
    writeFileSync(join(world.folder, 'go'), 'go\n');
  };

  it('are shown as queued, can be followed and cancelled, and are refused a second time', async () => {
    gated();
    world.write(
      'maintenance:\n  runs: { concurrency: 1 }\n  automated_tasks:\n    - { name: gate, script: gate.sh }\n' +
        '    - { name: next, script: ok.sh }\n    - { name: last, script: ok.sh }\n',
    );
    const { client } = await world.start();
    const gate = await start(client, 'gate');
    const [next, last] = [await start(client, 'next'), await start(client, 'last')];
    assert.deepEqual([next.state, next.waitingFor, last.state], ['queued', 'limit', 'queued']);
    await assert.rejects(start(client, 'next'), /"next" is queued \(it waits/);
    const { runs } = await client.request('snapshot', {});
    assert.equal(runs.filter(({ state }) => state === 'queued').length, 2);
    const output = client.request('runs.output', { runId: next.id, offset: 0, wait: true });
    const cancelled = await client.request('runs.cancel', { runId: last.id });
    assert.deepEqual([cancelled.run.outcome, cancelled.run.startedAt], ['cancelled', null]);
    await open();
    assert.equal((await endOf(client, gate.id)).outcome, 'changed');
    assert.equal((await output).text, 'fine\n');
    assert.equal((await endOf(client, next.id)).outcome, 'changed');
  });

  it('tell what they start, for those who approve, and what a procedure does before it is asked for', async () => {
    world.write(
      'maintenance:\n  automated_tasks:\n' +
        '    - { name: rotate, procedure: rotate-logs, options: { force: true }, timeout: 5m, locks: [logs], approval: {} }\n',
    );
    const { client } = await world.start();
    const { id } = await start(client, 'rotate');
    const { run, plan } = await client.request('runs.get', { runId: id });
    assert.equal(run.waitingFor, 'approval');
    const expected = {
      command: ['rotate-logs'],
      options: { force: true },
      user: null,
      timeoutMs: 300_000,
      locks: ['logs'],
    };
    assert.deepEqual(plan, expected);
    const preview = await client.request('procedures.preview', { procedure: 'rotate-logs', options: { force: true } });
    assert.deepEqual([preview.title, preview.changes], ['Rotate Logs', true]);
    assert.match(preview.impact ?? '', /^Every log that is not empty is renamed/);
    for (const [procedure, options, message] of [
      ['rotate-logs', { forec: true }, /^rotate-logs: .*forec/],
      ['rotate-logs', { force: 'yes' }, /^rotate-logs: force /],
      ['nothing', {}, /^There is no procedure "nothing"/],
    ] as const)
      await assert.rejects(client.request('procedures.preview', { procedure, options }), { message });
    assert.deepEqual(await client.request('procedures.choices', { procedure: 'rotate-logs' }), { choices: {} });
    await assert.rejects(client.request('procedures.choices', { procedure: 'nothing' }), { message: /^There is no/ });
    await client.request('runs.reject', { runId: id });
  });

  it('wait for people, of whom the one who asked is none when two are needed', async () => {
    gated();
    world.write(
      'maintenance:\n  automated_tasks:\n    - { name: two, script: ok.sh, approval: { required: 2 } }\n' +
        '    - { name: one, script: ok.sh, approval: {} }\n    - { name: no, script: ok.sh, approval: {} }\n',
    );
    const { client } = await world.start();
    const [two, one, no] = [await start(client, 'two'), await start(client, 'one'), await start(client, 'no')];
    assert.deepEqual([two.state, two.waitingFor, two.approval?.required], ['queued', 'approval', 2]);
    await assert.rejects(client.request('runs.approve', { runId: two.id }), /asked for this run, so two other people/);
    await client.request('runs.approve', { runId: one.id });
    assert.equal((await endOf(client, one.id)).outcome, 'changed');
    await assert.rejects(client.request('runs.approve', { runId: one.id }), /does not wait for approval/);
    const { run } = await client.request('runs.reject', { runId: no.id, reason: 'not today' });
    assert.deepEqual([run.outcome, run.outcomeReason?.includes('not today')], ['cancelled', true]);
    assert.equal(existsSync(join(world.folder, 'started')), false);
  });

  it('run dry where the script declares it, and are refused clearly where not', async () => {
    world.script('dry.sh', `echo "$UPKEEP_DRY_RUN $*"`);
    world.write(
      'maintenance:\n  automated_tasks:\n    - { name: dry, script: dry.sh, args: [a], dry_run_args: [--check] }\n' +
        '    - { name: wet, script: dry.sh }\n',
    );
    const { client } = await world.start();
    const { tasks } = await client.request('snapshot', {});
    assert.deepEqual(
      tasks.map(({ name, supportsDryRun }) => [name, supportsDryRun]),
      [
        ['dry', true],
        ['wet', false],
      ],
    );
    const ended = await endOf(client, (await start(client, 'dry', true)).id);
    assert.equal(ended.dryRun, true);
    assert.equal((await client.request('runs.output', { runId: ended.id, offset: 0 })).text, '1 a --check\n');
    await assert.rejects(start(client, 'wet', true), /declares no dry run.*dry_run_args/);
  });

  it('clean up after a cancel, and alert after the last attempt only', async () => {
    world.script('slow.sh', `touch "${world.folder}/began"; sleep 300`);
    world.script('clean.sh', `echo "$UPKEEP_ABORTED_TASK $UPKEEP_ABORTED_OUTCOME" > "${world.folder}/cleaned"`);
    world.script('fail.sh', 'exit 4');
    world.write(
      'maintenance:\n  automated_tasks:\n    - { name: slow, script: slow.sh, on_abort: { task: clean } }\n' +
        '    - { name: clean, script: clean.sh }\n' +
        '    - { name: fail, script: fail.sh, alert_on_failure: true, retries: { count: 1, delay: 10ms } }\n',
    );
    const { client } = await world.start();
    const slow = await start(client, 'slow');
    await untilThere(join(world.folder, 'began'));
    await client.request('runs.cancel', { runId: slow.id });
    const [clean] = (await client.request('runs.list', { task: 'clean' })).runs;
    assert.equal((await endOf(client, clean?.id ?? '')).outcome, 'changed');
    assert.equal(readFileSync(join(world.folder, 'cleaned'), 'utf8'), 'slow cancelled\n');
    const first = await endOf(client, (await start(client, 'fail')).id);
    const { runs } = await client.request('runs.list', { task: 'fail' });
    const second = await endOf(client, runs.find(({ attempt }) => attempt === 2)?.id ?? '');
    assert.deepEqual([first.attempt, second.attempt, second.trigger, second.retryOf], [1, 2, 'retry', first.id]);
    const { alerts } = await client.request('snapshot', {});
    const ofTask = alerts.filter(({ key }) => key === 'task:fail');
    assert.deepEqual(
      ofTask.map(({ runId, count }) => [runId, count]),
      [[second.id, 1]],
    );
  });
});
