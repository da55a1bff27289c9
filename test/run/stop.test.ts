import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Run } from '../../agent/protocol/nouns.ts';
import { membersOf } from '../../agent/run/group.ts';
import { readEntry } from '../../agent/run/processes.ts';
import { systemClock } from '../../agent/schedule/clock.ts';
import { FakeClock } from '../schedule/fakeClock.ts';
import { request, runnerHarness, untilThere, type RunnerHarness } from './harness.ts';

const isLinux = process.platform === 'linux';

describe('stopping a run', () => {
  let harness: RunnerHarness;
  beforeEach(() => {
    harness = runnerHarness();
  });
  afterEach(() => {
    harness.dispose();
  });

  /** Runs a script that touches `ready`, cancels it then, and gives its end. */
  async function cancelWhenReady(script: string): Promise<Run> {
    const run = await harness.launch(script);
    await untilThere(join(harness.folder, 'ready'));
    return (await harness.runner.cancel(run.id, 'alice')) ?? assert.fail('it was not open');
  }

  const pidIn = (name: string): number => Number(readFileSync(join(harness.folder, name), 'utf8'));

  it('F10: kills a child that ignores TERM after the grace period, and says both', async () => {
    const ended = await cancelWhenReady(`trap '' TERM HUP INT; touch ready; while :; do sleep 300; done`);
    assert.equal(ended.outcome, 'cancelled');
    assert.equal(ended.outcomeReason, 'stopped by alice, killed after the grace period');
    assert.deepEqual(await membersOf(ended.id, null), []);
  });

  it('F10: lets a child that heeds TERM clean up, and hears TERM once', async () => {
    harness.dispose();
    // More than it needs, however busy the machine is.
    harness = runnerHarness(systemClock, { stopGraceMs: 60_000 });
    const script = `trap 'echo term >> heard; exit 0' TERM; touch ready; while :; do sleep 0.05; done`;
    const ended = await cancelWhenReady(script);
    assert.deepEqual([ended.outcome, ended.outcomeReason], ['cancelled', 'stopped by alice']);
    assert.equal(readFileSync(join(harness.folder, 'heard'), 'utf8'), 'term\n');
  });

  it('F10: does the same at the time-out', async () => {
    harness.dispose();
    const clock = new FakeClock('2026-03-01T02:00:00Z');
    harness = runnerHarness(clock);
    const run = await harness.launch(`trap '' TERM; touch ready; sleep 300; sleep 300`, { timeoutMs: 60_000 });
    await untilThere(join(harness.folder, 'ready'));
    const ending = harness.runner.whenEnded(run.id);
    clock.advance(60_000);
    const ended = await ending;
    assert.equal(ended?.outcome, 'timed-out');
    assert.match(ended.outcomeReason ?? '', /stopped at its time-out, killed after the grace period/);
    assert.deepEqual(await membersOf(run.id, null), []);
  });

  if (isLinux) {
    it('F11: leaves no grandchild: setsid, nohup, double fork, ignored TERM, a tree three deep', async () => {
      const ended = await cancelWhenReady(`
        setsid sh -c 'trap "" TERM; sleep 300; sleep 300' &
        nohup sleep 301 > /dev/null 2>&1 &
        (setsid sh -c '(sleep 302 > /dev/null 2>&1 &) ; exit 0' &)
        sh -c 'sh -c "sh -c \\"sleep 303; :\\"; :"; :' &
        (trap '' HUP TERM; sleep 304; :) &
        sleep 0.2; touch ready; wait`);
      assert.equal(ended.outcome, 'cancelled');
      assert.deepEqual(await membersOf(ended.id, null), []);
    });

    it('F11: finds those that cleaned their environment, by their group and by their output', async () => {
      const ended = await cancelWhenReady(`
        env -i sh -c 'echo $$ > inGroup; exec sleep 300' &
        env -i setsid sh -c 'echo $$ > ownSession; exec sleep 301' &
        while [ ! -s inGroup ] || [ ! -s ownSession ]; do sleep 0.02; done; touch ready; sleep 302`);
      assert.equal(ended.outcome, 'cancelled');
      for (const name of ['inGroup', 'ownSession']) assert.ok(readEntry(pidIn(name))?.zombie ?? true, name);
    });

    it("F11: outruns a fork bomb's grandchildren that leave their sessions on and on", async () => {
      const hydra = join(harness.folder, 'hydra.sh');
      // Each lives for a moment and leaves a successor in a session of its own; 300 generations bound it.
      writeFileSync(
        hydra,
        `trap '' TERM HUP\n[ "$1" -gt 300 ] && exit\nsleep 0.03\nsetsid sh "$0" $(($1 + 1)) > /dev/null 2>&1 &\n`,
      );
      const ended = await cancelWhenReady(
        `for i in 1 2 3 4 5 6 7 8; do sh ${hydra} 1 & done; sleep 0.2; touch ready; sleep 300`,
      );
      assert.equal(ended.outcome, 'cancelled');
      assert.deepEqual(await membersOf(ended.id, null), []);
    });
  }

  it('F12: ends with the child, not with the pipe that a grandchild keeps open, and tells what it left', async () => {
    const run = await harness.launch('sleep 300 & echo $! > pid; exit 0');
    const ended = await harness.runner.whenEnded(run.id);
    assert.equal(ended?.outcome, 'changed');
    const pid = pidIn('pid');
    assert.equal(ended.outcomeReason, `it left process ${pid} running in the background`);
    process.kill(pid, 'SIGKILL');
  });

  it('keeps the end of a run that has ended by itself just before', async () => {
    const run = await harness.launch('exit 3');
    await untilThere(join(harness.folder, 'runs', ...placeOf(run.id), 'exit.json'));
    await harness.runner.cancel(run.id, 'alice');
    assert.deepEqual([harness.ended[0]?.run.outcome, harness.ended[0]?.run.exitCode], ['failed', 3]);
  });

  it('goes on with a stop that the agent did not live to finish', async () => {
    const run = await harness.launch(`trap '' TERM; touch ready; sleep 300; sleep 300`);
    await untilThere(join(harness.folder, 'ready'));
    const cancelled = harness.runner.cancel(run.id, 'alice');
    harness.runner.stop();
    const next = harness.another();
    await next.start();
    const ended = (await next.whenEnded(run.id)) ?? harness.ended[0]?.run;
    assert.equal(ended?.outcome, 'cancelled');
    assert.match(ended.outcomeReason ?? '', /stopped by alice/);
    assert.deepEqual(await membersOf(run.id, null), []);
    next.stop();
    void cancelled;
  });

  it('before the process is there takes effect as soon as it is', async () => {
    const launched = harness.runner.launch(request(['sh', '-c', 'sleep 300']));
    const [open] = harness.runner.openRuns();
    const cancelled = harness.runner.cancel(open?.id ?? '', 'alice');
    await launched;
    assert.equal((await cancelled)?.outcome, 'cancelled');
  });
});

function placeOf(id: string): readonly [string, string] {
  return [`${id.slice(0, 4)}-${id.slice(4, 6)}-${id.slice(6, 8)}`, id];
}
