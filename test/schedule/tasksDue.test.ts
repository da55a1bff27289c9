import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MaintenanceWindow, Run } from '../../agent/protocol/nouns.ts';
import { RunDirectory } from '../../agent/run/directory.ts';
import type { DueRun } from '../../agent/schedule/scheduler.ts';
import { listRuns } from '../../agent/store/runs.ts';
import { untilThere } from '../run/harness.ts';
import { hour } from './harness.ts';
import { tasksWorld, type TasksWorld } from './tasksHarness.ts';

const two = Date.parse('2026-03-01T02:00:00Z');

describe('tasks as schedules start them', () => {
  let world: TasksWorld;
  beforeEach(() => {
    world = tasksWorld();
    world.script('note.sh', 'echo ran');
    world.script('wait.sh', 'mkfifo go', 'read line < go');
  });
  afterEach(() => world.dispose());
  const due = (name: string, more: Partial<DueRun> = {}): void => {
    const task = world.tasks.require(name);
    world.tasks.runDue({ task, scheduledFor: two, late: false, missed: 0, inTurn: false, ...more });
  };
  /** Oldest first. */
  const runs = (): readonly Run[] => listRuns(world.harness.database, { limit: 100 }).toReversed();
  const allEnded = async (): Promise<readonly Run[]> => {
    for (const run of runs()) await world.endOf(run);
    return runs();
  };

  it('run once for each instant, and leave nothing in the audit log', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: note.sh, schedule: "0 2 * * *" }');
    due('job');
    due('job');
    await world.harness.runner.whenEnded(runs()[0]?.id ?? '');
    due('job');
    const all = await allEnded();
    assert.deepEqual(
      all.map(({ trigger, actor, reason, outcome, scheduledFor }) => [trigger, actor, reason, outcome, scheduledFor]),
      [['schedule', 'schedule', null, 'changed', '2026-03-01T02:00:00.000Z']],
    );
    assert.deepEqual(world.audit(), []);
  });

  it('say what a late run makes up for', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: note.sh, overlap: queue }');
    due('job', { late: true });
    due('job', { late: true, missed: 4, scheduledFor: two + hour });
    assert.deepEqual(
      (await allEnded()).map(({ trigger, reason }) => [trigger, reason]),
      [
        ['catch-up', 'its time was missed'],
        ['catch-up', 'it stands for 5 missed runs'],
      ],
    );
  });

  it('are skipped on record while one is still going on or waits, and take its place with overlap replace', async () => {
    world.configure(
      'automated_tasks:',
      '  - { name: job, script: wait.sh, locks: [db] }',
      '  - { name: other, script: note.sh, locks: [db] }',
      '  - { name: newest, script: wait.sh, overlap: replace }',
    );
    due('job');
    due('other');
    due('job', { scheduledFor: two + hour });
    due('other', { scheduledFor: two + hour });
    due('newest');
    due('newest', { scheduledFor: two + hour });
    const of = (name: string): readonly Run[] => runs().filter(({ task }) => task === name);
    const [job, skippedJob] = of('job');
    const [other, skippedOther] = of('other');
    assert.deepEqual(
      [skippedJob?.outcome, skippedJob?.outcomeReason],
      ['skipped', `the run ${job?.id ?? ''} was still going on`],
    );
    assert.deepEqual(
      [skippedOther?.outcome, skippedOther?.outcomeReason],
      ['skipped', `the run ${other?.id ?? ''} waits for the lock "db"`],
    );
    assert.equal((await world.endOf(of('newest')[0] ?? assert.fail())).outcome, 'cancelled');
    await untilThere(join(world.harness.folder, 'go'));
  });

  it('each wait for the one before when all missed runs are made up for, whatever their overlap is', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: note.sh, missed: all, overlap: forbid }');
    for (const at of [0, 1, 2]) due('job', { late: true, inTurn: true, scheduledFor: two + at * hour });
    const all = await allEnded();
    assert.deepEqual(
      all.map(({ outcome, scheduledFor }) => [outcome, scheduledFor?.slice(11, 16)]),
      [
        ['changed', '02:00'],
        ['changed', '03:00'],
        ['changed', '04:00'],
      ],
    );
    const starts = all.map(({ startedAt }) => startedAt ?? '');
    assert.deepEqual(starts, starts.toSorted());
  });

  it('that are not to run are recorded once, with why', () => {
    world.configure('automated_tasks:', '  - { name: job, script: note.sh, alert_on_failure: true }');
    const task = world.tasks.require('job');
    for (let count = 0; count < 2; count += 1)
      world.tasks.recordNotRun({ task, scheduledFor: two, outcome: 'missed', reason: 'the run was missed' });
    assert.deepEqual(
      runs().map(({ outcome, outcomeReason, trigger, startedAt }) => [outcome, outcomeReason, trigger, startedAt]),
      [['missed', 'the run was missed', 'schedule', null]],
    );
    assert.deepEqual(
      world.harness.ended.map(({ alertOn }) => alertOn),
      ['failure'],
    );
  });

  it('that can not be recorded hold no other back', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: note.sh }');
    const task = world.tasks.require('job');
    world.harness.database.change('ALTER TABLE events RENAME TO away');
    due('job');
    // The failure of the start comes later, and is logged: nobody waits for it.
    await new Promise((resolve) => setImmediate(resolve));
    world.harness.database.change('ALTER TABLE away RENAME TO events');
    assert.deepEqual(world.harness.runner.openRuns(), []);
    world.tasks.runDue({ task, scheduledFor: two, late: false, missed: 0, inTurn: false });
    assert.deepEqual(
      (await allEnded()).map(({ outcome }) => outcome),
      ['changed'],
    );
  });
});

describe('the plan of a window', () => {
  let world: TasksWorld;
  beforeEach(() => {
    world = tasksWorld();
    world.script('note.sh', 'echo ran');
    world.script('fail.sh', 'exit 3');
    world.configure(
      'automated_tasks:',
      '  - { name: one, script: note.sh }',
      '  - { name: two, script: note.sh }',
      '  - { name: bad, script: fail.sh }',
    );
  });
  afterEach(() => world.dispose());
  const windowOf = (plan: string[]): MaintenanceWindow => ({
    id: 'window-1',
    title: 'Upgrade',
    reason: 'new kernel',
    state: 'active',
    openedBy: 'alice',
    startsAt: '2026-03-01T02:00:00.000Z',
    endsAt: '2026-03-01T04:00:00.000Z',
    closedAt: null,
    closedReason: null,
    plan,
    planRuns: [],
    mode: { flagFile: null, on: false, problem: null },
    heldAlerts: 0,
  });
  const started = async (plan: string[], open = (): boolean => true): Promise<string[]> => {
    const ids: string[] = [];
    await world.tasks.runPlan(windowOf(plan), open, (id) => ids.push(id));
    const all = listRuns(world.harness.database, { limit: 100 });
    return ids.map((id) => {
      const run = all.find((one) => one.id === id) ?? assert.fail();
      assert.deepEqual(
        [run.windowId, run.trigger, run.actor, run.reason],
        ['window-1', 'window', 'alice', 'new kernel'],
      );
      return `${run.task} ${run.outcome ?? run.state}`;
    });
  };

  it('is run in its order, each after the end of the one before', async () => {
    assert.deepEqual(await started(['two', 'one', 'two']), ['two changed', 'one changed', 'two changed']);
    assert.deepEqual(
      world.audit()[0],
      'alice run.start two new kernel {"trigger":"window","dryRun":false,"kind":"task"}',
    );
  });

  it('stops at the first that ends badly', async () => {
    assert.deepEqual(await started(['one', 'bad', 'two']), ['one changed', 'bad failed']);
  });

  it('stops when the window is over', async () => {
    let left = 1;
    assert.deepEqual(await started(['one', 'two'], () => left-- > 0), ['one changed']);
  });

  it('stops at a task that the configuration has no more', async () => {
    await assert.rejects(started(['one', 'gone']), /There is no task "gone"/);
    assert.equal(world.harness.ended.length, 1);
  });
});

describe('blocks of a runbook', () => {
  let world: TasksWorld;
  beforeEach(() => {
    world = tasksWorld();
  });
  afterEach(() => world.dispose());

  it('run in the folder of the configuration, by the name of the runbook and their number', async () => {
    const start = { actor: 'alice', requestId: 'request-1', reason: 'rehearsal' };
    const names = [];
    for (const [runbook, requestId] of [
      ['/srv/runbooks/failover.md', 'request-1'],
      ['failover.md', 'request-2'],
    ] as const) {
      const block = { runbook, index: 1, language: 'sh', text: 'pwd' };
      const run = await world.tasks.runBlock(block, { ...start, requestId });
      names.push(run.task);
      const ended = await world.endOf(run);
      const directory = RunDirectory.of(join(world.harness.folder, 'runs'), run.id) ?? assert.fail();
      assert.deepEqual([ended.outcome, ended.trigger, ended.kind], ['changed', 'runbook', 'block']);
      assert.equal(readFileSync(directory.output, 'utf8'), `${world.harness.folder}\n`);
    }
    assert.deepEqual(names, ['failover.md #2', 'failover.md #2']);
    assert.match(world.audit()[0] ?? '', /^alice run\.start failover\.md #2 rehearsal .*"kind":"block"/);
  });
});

describe('tasks as clients see them', () => {
  let world: TasksWorld;
  beforeEach(() => {
    world = tasksWorld();
    world.script('note.sh', 'echo ran');
  });
  afterEach(() => world.dispose());

  it('have their schedule in words, and times as instants', () => {
    world.configure(
      'timezone: Europe/Berlin',
      'automated_tasks:',
      '  - { name: cron, script: note.sh, schedule: "0 2 * * *", group: nightly, description: Notes }',
      '  - { name: every, script: note.sh, every: 90m }',
      '  - { name: at, script: note.sh, at: "2030-12-24T02:00", timezone: UTC }',
      '  - { name: hand, procedure: health-check }',
    );
    const [cron, every, at, hand] = world.tasks.list();
    assert.deepEqual(
      [cron?.schedule, every?.schedule, at?.schedule, hand?.schedule],
      ['0 2 * * *', 'every 90m', 'at 2030-12-24T02:00', null],
    );
    assert.deepEqual([cron?.zone, at?.zone], ['Europe/Berlin', 'UTC']);
    assert.deepEqual(
      [cron?.group, cron?.description, every?.group, every?.description],
      ['nightly', 'Notes', null, null],
    );
    assert.deepEqual(
      [cron?.target, hand?.target, hand?.kind],
      [join(world.harness.folder, 'note.sh'), 'health-check', 'procedure'],
    );
    assert.deepEqual([cron?.nextRun, cron?.snoozedUntil, cron?.blackout], [null, null, null]);
    world.nextRun = two;
    world.snoozed = two + hour;
    world.blackout = { names: ['freeze'], until: null };
    const held = world.tasks.describe('cron');
    assert.deepEqual(
      [held.nextRun, held.snoozedUntil, held.blackout],
      ['2026-03-01T02:00:00.000Z', '2026-03-01T03:00:00.000Z', { names: ['freeze'], until: null }],
    );
    world.blackout = { names: ['freeze'], until: two };
    assert.equal(world.tasks.describe('cron').blackout?.until, '2026-03-01T02:00:00.000Z');
  });

  it('V05: show no secret of their description or path', () => {
    world.script('planted-secret.sh', 'echo ran');
    world.configure('automated_tasks:', '  - { name: job, script: planted-secret.sh, description: by planted-secret }');
    world.secrets.learn(['planted-secret']);
    const [job] = world.tasks.list();
    assert.deepEqual([job?.problem, job?.description], [null, 'by **************']);
    assert.doesNotMatch(JSON.stringify(job), /planted/);
  });
});
