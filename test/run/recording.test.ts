/** The runner while its store or the folders of its runs can not be written: nothing is lost, doubled, or told that did not happen. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import * as z from 'zod';
import type { Run } from '../../agent/protocol/nouns.ts';
import { RunDirectory } from '../../agent/run/directory.ts';
import { membersOf } from '../../agent/run/group.ts';
import { systemClock, type Clock } from '../../agent/schedule/clock.ts';
import { getRun, listRuns } from '../../agent/store/runs.ts';
import { request, runnerHarness, untilThere, type RunnerHarness } from './harness.ts';

/** Twenty times as fast. */
const fast: Clock = { ...systemClock, after: (ms, callback) => systemClock.after(ms / 20, callback) };
const admin = { actor: 'bob', role: 'admin' } as const;

const messageOf = (line: string): string => z.object({ msg: z.string() }).parse(JSON.parse(line)).msg;

describe('a runner whose records can not be written', () => {
  let harness: RunnerHarness;
  let log: EventEmitter;
  const said = (message: string): Promise<unknown> => once(log, message);
  beforeEach(() => {
    log = new EventEmitter();
    harness = runnerHarness(fast, { log: pino({}, { write: (line) => void log.emit(messageOf(line)) }) });
  });
  afterEach(() => harness.cancelAndDispose());
  /** No event can be stored, and so no change of a run. */
  const breakStore = (): void => {
    harness.database.change('ALTER TABLE events RENAME TO away');
  };
  const mendStore = (): void => {
    harness.database.change('ALTER TABLE away RENAME TO events');
  };
  const directoryOf = ({ id }: Run): RunDirectory => RunDirectory.of(join(harness.folder, 'runs'), id) ?? assert.fail();
  const gate = (more = {}): Promise<Run> => harness.launch('mkfifo go; touch ready; read line < go; exit 3', more);
  const letGo = async (): Promise<void> => {
    await untilThere(join(harness.folder, 'ready'));
    writeFileSync(join(harness.folder, 'go'), 'x\n');
  };

  it('starts nothing that is not on record, and is free for the next', async () => {
    breakStore();
    await assert.rejects(harness.launch('touch started', { requestId: 'request-1' }), /events/);
    await assert.rejects(harness.launch('touch started', { settings: { overlap: 'queue' } }), /events/);
    assert.deepEqual(harness.runner.openRuns(), []);
    mendStore();
    const run = await harness.launch('exit 0', { requestId: 'request-1' });
    assert.equal((await harness.runner.whenEnded(run.id))?.outcome, 'changed');
    assert.equal(listRuns(harness.database, { limit: 10 }).length, 1);
  });

  it('tells an end once it is written down, and not before', async () => {
    const run = await gate();
    await untilThere(join(harness.folder, 'ready'));
    breakStore();
    const ended = harness.runner.whenEnded(run.id);
    await letGo();
    await said('the end of a run could not be written down; it is tried again');
    assert.deepEqual([harness.ended.length, harness.runner.openRuns().length], [0, 1]);
    mendStore();
    assert.equal((await ended)?.exitCode, 3);
    assert.deepEqual([harness.ended.length, getRun(harness.database, run.id)?.state], [1, 'ended']);
  });

  it('tells the end of a run that never began once it is written down', async () => {
    const approval = { required: 1, roles: ['admin' as const], expiresMs: 60_000 };
    const run = await harness.launch('touch started', { settings: { approval } });
    breakStore();
    const ended = harness.runner.whenEnded(run.id);
    harness.runner.reject(run.id, 'bob', null);
    assert.equal(harness.ended.length, 0);
    mendStore();
    assert.equal((await ended)?.outcomeReason, 'refused by bob');
    assert.equal(harness.ended.length, 1);
  });

  it('takes back an approval that was not written down', async () => {
    const approval = { required: 1, roles: ['admin' as const], expiresMs: 60_000 };
    const run = await harness.launch('exit 0', { settings: { approval } });
    breakStore();
    assert.throws(() => harness.runner.approve(run.id, admin), /events/);
    assert.deepEqual(harness.runner.openRuns()[0]?.approval?.given, []);
    mendStore();
    assert.equal(harness.runner.approve(run.id, admin)?.ok, true);
    assert.equal((await harness.runner.whenEnded(run.id))?.outcome, 'changed');
  });

  it('stops a run whose stop can not be written down', async () => {
    const run = await harness.launch('touch ready; sleep 300');
    await untilThere(join(harness.folder, 'ready'));
    mkdirSync(join(directoryOf(run).path, 'stop.json'));
    breakStore();
    const cancelled = harness.runner.cancel(run.id, 'alice');
    mendStore();
    assert.equal((await cancelled)?.outcome, 'cancelled');
    assert.deepEqual(await membersOf(run.id, null), []);
  });

  it('ends a run that waited, and can not be written down as started', async () => {
    const first = await gate({ settings: { locks: ['db'] } });
    const second = await harness.launch('touch started', { task: 'other', settings: { locks: ['db'] } });
    // The folder of the second is gone, so the record of its start has no place.
    rmSync(directoryOf(second).path, { recursive: true });
    writeFileSync(directoryOf(second).path, '');
    const ended = harness.runner.whenEnded(second.id);
    await letGo();
    await harness.runner.whenEnded(first.id);
    assert.match((await ended)?.outcomeReason ?? '', /^could not be started: /);
  });

  it('records a run as failed whose folder can not be made', async () => {
    writeFileSync(join(harness.folder, 'runs'), '');
    const run = await harness.launch('touch started', { requestId: 'request-1' });
    assert.deepEqual([run.state, run.outcome], ['ended', 'failed']);
    assert.match(run.outcomeReason ?? '', /^could not be started: /);
    assert.deepEqual([getRun(harness.database, run.id)?.outcome, harness.ended.length], ['failed', 1]);
    assert.equal((await harness.launch('touch started', { requestId: 'request-1' })).id, run.id);
  });

  it('has the end of a run though it can not be written into its folder', async () => {
    const run = await gate();
    await untilThere(join(harness.folder, 'ready'));
    mkdirSync(join(directoryOf(run).path, 'end.json'));
    await letGo();
    assert.equal((await harness.runner.whenEnded(run.id))?.exitCode, 3);
  });

  it('is not moved by words about runs that are not open', async () => {
    assert.equal(await harness.runner.cancel('no-run', 'alice'), null);
    assert.equal(harness.runner.reject('no-run', 'alice', null), null);
    assert.equal(harness.runner.approve('no-run', admin), null);
    assert.equal(harness.runner.whenEnded('no-run'), null);
    const run = await harness.launch('exit 0', { requestId: 'request-1' });
    await harness.runner.whenEnded(run.id);
    assert.deepEqual(
      [harness.runner.isSameRequest(run.id, 'request-1'), harness.runner.isSameRequest(run.id, 'request-2')],
      [true, false],
    );
  });

  it('tells whoever wants to know that a run begins or is taken over', async () => {
    const begun: string[] = [];
    const other = runnerHarness(systemClock, { onBegin: (id) => begun.push(id) });
    try {
      const run = await other.launch('touch ready; sleep 300');
      await untilThere(join(other.folder, 'ready'));
      other.runner.stop();
      const next = other.another();
      await next.start();
      assert.deepEqual(begun, [run.id, run.id]);
      await next.cancel(run.id, 'alice');
      next.stop();
    } finally {
      other.dispose();
    }
  });

  it('has a grace period and a limit of output of its own where nobody names one', async () => {
    const other = runnerHarness(systemClock, { outputLimit: () => 64 * 1024 });
    try {
      const run = await other.launch('head -c 400000 /dev/zero | tr "\\0" x; mkfifo go; touch ready; read line < go');
      await untilThere(join(other.folder, 'ready'));
      const output = (RunDirectory.of(join(other.folder, 'runs'), run.id) ?? assert.fail()).output;
      await untilThere(output.replace(/\.log$/, '.cut.json'));
      writeFileSync(join(other.folder, 'go'), 'x\n');
      assert.ok(((await other.runner.whenEnded(run.id))?.outputDropped ?? 0) > 300_000);
    } finally {
      other.dispose();
    }
  });

  it('leaves a run to the next agent that is stopped while it is being started', async () => {
    const launched = harness.runner.launch(request(['sh', '-c', 'touch started; sleep 300']));
    const [run] = harness.runner.openRuns();
    harness.runner.stop();
    await launched.catch(() => undefined);
    const next = harness.another();
    await next.start();
    const id = run?.id ?? assert.fail();
    assert.deepEqual(
      next.openRuns().map((one) => [one.id, one.state]),
      [[id, 'running']],
    );
    await next.cancel(id, 'alice');
    assert.deepEqual(await membersOf(id, null), []);
    next.stop();
  });
});
