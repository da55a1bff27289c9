/** One run, with the parts around it in the hands of the test. */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import * as z from 'zod';
import type { Progress, Run } from '../../agent/protocol/nouns.ts';
import { launch, RunDirectory } from '../../agent/run/directory.ts';
import { Execution, type ExecutionEnd, type ExecutionParts } from '../../agent/run/execution.ts';
import { membersOf } from '../../agent/run/group.ts';
import { startProcess } from '../../agent/run/process.ts';
import { newRun, startedRun } from '../../agent/run/request.ts';
import type { Surroundings } from '../../agent/run/surroundings.ts';
import { systemClock, type Clock } from '../../agent/schedule/clock.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { killIfThere, request, untilThere } from './harness.ts';

describe('execution', () => {
  let folder: string;
  let directory: RunDirectory;
  let run: Run;
  let log: EventEmitter;
  let progresses: Progress[];
  let ended: PromiseWithResolvers<ExecutionEnd>;
  let ends: number;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'upkeep-execution-'));
    run = startedRun(newRun(request(['x']), Date.now()), Date.now());
    directory = RunDirectory.of(folder, run.id) ?? assert.fail();
    directory.create();
    log = new EventEmitter();
    progresses = [];
    ended = Promise.withResolvers();
    ends = 0;
  });
  afterEach(async () => {
    for (const pid of await membersOf(run.id, null)) killIfThere(pid);
    rmSync(folder, { recursive: true });
  });

  const surroundings = (script: string): Surroundings => ({
    command: ['sh', '-c', script],
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    prefix: [],
    resultsByDescriptor: false,
  });
  const execution = (script: string, more: Partial<ExecutionParts> = {}): Execution =>
    new Execution(run, launch.parse({ run, command: ['x'], deadline: null, alertOn: 'nothing' }), directory, {
      clock: systemClock,
      log: pino({}, { write: (line) => void log.emit(z.object({ msg: z.string() }).parse(JSON.parse(line)).msg) }),
      secrets: new Secrets(),
      stopGraceMs: 500,
      outputLimit: 2 ** 20,
      spaceIsShort: () => false,
      surroundings: () => Promise.resolve(surroundings(script)),
      onChange: () => undefined,
      onProgress: (_, progress) => progresses.push(progress),
      onEnd: (end) => {
        ends += 1;
        ended.resolve(end);
      },
      ...more,
    });

  it('that is stopped before there is a process never has one', async () => {
    const ready = Promise.withResolvers<Surroundings>();
    const one = execution('', { surroundings: () => ready.promise });
    const started = one.start();
    one.stop('cancelled', 'alice');
    ready.resolve(surroundings('touch started'));
    await started;
    const { run: end } = await ended.promise;
    assert.deepEqual([end.outcome, end.outcomeReason], ['cancelled', 'stopped by alice']);
    assert.equal(directory.mayHaveStarted(), false);
  });

  it('F01: whose process came second follows the first one, begun by an agent that was killed in that very moment', async () => {
    const first = surroundings(`echo first; mkfifo ${folder}/go; read line < ${folder}/go; exit 3`);
    const followed = Promise.withResolvers<undefined>();
    const one = execution('', {
      surroundings: async () => {
        await startProcess(directory, run.id, first.command, first);
        await untilThere(join(folder, 'go'));
        return surroundings('echo second');
      },
      onChange: ({ adopted }) => {
        if (adopted) followed.resolve(undefined);
      },
    });
    await one.start();
    await followed.promise;
    assert.equal(ends, 0);
    writeFileSync(join(folder, 'go'), 'go\n');
    const { run: end } = await ended.promise;
    assert.deepEqual([end.outcome, end.exitCode, end.adopted], ['failed', 3, true]);
    assert.equal(readFileSync(directory.output, 'utf8'), 'first\n');
  });

  it('tells progress a few times a second at most, and keeps the last', async () => {
    const start = Date.now();
    const clock: Clock = { ...systemClock, now: () => start };
    const lines = [1, 2, 3].map((done) => JSON.stringify({ type: 'progress', done }));
    const one = execution(`printf '%s\\n' '${lines.join("' '")}' >> "$UPKEEP_RESULTS"`, { clock });
    await one.start();
    const { run: end } = await ended.promise;
    assert.deepEqual(
      progresses.map(({ done }) => done),
      [1],
    );
    assert.deepEqual([end.outcome, end.progress], ['changed', null]);
  });

  it('says how a procedure has ended', async () => {
    run = { ...run, procedure: 'rotate-logs' };
    const result = JSON.stringify({ type: 'result', outcome: 'unchanged', part: { files: 3 } });
    await execution(`echo '${result}' >> "$UPKEEP_RESULTS"`).start();
    const end = await ended.promise;
    assert.deepEqual([end.run.outcome, end.end?.part], ['unchanged', { files: 3 }]);
  });

  it('F38: whose end can not be read now is ended when it can be', async () => {
    const one = execution('mkfifo go; touch ready; read line < go; exit 5');
    await one.start();
    await untilThere(join(folder, 'ready'));
    const readExit = directory.readExit.bind(directory);
    let tries = 0;
    directory.readExit = () => {
      tries += 1;
      if (tries === 1) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
      return readExit();
    };
    const told = once(log, 'the end of a run can not be read; it is tried again');
    writeFileSync(join(folder, 'go'), 'x\n');
    await told;
    assert.equal(ends, 0);
    assert.equal((await ended.promise).run.exitCode, 5);
    assert.deepEqual([tries, ends], [2, 1]);
  });

  for (const code of ['EACCES', 'EIO', 'ESTALE']) {
    it(`F39: whose end can never be read (${code}) is ended as lost, and says where to look`, async () => {
      const fail = (): never => {
        throw Object.assign(new Error(code), { code });
      };
      Object.assign(directory, { readStop: fail, readExit: fail, readPid: fail });
      await execution('').adopt();
      const { outcome, outcomeReason } = (await ended.promise).run;
      assert.equal(outcome, 'lost');
      assert.ok(outcomeReason?.includes(`its folder ${directory.path} can not be read (${code})`));
    });
  }

  it('F01: that is let go while its end is being read is left to the next agent', async () => {
    const one = execution('mkfifo go; touch ready; read line < go; sleep 300 & exit 5');
    await one.start();
    await untilThere(join(folder, 'ready'));
    writeFileSync(join(folder, 'go'), 'x\n');
    await untilThere(directory.exit);
    // What it left in the background is being waited for.
    await new Promise((resolve) => setImmediate(resolve));
    one.release();
    const next = execution('');
    await next.adopt();
    assert.deepEqual([(await ended.promise).run.exitCode, ends], [5, 1]);
  });

  it('goes on with the stop of an agent that died, also when the process has gone meanwhile', async () => {
    directory.writeStop({ cause: 'timed-out', by: 'upkeep' });
    await execution('').adopt();
    const { run: end } = await ended.promise;
    assert.deepEqual([end.outcome, end.outcomeReason], ['timed-out', 'stopped at its time-out']);
  });

  it('of which no start is on record lasts no time', async () => {
    run = { ...run, startedAt: null };
    writeFileSync(directory.exit, '{"code":0}');
    await execution('').adopt();
    assert.equal((await ended.promise).run.durationMs, 0);
  });

  it('goes on though its output can not be kept below its limit, and that is said', async () => {
    const one = execution('mkfifo go; touch ready; read line < go; rm -r "$UPKEEP_RUN_DIRECTORY/output.cut.json"');
    mkdirSync(directory.output.replace(/\.log$/, '.cut.json'));
    const told = once(log, 'the output of a run could not be kept below its limit');
    await one.start();
    await untilThere(join(folder, 'ready'));
    await told;
    writeFileSync(join(folder, 'go'), 'x\n');
    assert.equal((await ended.promise).run.outcome, 'changed');
  });
});
