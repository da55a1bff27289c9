import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { AgentRequestError } from '../../agent/cli/client.ts';
import { runCommand } from '../../agent/cli/program.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import { AgentWorld, endOf } from './agentProcess.ts';

describe('schedules of a running agent', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
    world.script('note.sh', 'echo noted');
  });
  afterEach(async () => {
    await world.dispose();
  });
  const write = (tasks: readonly string[], more: readonly string[] = []): void => {
    const entries = tasks.map((task) => `    - { script: note.sh, ${task} }`);
    world.write(
      ['maintenance:', '  checks: []', '  automated_tasks:', ...entries, ...more.map((line) => `  ${line}`), ''].join(
        '\n',
      ),
    );
  };
  /** A command of the command line, in this process. */
  const upkeep = async (
    ...args: string[]
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> => {
    const said = { stdout: '', stderr: '' };
    const io = {
      stdout: { write: (text: string) => (said.stdout += text) },
      stderr: { write: (text: string) => (said.stderr += text) },
      env: {},
      secrets: new Secrets(),
      exitCode: 0,
    };
    const code = await runCommand(args, io);
    return { code, ...said };
  };
  const toAgent = (...args: string[]): ReturnType<typeof upkeep> => upkeep(...args, '--socket', world.socket);

  it('`every` keeps its step when the agent is killed and starts again', async () => {
    write(['name: steps, every: 12h']);
    const first = await world.start();
    const before = (await first.client.request('snapshot', {})).tasks[0];
    await first.stop('SIGKILL');
    const second = await world.start();
    const [after] = (await second.client.request('snapshot', {})).tasks;
    assert.equal(after?.nextRun, before?.nextRun);
    assert.equal(after?.schedule, 'every 12h');
  });

  it('`every` in seconds runs again and again', async () => {
    write(['name: steps, every: 1s']);
    const { client } = await world.start();
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const instants = new Set<string>();
    client.onEvent((event) => {
      if (event.type !== 'run.changed' || event.data.run.outcome !== 'changed') return;
      instants.add(event.data.run.scheduledFor ?? '');
      if (instants.size === 2) resolve(undefined);
    });
    await client.subscribe((await client.request('snapshot', {})).epoch, 0);
    await promise;
    const [one = 0, two = 0] = [...instants].map((instant) => Date.parse(instant));
    assert.equal((two - one) % 1000, 0);
  });

  it('snooze and pause are set from the command line, shown, and outlive a kill', async () => {
    write(['name: nightly, schedule: "0 3 * * *"', 'name: by-hand']);
    const first = await world.start();
    const snoozed = await toAgent('snooze', 'nightly', '--for', '3d', '--reason', 'upgrade', '--json');
    assert.equal(snoozed.code, 0, snoozed.stderr);
    const { snoozedUntil } = z.object({ snoozedUntil: z.string() }).parse(JSON.parse(snoozed.stdout));
    const listed = await toAgent('tasks');
    assert.match(listed.stdout, new RegExp(`nightly.*\\(snoozed until ${snoozedUntil}\\)`));
    const paused = await toAgent('pause', '--reason', 'move');
    assert.match(paused.stdout, /^all schedules are paused/);
    await first.stop('SIGKILL');
    const { client } = await world.start();
    const state = await client.request('snapshot', {});
    assert.equal(state.tasks.find(({ name }) => name === 'nightly')?.snoozedUntil, snoozedUntil);
    assert.ok((state.tasks[0]?.nextRun ?? '') >= snoozedUntil);
    assert.equal(state.paused?.reason, 'move');
    assert.match((await toAgent('tasks')).stdout, /nightly +0 3 \* \* \* +paused/);
    assert.match((await toAgent('status')).stdout, /schedules +paused by .*\(move\)/);
    assert.equal((await toAgent('resume')).code, 0);
    assert.equal((await toAgent('snooze', 'nightly', '--off')).stdout.startsWith('nightly: no longer snoozed'), true);
    const over = await client.request('snapshot', {});
    assert.deepEqual([over.paused, over.tasks[0]?.snoozedUntil], [null, null]);
    assert.equal((await upkeep('audit', 'verify', '--state', world.state)).code, 0);
  });

  it('wrong use of snooze, pause and resume is refused with what to do', async () => {
    write(['name: nightly, schedule: "0 3 * * *"', 'name: by-hand']);
    await world.start();
    for (const [args, code, says] of [
      [['snooze', 'nightly'], 2, /one of --until TIME, --for DURATION and --off/],
      [['snooze', 'nightly', '--for', 'long'], 2, /--for long: give a duration/],
      [['snooze', 'nightly', '--until', 'tomorrow'], 2, /--until tomorrow: give a date and time/],
      [['snooze', 'nightly', '--until', '2020-01-01'], 1, /must be a time in the next 366 days/],
      [['snooze', 'nobody', '--for', '1h'], 2, /there is no task "nobody"/],
      [['snooze', 'by-hand', '--for', '1h'], 1, /"by-hand" has no schedule/],
      [['resume'], 1, /not paused/],
    ] as const) {
      const { code: got, stderr } = await toAgent(...args);
      assert.equal(got, code, args.join(' '));
      assert.match(stderr, says);
    }
  });

  it('in a blackout scheduled runs are skipped and recorded, and a manual one needs a reason', async () => {
    const blackouts = ['blackouts:', '  - { name: freeze, from: 2020-01-01, to: 2120-01-01, tasks: [held] }'];
    write(['name: held, every: 1s', 'name: free'], blackouts);
    const { client } = await world.start();
    const requestId = randomUUID();
    await assert.rejects(client.request('tasks.run', { task: 'held', requestId }), (error: unknown) => {
      assert.ok(error instanceof AgentRequestError);
      assert.equal(error.errorName, 'reasonNeeded');
      assert.equal(
        error.message,
        '"held" is in the blackout "freeze" until 2120-01-01T00:00:00Z: give a reason to run it all the same.',
      );
      return true;
    });
    const { run } = await client.request('tasks.run', { task: 'held', requestId, reason: 'the disk is full' });
    assert.equal((await endOf(client, run.id)).reason, 'the disk is full');
    const free = await client.request('tasks.run', { task: 'free', requestId: randomUUID() });
    assert.equal((await endOf(client, free.run.id)).outcome, 'changed');
    const { promise, resolve } = Promise.withResolvers<string | null>();
    client.onEvent((event) => {
      if (event.type === 'run.changed' && event.data.run.outcome === 'skipped') resolve(event.data.run.outcomeReason);
    });
    await client.subscribe((await client.request('snapshot', {})).epoch, 0);
    assert.equal(await promise, 'in the blackout "freeze" until 2120-01-01T00:00:00Z');
    const { tasks, alerts } = await client.request('snapshot', {});
    const held = tasks.find(({ name }) => name === 'held');
    assert.equal(held?.nextRun, '2120-01-01T00:00:00.000Z');
    assert.deepEqual(held.blackout, { names: ['freeze'], until: '2120-01-01T00:00:00.000Z' });
    assert.equal(tasks.find(({ name }) => name === 'free')?.blackout, null);
    assert.deepEqual(
      alerts.filter(({ key }) => key.startsWith('task:')),
      [],
    );
  });
});
