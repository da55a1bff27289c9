import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RunDirectory } from '../../agent/run/directory.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { RequestError } from '../../agent/server/requestError.ts';
import { untilThere } from '../run/harness.ts';
import { tasksWorld, type TasksWorld } from './tasksHarness.ts';

const alice = { actor: 'alice', requestId: 'request-1' };
const refusedAs =
  (errorName: string, message: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof RequestError, String(error));
    assert.match(error.message, message);
    assert.equal(error.errorName, errorName);
    return true;
  };

describe('tasks as people start them', () => {
  let world: TasksWorld;
  beforeEach(() => {
    world = tasksWorld();
    world.script('note.sh', 'echo "ran $* $UPKEEP_DRY_RUN"');
    world.script('wait.sh', 'mkfifo go', 'read line < go');
  });
  afterEach(() => world.dispose());
  const outputOf = ({ id }: Run): string =>
    readFileSync((RunDirectory.of(join(world.harness.folder, 'runs'), id) ?? assert.fail()).output, 'utf8');
  const letGo = async (): Promise<void> => {
    await untilThere(join(world.harness.folder, 'go'));
    writeFileSync(join(world.harness.folder, 'go'), 'x\n');
  };

  it('run as the file says, and leave who asked, why and for what in the audit log', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: note.sh, args: [--all] }');
    const run = await world.tasks.run('job', { ...alice, reason: 'disk full' });
    assert.deepEqual([run.trigger, run.actor, run.reason, run.scheduledFor], ['manual', 'alice', 'disk full', null]);
    const ended = await world.endOf(run);
    assert.deepEqual([ended.outcome, outputOf(run)], ['changed', 'ran --all \n']);
    assert.deepEqual(world.audit(), [
      'alice run.start job disk full {"trigger":"manual","dryRun":false,"kind":"task"}',
    ]);
  });

  it('are started once by a request that comes twice', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: wait.sh }');
    const first = await world.tasks.run('job', alice);
    const again = await world.tasks.run('job', alice);
    assert.equal(again.id, first.id);
    assert.equal(world.audit().length, 1);
    await letGo();
    await world.endOf(first);
  });

  it('that are unknown or refused say so, with the line', async () => {
    world.configure('automated_tasks:', '  - { name: good, script: note.sh }', '  - { name: bad, scrpt: note.sh }');
    await assert.rejects(
      world.tasks.run('none', alice),
      refusedAs('notFound', /^There is no task "none" in the configuration\.$/),
    );
    await assert.rejects(
      world.tasks.run('bad', alice),
      refusedAs('refused', /^The task "bad" is refused: .*scrpt.*\(line 4\)$/),
    );
    assert.deepEqual(world.audit(), []);
    assert.deepEqual(
      world.tasks.list().map(({ name, line, problem }) => [name, line, problem === null]),
      [
        ['good', 3, true],
        ['bad', 4, false],
      ],
    );
  });

  it('do a dry run only where they say how', async () => {
    world.configure(
      'automated_tasks:',
      '  - { name: plain, script: note.sh }',
      '  - { name: able, script: note.sh, args: [--all], dry_run_args: [--list] }',
      '  - { name: silent, script: note.sh, dry_run_args: [] }',
      '  - { name: built-in, procedure: rotate-logs }',
    );
    await assert.rejects(
      world.tasks.run('plain', { ...alice, dryRun: true }),
      refusedAs('refused', /declares no dry run.*give it `dry_run_args`/),
    );
    const outputs = [];
    for (const name of ['able', 'silent', 'built-in']) {
      const run = await world.tasks.run(name, { ...alice, requestId: `request-${name}`, dryRun: true });
      await world.endOf(run);
      outputs.push(outputOf(run));
    }
    assert.deepEqual(outputs, ['ran --all --list 1\n', 'ran  1\n', 'self rotate-logs --options-env --dry-run\n']);
  });

  it('run no second time beside themselves, and say which run is in the way and how it is', async () => {
    world.configure(
      'automated_tasks:',
      '  - { name: job, script: wait.sh, locks: [db] }',
      '  - { name: other, script: note.sh, locks: [db] }',
    );
    const first = await world.tasks.run('job', alice);
    await assert.rejects(
      world.tasks.run('job', { ...alice, requestId: 'request-2' }),
      refusedAs('conflict', new RegExp(`"job" is already running \\(run ${first.id}\\): wait for it, or cancel it`)),
    );
    const waiting = await world.tasks.run('other', { ...alice, requestId: 'request-3' });
    assert.equal(waiting.state, 'queued');
    await assert.rejects(
      world.tasks.run('other', { ...alice, requestId: 'request-4' }),
      refusedAs('conflict', /"other" is queued \(it waits for the lock "db"\)/),
    );
    await letGo();
    await Promise.all([world.endOf(first), world.endOf(waiting)]);
  });

  it('wait in line with overlap queue, but a hundred at most', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: wait.sh, overlap: queue }');
    const first = await world.tasks.run('job', alice);
    for (let count = 1; count < 100; count += 1)
      await world.tasks.run('job', { ...alice, requestId: `more-${count}-x` });
    await assert.rejects(
      world.tasks.run('job', { ...alice, requestId: 'one-too-many' }),
      refusedAs('conflict', /^"job": 100 runs of it are open already\.$/),
    );
    for (const { id } of world.harness.runner.openRuns().toReversed()) await world.tasks.cancel(id, 'bob', null);
    assert.equal((await world.endOf(first)).outcome, 'cancelled');
  });

  it('want a reason in a blackout, except for a dry run', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: note.sh, dry_run_args: [] }');
    world.blackout = { names: ['freeze'], until: Date.parse('2027-01-02T00:00:00Z') };
    for (const reason of [undefined, null, '  '])
      await assert.rejects(
        world.tasks.run('job', { ...alice, ...(reason === undefined ? {} : { reason }) }),
        refusedAs('reasonNeeded', /"job" is in the blackout "freeze" until 2027-01-02T00:00:00Z: give a reason/),
      );
    for (const [requestId, more] of [
      ['request-2', { reason: 'outage' }],
      ['request-3', { dryRun: true }],
    ] as const)
      assert.equal(
        (await world.endOf(await world.tasks.run('job', { ...alice, ...more, requestId }))).outcome,
        'changed',
      );
  });

  it('are cancelled with a word in the audit log; one that has ended, or never was, says so', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: wait.sh }');
    const run = await world.tasks.run('job', alice);
    assert.equal((await world.tasks.cancel(run.id, 'bob', 'wrong host')).outcome, 'cancelled');
    await assert.rejects(
      world.tasks.cancel(run.id, 'bob', null),
      refusedAs('conflict', new RegExp(`The run ${run.id} has already ended \\(cancelled\\)`)),
    );
    await assert.rejects(world.tasks.cancel('no-run', 'bob', null), refusedAs('notFound', /There is no run no-run/));
    assert.deepEqual(world.audit().slice(1), [
      `bob run.cancel ${run.id} wrong host`,
      `bob run.cancel ${run.id}`,
      'bob run.cancel no-run',
    ]);
  });

  it('wait for the approval of two people where they want it, and each is in the audit log', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: note.sh, approval: { required: 2 } }');
    const run = await world.tasks.run('job', alice);
    const by = (actor: string): { actor: string; role: 'operator' } => ({ actor, role: 'operator' });
    assert.throws(
      () => world.tasks.approve(run.id, by('alice'), null),
      refusedAs('forbidden', /alice asked for this run/),
    );
    assert.equal(world.tasks.approve(run.id, by('bob'), null).approval?.given.length, 1);
    assert.throws(() => world.tasks.approve(run.id, by('bob'), null), refusedAs('conflict', /another person must/));
    world.tasks.approve(run.id, by('carol'), 'seen');
    assert.equal((await world.endOf(run)).outcome, 'changed');
    assert.throws(
      () => world.tasks.approve(run.id, by('dave'), null),
      refusedAs('conflict', /does not wait for approval \(it is ended\)/),
    );
    assert.throws(
      () => world.tasks.approve('no-run', by('dave'), null),
      refusedAs('notFound', /There is no run no-run/),
    );
    assert.deepEqual(world.audit().slice(1), [
      `bob run.approve ${run.id} {"required":2,"given":1}`,
      `carol run.approve ${run.id} seen {"required":2,"given":2}`,
    ]);
  });

  it('that somebody refuses to approve end as cancelled, once', async () => {
    world.configure('automated_tasks:', '  - { name: job, script: note.sh, approval: { required: 1 } }');
    const run = await world.tasks.run('job', alice);
    const refused = world.tasks.reject(run.id, 'bob', 'not today');
    assert.deepEqual([refused.outcome, refused.outcomeReason], ['cancelled', 'refused by bob: not today']);
    assert.throws(() => world.tasks.reject(run.id, 'bob', null), refusedAs('conflict', /it is ended/));
    const second = await world.tasks.run('job', { ...alice, requestId: 'request-2' });
    assert.equal(world.tasks.reject(second.id, 'bob', null).outcomeReason, 'refused by bob');
  });
});

describe('procedures as people start them', () => {
  let world: TasksWorld;
  beforeEach(() => {
    world = tasksWorld();
  });
  afterEach(() => world.dispose());

  it('V05: are shown without any secret, whatever text of them holds it', () => {
    world.secrets.learn(['planted-secret']);
    world.script('job.sh', 'exit 0');
    world.configure(
      'automated_tasks:',
      '  - { name: job, script: job.sh, group: on planted-secret, description: for planted-secret }',
      '  - { name: bad, script: planted-secret.sh }',
      '  - { name: planted-secret/x, script: job.sh }',
    );
    world.blackout = { names: ['until planted-secret is changed'], until: null };
    const listed = world.tasks.list();
    assert.deepEqual(
      listed.map(({ name, problem }) => [name.replace(/\*+/, '*'), problem === null]),
      [
        ['job', true],
        ['bad', false],
        ['*/x', false],
      ],
    );
    assert.equal(JSON.stringify(listed).includes('planted-secret'), false);
    assert.equal(JSON.stringify(world.tasks.describe('job')).includes('planted-secret'), false);
  });

  it('V05: run with the options that were asked for, which the audit log keeps without secrets', async () => {
    world.secrets.learn(['planted-secret']);
    const run = await world.tasks.runProcedure('rotate-logs', { config: '/etc/planted-secret', force: true }, alice);
    assert.deepEqual([run.kind, run.procedure, run.trigger], ['procedure', 'rotate-logs', 'remedy']);
    await world.endOf(run);
    assert.match(world.audit().join('\n'), /"options":\{"config":"\/etc\/\*+","force":true\}/);
    const plain = await world.tasks.runProcedure('health-check', {}, { ...alice, requestId: 'request-2' });
    await world.endOf(plain);
    assert.doesNotMatch(world.audit()[1] ?? '', /options/);
  });

  it('are refused by name, by option, and beside themselves', async () => {
    await assert.rejects(
      world.tasks.runProcedure('no-such', {}, alice),
      refusedAs('notFound', /no procedure "no-such"/),
    );
    await assert.rejects(
      world.tasks.runProcedure('check-certificates', { warnDays: -1 }, alice),
      refusedAs('invalidParams', /^check-certificates: warnDays /),
    );
    await assert.rejects(world.tasks.preview('no-such', {}), refusedAs('notFound', /no-such/));
    await assert.rejects(world.tasks.choices('no-such'), refusedAs('notFound', /no-such/));
    assert.deepEqual(world.audit(), []);
  });

  it('say what they would do, and offer no values where they know none', async () => {
    const preview = await world.tasks.preview('rotate-logs', { force: true });
    assert.deepEqual([preview.procedure, preview.changes], ['rotate-logs', true]);
    assert.deepEqual(await world.tasks.choices('rotate-logs'), { choices: {} });
  });
});
