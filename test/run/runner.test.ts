import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { watch } from 'node:fs';
import { join } from 'node:path';
import type { Run } from '../../agent/protocol/nouns.ts';
import { RunDirectory } from '../../agent/run/directory.ts';
import { membersOf } from '../../agent/run/group.ts';
import type { Runner } from '../../agent/run/runner.ts';
import { runKey } from '../../agent/store/runKeys.ts';
import { getRun, listRuns } from '../../agent/store/runs.ts';
import { killIfThere, request, runnerHarness, type RunnerHarness } from './harness.ts';

describe('Runner', () => {
  let harness: RunnerHarness;
  beforeEach(() => {
    harness = runnerHarness();
  });
  afterEach(() => {
    harness.dispose();
  });

  const endOf = async (run: Run, runner: Runner = harness.runner): Promise<Run> =>
    (await runner.whenEnded(run.id)) ?? getRun(harness.database, run.id) ?? assert.fail('no such run');
  const directoryOf = (run: Run): RunDirectory =>
    RunDirectory.of(join(harness.folder, 'runs'), run.id) ?? assert.fail('no directory');

  it('records the end and the output of a script byte for byte', async () => {
    const run = await endOf(await harness.launch('printf "one\\n\\377two"; printf err >&2'));
    assert.equal(run.outcome, 'changed');
    assert.equal(run.exitCode, 0);
    assert.deepEqual(readFileSync(directoryOf(run).output), Buffer.from('one\n\xfftwoerr', 'latin1'));
  });

  it('gives each failing end its cause', async () => {
    const failed = await endOf(await harness.launch('exit 3'));
    assert.deepEqual([failed.outcome, failed.exitCode, failed.outcomeReason], ['failed', 3, 'exit code 3']);
    const missing = await endOf(await harness.runner.launch(request(['/nowhere/script.sh'])));
    assert.deepEqual([missing.outcome, missing.exitCode], ['failed', 127]);
    const killed = await endOf(await harness.launch('kill -SEGV $$'));
    assert.equal(killed.outcome, 'failed');
    assert.match(killed.outcomeReason ?? '', /signal 11/);
  });

  it('takes findings and progress from the results file and shrugs at other lines', async () => {
    const finding = { type: 'finding', level: 'warning', code: 'a.b', subject: 's', message: 'm' };
    const script = `printf '%s\\n' '${JSON.stringify(finding)}' 'rubbish' '{"type":"progress","done":1}' >> "$UPKEEP_RESULTS"`;
    const run = await endOf(await harness.launch(script));
    assert.equal(run.outcome, 'warning');
    assert.equal(run.findings.warning, 1);
    assert.deepEqual(harness.ended[0]?.findings, [{ level: 'warning', code: 'a.b', subject: 's', message: 'm' }]);
  });

  it('is not obeyed by output that looks like results', async () => {
    const run = await endOf(
      await harness.runner.launch(
        request(['echo', '{"type":"result","outcome":"changed","part":{}}'], { procedure: 'health-check' }),
      ),
    );
    assert.equal(run.outcome, 'failed');
  });

  it('starts one run for a request that comes twice', async () => {
    const first = await harness.launch('exit 0', { requestId: 'request-1' });
    const again = await harness.launch('exit 0', { requestId: 'request-1' });
    assert.equal(again.id, first.id);
    await endOf(first);
    assert.equal(listRuns(harness.database, { limit: 10 }).length, 1);
  });

  it('stops a child that ignores TERM, and grandchildren that left the group', async () => {
    const script = `trap '' TERM; setsid sleep 300 & touch started; sleep 300; sleep 300`;
    const { promise: started, resolve } = Promise.withResolvers<undefined>();
    const watcher = watch(harness.folder, (_, name) => {
      if (name === 'started') resolve(undefined);
    });
    const run = await harness.launch(script);
    await started;
    watcher.close();
    const ended = await harness.runner.cancel(run.id, 'alice');
    assert.equal(ended?.outcome, 'cancelled');
    assert.match(ended.outcomeReason ?? '', /stopped by alice, killed after the grace period/);
    assert.deepEqual(await membersOf(run.id, null), []);
  });

  it('stops a run at its time-out', async () => {
    const run = await endOf(await harness.launch('sleep 300', { timeoutMs: 100 }));
    assert.equal(run.outcome, 'timed-out');
    assert.deepEqual(await membersOf(run.id, null), []);
  });

  it('ends with the child though a grandchild keeps its output open', async () => {
    const run = await harness.launch('sleep 300 & exit 0');
    const ended = await endOf(run);
    assert.equal(ended.outcome, 'changed');
    for (const pid of await membersOf(run.id, null)) killIfThere(pid);
  });

  it('is adopted by the next agent with its true end', async () => {
    const fifo = join(harness.folder, 'go');
    const run = await harness.launch(`mkfifo "${fifo}"; touch ready; read line < "${fifo}"; echo got "$line"; exit 7`);
    await untilThere(harness.folder, 'ready');
    harness.runner.stop();
    const next = harness.another();
    await next.start();
    assert.deepEqual(
      next.openRuns().map(({ id, adopted, state }) => ({ id, adopted, state })),
      [{ id: run.id, adopted: true, state: 'running' }],
    );
    writeFileSync(fifo, 'hello\n');
    const ended = await endOf(run, next);
    assert.deepEqual([ended.outcome, ended.exitCode], ['failed', 7]);
    assert.equal(readFileSync(directoryOf(run).output, 'utf8'), 'got hello\n');
    next.stop();
  });

  it('is ended from exit.json when it ended while no agent was there', async () => {
    const run = await harness.launch('exit 0');
    harness.runner.stop();
    const directory = directoryOf(run);
    await untilThere(directory.path, 'exit.json', () => directory.readExit() !== null);
    const next = harness.another();
    await next.start();
    const ended = getRun(harness.database, run.id);
    assert.deepEqual([ended?.state, ended?.outcome, ended?.adopted], ['ended', 'changed', true]);
    next.stop();
  });

  it('is lost when its process is gone without an exit status', async () => {
    const run = await harness.launch('touch ready; sleep 300');
    await untilThere(harness.folder, 'ready');
    harness.runner.stop();
    for (let left = await membersOf(run.id, null); left.length > 0; left = await membersOf(run.id, null)) {
      for (const pid of left) killIfThere(pid);
    }
    const next = harness.another();
    await next.start();
    const ended = getRun(harness.database, run.id);
    assert.deepEqual([ended?.state, ended?.outcome], ['ended', 'lost']);
    next.stop();
  });

  it('ends a run whose directory has vanished', async () => {
    const run = await harness.launch('exit 0');
    await endOf(run);
    harness.database.change("UPDATE runs SET state = 'running', outcome = NULL WHERE id = ?", runKey(run.id));
    rmSync(directoryOf(run).path, { recursive: true });
    const next = harness.another();
    await next.start();
    assert.equal(getRun(harness.database, run.id)?.outcome, 'lost');
    next.stop();
  });

  it('tells every change as a numbered event', async () => {
    const run = await endOf(await harness.launch('exit 0'));
    const events = harness.events.read(0, 100);
    assert.deepEqual(
      events.map((event) => [event.seq, event.type === 'run.changed' ? event.data.run.state : event.type]),
      [
        [1, 'running'],
        [2, 'ended'],
      ],
    );
    assert.equal(run.state, 'ended');
  });
});

async function untilThere(
  folder: string,
  name: string,
  whole = (): boolean => existsSync(join(folder, name)),
): Promise<void> {
  const controller = new AbortController();
  const watcher = watch(folder, { signal: controller.signal });
  try {
    while (!whole()) await once(watcher, 'change');
  } finally {
    watcher.close();
  }
}
