import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Run } from '../../agent/protocol/nouns.ts';
import type { RunSettings } from '../../agent/run/settings.ts';
import type { RunDirectory } from '../../agent/run/directory.ts';
import { systemClock } from '../../agent/schedule/clock.ts';
import { Seal } from '../../agent/secrets/seal.ts';
import { request, runnerHarness, type RunnerHarness } from './harness.ts';

const isRoot = process.geteuid?.() === 0;

describe('surroundings of a run', () => {
  let harness: RunnerHarness;
  beforeEach(() => {
    harness = runnerHarness(systemClock, {
      environment: () => ({ PATH: process.env['PATH'], HOME: '/root-of-agent', PGPASSWORD: 'planted' }),
      taskEnvironment: (task): Record<string, string> => (task === 'job' ? { OF_TASK: 'yes' } : {}),
    });
  });
  afterEach(() => {
    harness.dispose();
  });

  async function run(
    command: readonly string[],
    settings: Partial<RunSettings> = {},
  ): Promise<Run & { output: string }> {
    let file = '';
    const started = await harness.runner.launch(
      request((directory) => ((file = directory.output), command), { settings }),
    );
    const ended = (await harness.runner.whenEnded(started.id)) ?? harness.ended.at(-1)?.run ?? assert.fail();
    let output = '';
    try {
      output = readFileSync(file, 'utf8');
    } catch {
      // It was never started.
    }
    return { ...ended, output };
  }

  it('hold the environment of the task, and its folder', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'upkeep-cwd-'));
    const { output } = await run(['sh', '-c', 'echo "$OF_TASK $PWD"'], { cwd: folder });
    assert.equal(output, `yes ${folder}\n`);
    rmSync(folder, { recursive: true });
    const gone = await run(['true'], { cwd: folder });
    assert.deepEqual(
      [gone.outcome, gone.outcomeReason?.includes(`its folder ${folder} is not there`)],
      ['failed', true],
    );
  });

  it('hold the niceness and the rank of disk access', async () => {
    const { output } = await run(['nice'], { nice: 7 });
    assert.equal(output, `${Math.min(getPriority() + 7, 19)}\n`);
    if (process.platform !== 'linux') return;
    const ranked = await run(['sh', '-c', 'ionice -p $$'], { ionice: { class: 'idle', level: null } });
    assert.equal(ranked.output, 'idle\n');
    const levelled = await run(['sh', '-c', 'ionice -p $$'], { ionice: { class: 'best-effort', level: 6 } });
    assert.equal(levelled.output, 'best-effort: prio 6\n');
  });

  it('V32: refuse a script that others may change, and say how to mend it', async () => {
    const script = join(harness.folder, 'job.sh');
    writeFileSync(script, '#!/bin/sh\necho ran\n', { mode: 0o755 });
    const started = await harness.runner.launch(request([script], { script }));
    assert.equal((await harness.runner.whenEnded(started.id))?.outcome, 'changed');
    chmodSync(script, 0o757);
    const refused = await harness.runner.launch(request([script], { script }));
    assert.deepEqual([refused.outcome, refused.startedAt === null], ['failed', false]);
    assert.match(refused.outcomeReason ?? '', /could not be started: anybody may write the script .*chmod go-w/);
  });

  it('V32: refuse a script that was changed after it was approved', async () => {
    const script = join(harness.folder, 'job.sh');
    writeFileSync(script, '#!/bin/sh\necho ran\n', { mode: 0o755 });
    const approval = { required: 1, roles: ['admin' as const], expiresMs: 60_000 };
    const waiting = await harness.runner.launch(request([script], { script, settings: { approval } }));
    writeFileSync(script, '#!/bin/sh\necho other\n');
    harness.runner.approve(waiting.id, { actor: 'bob', role: 'admin' });
    const ended = (await harness.runner.whenEnded(waiting.id)) ?? assert.fail();
    assert.equal(ended.outcome, 'failed');
    assert.match(ended.outcomeReason ?? '', /was changed after the run was asked for/);
  });

  it('say that there is no such OS user', async () => {
    const ended = await run(['true'], { user: 'nobody-of-this-name' });
    assert.equal(ended.outcome, 'failed');
    assert.match(ended.outcomeReason ?? '', /there is no OS user "nobody-of-this-name"/);
  });

  if (isRoot && process.platform === 'linux') {
    it('V32: make it another user with all its groups, nothing of root, and none of the secrets of the agent', async () => {
      chmodSync(harness.folder, 0o755);
      const script =
        'id -u; id -g; id -G; echo "$HOME $USER ${PGPASSWORD-none} $OF_TASK"; ' +
        'grep -E "Cap(Inh|Prm|Eff|Amb)" /proc/self/status; ' +
        `printf '%s\\n' '{"type":"finding","level":"ok","code":"a.b","subject":"s","message":"m"}' >> "$UPKEEP_RESULTS"`;
      const ended = await run(['sh', '-c', script], { user: 'nobody' });
      const [uid, gid, groups, names, ...capabilities] = ended.output.trim().split('\n');
      assert.deepEqual([uid, gid, groups], ['65534', '65534', '65534'], ended.output);
      assert.equal(names, '/nonexistent nobody none yes');
      assert.ok(
        capabilities.every((line) => /\s0+$/.test(line)),
        ended.output,
      );
      assert.equal(ended.findings.ok, 1);
    });

    it('V32: is refused to an agent that is not root', async () => {
      const { geteuid } = process;
      process.geteuid = () => 65_534;
      try {
        const ended = await run(['true'], { user: 'root' });
        assert.match(ended.outcomeReason ?? '', /only an agent that runs as root can change the user/);
        const nice = await run(['true'], { nice: -5 });
        assert.match(nice.outcomeReason ?? '', /only root may set a `nice` below 0/);
        const realtime = await run(['true'], { ionice: { class: 'realtime', level: 0 } });
        assert.match(realtime.outcomeReason ?? '', /only root may set the `ionice` class realtime/);
        assert.equal((await run(['true'], { nice: 5, ionice: { class: 'idle', level: null } })).outcome, 'changed');
      } finally {
        if (geteuid !== undefined) process.geteuid = geteuid;
      }
    });
  }

  it('V05: hold options in the environment: not on the command line, and in no file of the run', async () => {
    const seal = new Seal(() => new Map([['TOKEN', 'planted-token']]));
    const sealed = runnerHarness(systemClock, { seal });
    try {
      let directory: RunDirectory | undefined;
      const words = ['sh', '-c', 'tr "\\0" " " < /proc/$$/cmdline; echo; echo "$UPKEEP_OPTIONS"'];
      const options = { url: 'https://a/?t=planted-token' };
      const started = await sealed.runner.launch(request((given) => ((directory = given), words), { options }));
      await sealed.runner.whenEnded(started.id);
      assert.ok(directory !== undefined);
      const [commandLine, ...environment] = readFileSync(directory.output, 'utf8').split('\n');
      assert.match(commandLine ?? '', /cmdline/);
      assert.doesNotMatch(commandLine ?? '', /planted/);
      assert.deepEqual(environment, [JSON.stringify(options), '']);
      assert.doesNotMatch(readFileSync(join(directory.path, 'run.json'), 'utf8'), /planted/);
    } finally {
      sealed.dispose();
    }
  });
});
