/** A run knows its own folder (UPKEEP_RUN_DIRECTORY); what it does to it must harm nobody but itself. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { Run } from '../../agent/protocol/nouns.ts';
import { membersOf } from '../../agent/run/group.ts';
import { RunDirectory } from '../../agent/run/directory.ts';
import { systemClock, type Clock } from '../../agent/schedule/clock.ts';
import { indexRuns } from '../../agent/store/rebuild.ts';
import { getRun } from '../../agent/store/runs.ts';
import { FakeClock } from '../schedule/fakeClock.ts';
import { runnerHarness, untilThere, type RunnerHarness } from './harness.ts';

/** Twenty times as fast. */
const fast: Clock = { ...systemClock, after: (ms, callback) => systemClock.after(ms / 20, callback) };

describe('a run that meddles with its own folder', () => {
  let harness: RunnerHarness;
  beforeEach(() => {
    harness = runnerHarness();
  });
  afterEach(() => {
    harness.dispose();
  });
  const directoryOf = ({ id }: Run): RunDirectory => RunDirectory.of(join(harness.folder, 'runs'), id) ?? assert.fail();

  for (const [title, command] of [
    ['a folder', 'mkdir "$UPKEEP_RUN_DIRECTORY/exit.json"'],
    ['a pipe', 'mkfifo "$UPKEEP_RUN_DIRECTORY/exit.json"'],
    ['a link', 'ln -s /etc/passwd "$UPKEEP_RUN_DIRECTORY/exit.json"'],
  ] as const) {
    it(`F39: ends, whatever it has put where its exit status belongs: ${title}`, async () => {
      const run = await harness.launch(`${command}; exit 3`);
      const ended = await harness.runner.whenEnded(run.id);
      assert.deepEqual([ended?.state, ended?.outcome, ended?.exitCode], ['ended', 'failed', 3]);
    });
  }

  for (const [title, timeoutMs, outcome] of [
    ['cancelled', null, 'cancelled'],
    ['stopped at its time-out', 60_000, 'timed-out'],
  ] as const) {
    it(`F10: is ${title} all the same when it has written an exit status itself`, async () => {
      harness.dispose();
      const clock = new FakeClock('2026-03-01T02:00:00Z');
      harness = runnerHarness(clock);
      const script = `echo '{"code":0}' > "$UPKEEP_RUN_DIRECTORY/exit.json"; touch ready; sleep 300; sleep 300`;
      const run = await harness.launch(script, { timeoutMs });
      await untilThere(join(harness.folder, 'ready'));
      const ended = harness.runner.whenEnded(run.id);
      if (timeoutMs === null) {
        // Asked for twice, it is stopped once.
        void harness.runner.cancel(run.id, 'alice');
        void harness.runner.cancel(run.id, 'bob');
      } else clock.advance(timeoutMs);
      // Its wrapper is given time to go by itself.
      clock.advance(10_000);
      assert.equal((await ended)?.outcome, outcome);
      assert.deepEqual(await membersOf(run.id, null), []);
    });
  }

  it('F10: has not ended for the next agent, nor for a store made anew, when it has written an exit status itself', async () => {
    const script = `echo '{"code":0}' > "$UPKEEP_RUN_DIRECTORY/exit.json"; mkfifo go; touch ready; read line < go; exit 6`;
    const run = await harness.launch(script);
    await untilThere(join(harness.folder, 'ready'));
    harness.runner.stop();
    harness.database.change('DELETE FROM runs');
    assert.equal(indexRuns(harness.database, join(harness.folder, 'runs')).runs, 1);
    const next = harness.another();
    await next.start();
    assert.deepEqual(
      next.openRuns().map(({ id, state, outcome }) => [id, state, outcome]),
      [[run.id, 'running', null]],
    );
    const ended = next.whenEnded(run.id);
    writeFileSync(join(harness.folder, 'go'), 'x\n');
    assert.deepEqual([(await ended)?.outcome, (await ended)?.exitCode], ['failed', 6]);
    next.stop();
  });

  it('F39: does not keep the next agent from starting, though a pipe or folder stands where its results belong', async () => {
    const run = await harness.launch('mkfifo go; touch ready; read line < go; exit 4');
    await untilThere(join(harness.folder, 'ready'));
    harness.runner.stop();
    const { results } = directoryOf(run);
    for (const command of ['mkfifo', 'mkdir']) {
      rmSync(results, { recursive: true });
      execFileSync(command, [results]);
      const next = harness.another();
      await next.start();
      assert.deepEqual(
        next.openRuns().map(({ id, state }) => [id, state]),
        [[run.id, 'running']],
      );
      next.stop();
    }
    const last = harness.another();
    await last.start();
    const ended = last.whenEnded(run.id);
    writeFileSync(join(harness.folder, 'go'), 'x\n');
    assert.equal((await ended)?.exitCode, 4);
    last.stop();
  });

  it('F39: does not keep the next agent from starting, though its record is a folder', async () => {
    const run = await harness.launch('touch ready; sleep 300');
    await untilThere(join(harness.folder, 'ready'));
    harness.runner.stop();
    const record = join(directoryOf(run).path, 'run.json');
    rmSync(record);
    mkdirSync(record);
    const next = harness.another();
    await next.start();
    assert.equal((await next.cancel(run.id, 'alice'))?.outcome, 'cancelled');
    assert.equal(getRun(harness.database, run.id)?.outcome, 'cancelled');
    next.stop();
    assert.equal(existsSync(record), true);
  });

  for (const [title, put, reason] of [
    [
      'a file',
      (folder: string) => {
        writeFileSync(folder, '');
      },
      / can not be read \(ENOTDIR\)/,
    ],
    [
      'a link that leads to itself',
      (folder: string) => {
        symlinkSync(folder, folder);
      },
      /run\.json is missing or damaged/,
    ],
    [
      'a folder whose record is broken',
      (folder: string) => {
        mkdirSync(folder);
        writeFileSync(join(folder, 'run.json'), '{"run":');
      },
      /run\.json is missing or damaged/,
    ],
  ] as const) {
    it(`F39: does not keep the next agent from starting, though ${title} stands where its own was, and is ended as lost`, async () => {
      harness.dispose();
      harness = runnerHarness(fast);
      const running = await harness.launch('touch ready; sleep 300', { settings: { locks: ['db'] } });
      const waiting = await harness.launch('touch other', { task: 'other', settings: { locks: ['db'] } });
      await untilThere(join(harness.folder, 'ready'));
      harness.runner.stop();
      for (const run of [running, waiting]) {
        rmSync(directoryOf(run).path, { recursive: true });
        put(directoryOf(run).path);
      }
      const next = harness.another();
      await next.start();
      const lost = getRun(harness.database, waiting.id);
      assert.equal(lost?.outcome, 'lost');
      assert.match(lost.outcomeReason ?? '', reason);
      assert.ok(lost.outcomeReason?.includes(directoryOf(waiting).path));
      // What goes on is watched, and can be stopped.
      assert.deepEqual(
        next.openRuns().map(({ id, state }) => [id, state]),
        [[running.id, 'running']],
      );
      const ended = next.whenEnded(running.id);
      for (const pid of await membersOf(running.id, null)) process.kill(pid, 'SIGKILL');
      assert.equal((await ended)?.outcome, 'lost');
      // Nobody knows whether the task wanted to be told of, so it is.
      assert.deepEqual(
        harness.ended.map(({ alertOn }) => alertOn),
        ['failure', 'failure'],
      );
      next.stop();
    });
  }
});
