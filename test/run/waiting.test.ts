import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Run } from '../../agent/protocol/nouns.ts';
import type { Runner } from '../../agent/run/runner.ts';
import type { RunSettings } from '../../agent/run/settings.ts';
import { systemClock } from '../../agent/schedule/clock.ts';
import { runKey } from '../../agent/store/runKeys.ts';
import { getRun, listRuns } from '../../agent/store/runs.ts';
import { runnerHarness, untilThere, type RunnerHarness } from './harness.ts';

const admin = { actor: 'bob', role: 'admin' } as const;

describe('runs that wait', () => {
  let harness: RunnerHarness;
  let limits = { total: 100, groups: {} as Record<string, number> };
  beforeEach(() => {
    limits = { total: 100, groups: {} };
    harness = runnerHarness(systemClock, { limits: () => limits, random: () => 0.5 });
  });
  afterEach(() => harness.cancelAndDispose());

  const now = (run: Run): Run => getRun(harness.database, run.id) ?? assert.fail('no such run');
  const endOf = async (run: Run, runner: Runner = harness.runner): Promise<Run> =>
    (await runner.whenEnded(run.id)) ?? now(run);
  const start = (script: string, task: string, settings: Partial<RunSettings> = {}): Promise<Run> =>
    harness.launch(script, { task, settings });
  /** A run that goes on until `open(name)`. */
  const gate = (name: string, task: string, settings: Partial<RunSettings> = {}): Promise<Run> =>
    start(`mkfifo "${name}"; read line < "${name}"; echo ${name} >> order`, task, settings);
  const open = async (name: string): Promise<void> => {
    await untilThere(join(harness.folder, name));
    writeFileSync(join(harness.folder, name), 'go\n');
  };
  const order = (): string => readFileSync(join(harness.folder, 'order'), 'utf8');

  it('hold a lock one after the other, across tasks', async () => {
    const first = await gate('one', 'a', { locks: ['db'] });
    const second = await start('echo two >> order', 'b', { locks: ['db', 'other'] });
    const beside = await start('echo beside >> order', 'c', { locks: ['else'] });
    await endOf(beside);
    assert.deepEqual(
      [second.state, second.waitingFor, second.waitingReason],
      ['queued', 'lock', 'waits for the lock "db"'],
    );
    await open('one');
    await endOf(first);
    const ended = await endOf(second);
    assert.deepEqual([ended.outcome, ended.waitingFor, order()], ['changed', null, 'beside\none\ntwo\n']);
  });

  it('of one task follow each other with overlap queue, and run together with allow', async () => {
    const first = await gate('one', 'a', { overlap: 'queue' });
    const second = await start('echo two >> order', 'a', { overlap: 'queue' });
    assert.deepEqual([second.state, second.waitingFor], ['queued', 'turn']);
    const third = await endOf(await start('echo three >> order', 'a', { overlap: 'allow' }));
    assert.equal(third.outcome, 'changed');
    await open('one');
    await endOf(first);
    await endOf(second);
    assert.equal(order(), 'three\none\ntwo\n');
  });

  it('replace the open runs of their task, and start when these are gone', async () => {
    const first = await gate('one', 'a', { overlap: 'replace' });
    const second = await start('exit 0', 'a', { overlap: 'replace' });
    const third = await start('exit 0', 'a', { overlap: 'replace' });
    const ends = await Promise.all([endOf(first), endOf(second), endOf(third)]);
    assert.deepEqual(
      ends.map(({ outcome }) => outcome),
      ['cancelled', 'cancelled', 'changed'],
    );
    assert.match(ends[0].outcomeReason ?? '', new RegExp(`stopped by the run ${second.id}, which replaces it`));
    assert.equal(ends[1].startedAt, null);
  });

  it('keep to the limits, and start as soon as the configuration allows more', async () => {
    limits = { total: 1, groups: {} };
    const first = await gate('one', 'a', { counted: true });
    const second = await start('exit 0', 'b', { counted: true });
    assert.deepEqual([second.state, second.waitingFor], ['queued', 'limit']);
    const byHand = await endOf(await start('exit 0', 'c'));
    assert.equal(byHand.outcome, 'changed');
    limits = { total: 2, groups: {} };
    harness.runner.limitsChanged();
    assert.equal((await endOf(second)).outcome, 'changed');
    await open('one');
    await endOf(first);
  });

  it('can be taken back before they start', async () => {
    const first = await gate('one', 'a', { locks: ['db'] });
    const second = await start('touch started', 'b', { locks: ['db'] });
    const cancelled = await harness.runner.cancel(second.id, 'alice');
    assert.deepEqual(
      [cancelled?.outcome, cancelled?.outcomeReason, cancelled?.startedAt],
      ['cancelled', 'taken back by alice before it started', null],
    );
    await open('one');
    await endOf(first);
    assert.equal(existsSync(join(harness.folder, 'started')), false);
  });

  it('survive the agent, and start in the same order with the same locks', async () => {
    const first = await gate('one', 'a', { locks: ['db'] });
    const second = await start('echo two >> order', 'b', { locks: ['db'] });
    const third = await start('echo three >> order', 'c', { locks: ['db'] });
    harness.runner.stop();
    const next = harness.another();
    await next.start();
    assert.deepEqual(
      next.openRuns().map(({ id, state }) => [id, state]),
      [
        [first.id, 'running'],
        [second.id, 'queued'],
        [third.id, 'queued'],
      ],
    );
    await open('one');
    for (const run of [first, second, third]) assert.equal((await endOf(run, next)).outcome, 'changed');
    assert.equal(order(), 'one\ntwo\nthree\n');
    next.stop();
  });

  it('that were recorded as started, but never were, are started by the next agent', async () => {
    const run = await start('echo once >> order', 'a');
    await endOf(run);
    rmSync(join(harness.folder, 'order'));
    const folder = join(harness.folder, 'runs', run.queuedAt.slice(0, 10), run.id);
    for (const name of ['output.log', 'exit.json', 'pid']) rmSync(join(folder, name));
    harness.database.change(
      "UPDATE runs SET state = 'running', outcome = NULL, ended_at = NULL WHERE id = ?",
      runKey(run.id),
    );
    const next = harness.another();
    await next.start();
    assert.equal((await endOf(run, next)).outcome, 'changed');
    assert.equal(order(), 'once\n');
    next.stop();
  });

  it('whose folder is gone end as lost', async () => {
    const first = await gate('one', 'a', { locks: ['db'] });
    const second = await start('exit 0', 'b', { locks: ['db'] });
    harness.runner.stop();
    rmSync(join(harness.folder, 'runs', second.queuedAt.slice(0, 10), second.id), { recursive: true });
    const next = harness.another();
    await next.start();
    assert.deepEqual([now(second).outcome, now(second).state], ['lost', 'ended']);
    await open('one');
    await endOf(first, next);
    next.stop();
  });

  it('are tried again with records of their own, and people are told of the last attempt', async () => {
    const retries = { count: 2, delayMs: 1, backoff: 1, longestMs: 1000, jitter: 0 };
    const first = await harness.launch('echo x >> tries; [ "$(wc -l < tries)" -ge 3 ] && exit 9; exit 1', {
      task: 'flaky',
      settings: { retries },
      alertOn: 'failure',
    });
    while (harness.ended.length < 3) {
      const [openRun] = harness.runner.openRuns();
      if (openRun !== undefined) await harness.runner.whenEnded(openRun.id);
    }
    const runs = listRuns(harness.database, { limit: 10 }).toSorted((one, other) => one.attempt - other.attempt);
    assert.deepEqual(
      runs.map(({ attempt, attempts, trigger, exitCode, retryOf }) => [attempt, attempts, trigger, exitCode, retryOf]),
      [
        [1, 3, 'manual', 1, null],
        [2, 3, 'retry', 1, first.id],
        [3, 3, 'retry', 9, first.id],
      ],
    );
    assert.deepEqual(
      harness.ended.map(({ alertOn }) => alertOn),
      ['nothing', 'nothing', 'failure'],
    );
  });

  it('for their next attempt survive the agent and can be taken back', async () => {
    const retries = { count: 1, delayMs: 3_600_000, backoff: 1, longestMs: 3_600_000, jitter: 0 };
    await endOf(await start('exit 1', 'a', { retries }));
    harness.runner.stop();
    const next = harness.another();
    await next.start();
    const [retry] = next.openRuns();
    assert.deepEqual([retry?.trigger, retry?.attempt, retry?.waitingFor], ['retry', 2, 'retry']);
    assert.equal((await next.cancel(retry?.id ?? '', 'alice'))?.outcome, 'cancelled');
    next.stop();
  });

  it('for approval start with the last one that they need', async () => {
    const approval = { required: 2, roles: ['operator' as const, 'admin' as const], expiresMs: 60_000 };
    const run = await start('exit 0', 'a', { approval });
    assert.deepEqual([run.state, run.waitingFor, run.approval?.required], ['queued', 'approval', 2]);
    assert.equal(harness.runner.approve(run.id, { actor: 'tester', role: 'admin' })?.ok, false);
    assert.equal(harness.runner.approve(run.id, admin)?.ok, true);
    assert.match(now(run).waitingReason ?? '', /1 person .*approved by bob/);
    harness.runner.stop();
    const next = harness.another();
    await next.start();
    assert.equal(next.approve(run.id, { actor: 'carol', role: 'operator' })?.ok, true);
    const ended = await endOf(run, next);
    assert.deepEqual([ended.outcome, ended.approval?.given.length], ['changed', 2]);
    assert.equal(next.approve(run.id, admin), null);
    next.stop();
  });

  it('for approval end when it is refused, or does not come in time', async () => {
    const rule = { required: 1, roles: ['admin' as const], expiresMs: 60_000 };
    const refused = await start('touch started', 'a', { approval: rule });
    assert.equal(harness.runner.reject(refused.id, 'bob', 'not today')?.outcomeReason, 'refused by bob: not today');
    const late = await start('touch started', 'b', { approval: { ...rule, expiresMs: 20 } });
    const ended = await endOf(late);
    assert.deepEqual([ended.outcome, ended.outcomeReason], ['skipped', 'it was not approved in time']);
    assert.equal(existsSync(join(harness.folder, 'started')), false);
  });

  it('are skipped with the reason when a requirement is not met', async () => {
    const requires = { disk: [], load: null, memoryBytes: null, mount: [], command: ['exit 7'], file: [] };
    const ended = await endOf(await start('touch started', 'a', { requires }));
    assert.deepEqual(
      [ended.outcome, ended.outcomeReason, ended.startedAt],
      ['skipped', 'a requirement is not met: `exit 7` ended with exit code 7', null],
    );
    const met = await endOf(await start('exit 0', 'a', { requires: { ...requires, command: ['true'] } }));
    assert.equal(met.outcome, 'changed');
  });

  it('clean up after a time-out before anything else gets their lock', async () => {
    const onAbort = {
      task: 'a.on_abort',
      command: ['sh', '-c', 'echo "clean $UPKEEP_ABORTED_OUTCOME" >> order'],
      self: false,
      options: null,
      script: null,
      procedure: null,
      timeoutMs: null,
      locks: [],
      user: null,
      environmentOf: 'a',
    };
    const first = await harness.launch('sleep 300', {
      task: 'a',
      timeoutMs: 100,
      settings: { locks: ['db'], onAbort },
    });
    const second = await start('echo second >> order', 'b', { locks: ['db'] });
    assert.equal((await endOf(first)).outcome, 'timed-out');
    assert.equal((await endOf(second)).outcome, 'changed');
    assert.equal(order(), 'clean timed-out\nsecond\n');
    const cleaned = listRuns(harness.database, { task: 'a.on_abort', limit: 5 });
    assert.deepEqual(
      cleaned.map(({ outcome, trigger, reason }) => [outcome, trigger, reason]),
      [['changed', 'remedy', `clean-up after the run ${first.id}, which was timed out`]],
    );
  });

  it('do not hold up a dry run, which takes no lock', async () => {
    const first = await gate('one', 'a', { locks: ['db'], overlap: 'queue' });
    const dry = await harness.launch('echo "$UPKEEP_DRY_RUN" >> order', {
      task: 'a',
      dryRun: true,
      settings: { locks: ['db'], overlap: 'queue' },
    });
    assert.equal((await endOf(dry)).outcome, 'changed');
    await open('one');
    await endOf(first);
    assert.equal(order(), '1\none\n');
  });
});
