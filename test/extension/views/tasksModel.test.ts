import assert from 'node:assert/strict';
import type { TreeNode } from '../../../extension/views/node.ts';
import { localTime, untilText } from '../../../extension/views/text.ts';
import { tasksModel } from '../../../extension/views/tasksModel.ts';
import { ago, ahead, makeHost, makeRun, makeTask, makeWaitingRun, now } from '../nouns.ts';
import { flat, outline } from '../outline.ts';

describe('tasksModel', () => {
  it('shows host, group, task and its last runs', () => {
    const host = makeHost({
      tasks: [makeTask({ group: 'Database' }), makeTask({ name: 'log_rotation', schedule: null, nextRun: null })],
      runs: [makeRun()],
    });
    assert.deepEqual(outline(tasksModel([host], now)), [
      'vm-active (none) db-01 | 2 tasks',
      '  folder (none) Database | 1 task',
      '    pass (good) daily_vacuum | succeeded 3 min ago, 4.2 s · next in 2 h',
      `      pass (good) ${localTime(ago(184_200))} | succeeded · 4.2 s · schedule`,
      '  circle-outline (muted) log_rotation | by hand',
    ]);
  });

  it('shows a running task with its progress, and its context for menus', () => {
    const run = makeRun({
      state: 'running',
      outcome: null,
      endedAt: null,
      durationMs: null,
      startedAt: ago(12_000),
      progress: { done: 3, total: 10, unit: 'tables' },
    });
    const [, task] = flat(tasksModel([makeHost({ tasks: [makeTask()], runs: [run] })], now));
    assert.equal(task?.icon, 'sync~spin');
    assert.equal(task.description, 'running 12 s, 3 of 10 tables');
    assert.equal(task.context, 'task runnable dryRunnable running');
  });

  it('says how a task failed, and why another is refused', () => {
    const tasks = [makeTask(), makeTask({ name: 'typo', problem: 'unknown key `scrpt`', nextRun: null })];
    const runs = [makeRun({ outcome: 'failed', outcomeReason: 'exit code 2' })];
    const [, failed, , refused] = flat(tasksModel([makeHost({ tasks, runs })], now));
    assert.equal(failed?.description, 'failed 3 min ago, 4.2 s · next in 2 h');
    assert.deepEqual([failed.tone, failed.highlighted], ['bad', true]);
    assert.equal(refused?.description, 'unknown key `scrpt`');
    assert.equal(refused.context, 'task refused');
  });

  it('says on the host that its schedules are paused, by whom and why, and on each task that nothing starts', () => {
    const paused = { by: 'alice', since: ago(600_000), reason: 'migration' };
    const tasks = [makeTask(), makeTask({ name: 'by_hand', schedule: null, nextRun: null })];
    assert.deepEqual(outline(tasksModel([makeHost({ paused, tasks })], now)), [
      'vm-active (none) db-01 | 2 tasks · schedules paused',
      '  debug-pause (warning) Schedules are paused | by alice 10 min ago: migration',
      '  debug-pause (muted) daily_vacuum | paused',
      '  circle-outline (muted) by_hand | by hand',
    ]);
    const [host, pause] = flat(tasksModel([makeHost({ paused })], now));
    assert.deepEqual([host?.context, pause?.context], ['host online remote paused', 'pause']);
    const [running] = tasksModel([makeHost({ paused: null })], now);
    assert.equal(running?.context, 'host online remote scheduled');
  });

  it('says until when a task is snoozed or in a blackout, and keeps what went wrong in sight', () => {
    const until = ahead(3_600_000);
    const tasks = [
      makeTask({ name: 'snoozed', snoozedUntil: until }),
      makeTask({ name: 'over', snoozedUntil: ago(1) }),
      makeTask({ name: 'frozen', snoozedUntil: null, blackout: { names: ['freeze'], until } }),
      makeTask({ name: 'unfrozen', snoozedUntil: null, blackout: { names: ['freeze'], until: ago(1) } }),
    ];
    const runs = [makeRun({ task: 'snoozed', outcome: 'failed' })];
    const [, ...nodes] = tasksModel([makeHost({ tasks, runs })], now).flatMap((host) => [
      host,
      ...(host.children?.() ?? []),
    ]);
    const at = untilText(until, now);
    assert.deepEqual(
      nodes.map((node) => [node.icon, node.description]),
      [
        ['error', `snoozed until ${at} · failed 3 min ago, 4.2 s · next in 2 h`],
        ['circle-outline', 'next in 2 h'],
        ['debug-pause', `in the blackout freeze until ${at} · next in 2 h`],
        ['circle-outline', 'next in 2 h'],
      ],
    );
    assert.deepEqual(
      nodes.map((node) => node.context.split(' ').at(-1)),
      ['snoozed', 'snoozable', 'snoozable', 'snoozable'],
    );
  });

  it('offers no snooze for what has no schedule, or on an agent that knows none', () => {
    const tasks = [makeTask({ schedule: null, snoozedUntil: null }), makeTask({ name: 'old' })];
    for (const node of flat(tasksModel([makeHost({ tasks })], now))) assert.doesNotMatch(node.context, /snooz/);
  });

  for (const [title, fields, icon, description] of [
    [
      'a lock',
      { waitingFor: 'lock', waitingReason: 'waits for the lock "db"' },
      'lock (busy)',
      'waits for the lock "db"',
    ],
    ['its turn', { waitingFor: 'turn', waitingReason: 'waits for its turn' }, 'clock (busy)', 'waits for its turn'],
    [
      'its next attempt',
      {
        waitingFor: 'retry',
        waitingReason: 'waits for its next attempt',
        waitingUntil: ahead(60_000),
        attempt: 2,
        attempts: 4,
      },
      'history (busy)',
      'waits for its next attempt (2 of 4), in 1 min',
    ],
    [
      'its requirements',
      { waitingFor: 'requires', waitingReason: 'its requirements are being looked at' },
      'checklist (busy)',
      'its requirements are being looked at',
    ],
    ['an agent that does not say what for', { waitingFor: null }, 'clock (busy)', 'queued 3 min ago'],
  ] as const)
    it(`says that a run waits for ${title}`, () => {
      const run = makeRun({ state: 'queued', outcome: null, startedAt: null, endedAt: null, ...fields });
      const [, task] = outline(tasksModel([makeHost({ tasks: [makeTask()], runs: [run] })], now));
      assert.equal(task, `  ${icon} daily_vacuum | ${description}`);
    });

  it('says that a run waits for people, and offers approval to those alone who may give it', () => {
    const run = makeWaitingRun();
    const tasks = [makeTask({ name: 'drop_partitions' })];
    const nodeFor = (actor: string): TreeNode | undefined =>
      flat(tasksModel([makeHost({ tasks, runs: [run] }, { actor })], now))[1];
    const until = untilText(run.approval.expiresAt, now);
    assert.equal(
      nodeFor('alice')?.description,
      `waits for 1 more approval (operator or admin), given by carol, until ${until}`,
    );
    assert.deepEqual([nodeFor('alice')?.icon, nodeFor('alice')?.tone], ['account', 'warning']);
    assert.match(nodeFor('alice')?.context ?? '', /running rejectable approvable/);
    for (const actor of ['bob', 'carol']) assert.doesNotMatch(nodeFor(actor)?.context ?? '', /approvable/);
  });

  it('puts a refused configuration above the tasks', () => {
    const config = {
      file: '/etc/upkeep/maintenance.yaml',
      revision: null,
      loadedAt: null,
      stale: true,
      diagnostics: [
        { line: 3, column: 1, severity: 'error' as const, code: 'x', task: null, message: 'unknown key `a`' },
      ],
    };
    const [, first] = flat(tasksModel([makeHost({ config, tasks: [makeTask()] })], now));
    assert.equal(first?.label, 'Configuration is refused; the last good one is in force');
    assert.equal(first.action, 'openConfiguration');
  });

  it('keeps runs of runbooks and remedies apart, and leaves out those of checks', () => {
    const runs = [
      makeRun({ id: 'a', kind: 'block', task: 'database.md #1', trigger: 'runbook' }),
      makeRun({ id: 'b', kind: 'procedure', task: 'health-check', trigger: 'check' }),
    ];
    const lines = outline(tasksModel([makeHost({ runs })], now));
    assert.equal(lines[1], '  history (none) Runbooks and remedies | 1 run');
    assert.match(lines[2] ?? '', /pass \(good\) database\.md #1 \| .* succeeded · 4\.2 s · runbook/);
    assert.equal(lines.length, 3);
  });

  it('says what is wrong with the connection and keeps what was known', () => {
    const problem = { message: 'connect ECONNREFUSED 127.0.0.1:7433', code: null, final: false };
    const connection = { kind: 'waiting', attempt: 3, failures: 2, retryAt: now.getTime() + 4200, problem } as const;
    const lines = outline(tasksModel([makeHost({ tasks: [makeTask()] }, { connection })], now));
    assert.equal(
      lines[0],
      'vm-outline (warning) db-01 | offline, next attempt in 4.2 s: connect ECONNREFUSED 127.0.0.1:7433',
    );
    assert.equal(lines.length, 2);
  });

  it('shows control and bidirectional characters of hosts by their code', () => {
    const task = makeTask({ name: 'a\u202Eb\u001B[31m', description: 'x', nextRun: ahead(60_000) });
    const [, node] = flat(tasksModel([makeHost({ tasks: [task] })], now));
    assert.equal(node?.label, 'a⟨U+202E⟩b⟨U+001B⟩[31m');
  });

  it('makes ids that are unique and do not change with the data', () => {
    const before = flat(tasksModel([makeHost({ tasks: [makeTask()], runs: [makeRun()] })], now));
    const after = flat(tasksModel([makeHost({ tasks: [makeTask({ nextRun: null })], runs: [makeRun()] })], now));
    assert.deepEqual(
      before.map((node) => node.id),
      after.map((node) => node.id),
    );
    assert.equal(new Set(before.map((node) => node.id)).size, before.length);
  });
});
