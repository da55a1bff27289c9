/** RELIABILITY.md F06 to F09 and F37 with a real agent under libfaketime; test/schedule/clock.test.ts has the whole table. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '../../agent/cli/client.ts';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { AgentWorld, endOf, nextEvent, type AgentProcess } from './agentProcess.ts';
import { FakeTime } from './fakeTime.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

describe('the agent under a moving clock', function () {
  this.timeout(60_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
    world.script('note.sh', 'echo noted');
  });
  afterEach(async () => {
    await world.dispose();
  });

  /** An agent that thinks it is then. The task `poke` is only there to make it look at its clock at once. */
  const startAt = async (
    instant: string,
    tasks: readonly string[],
    args: readonly string[] = ['--listen', 'none'],
  ): Promise<{ readonly agent: AgentProcess; readonly time: FakeTime; readonly poke: () => Promise<void> }> => {
    const lines = [...tasks, 'name: poke, script: note.sh, schedule: "0 0 1 1 *"'];
    const yaml = [
      'maintenance:',
      '  checks: []',
      '  automated_tasks:',
      ...lines.map((line) => `    - { ${line} }`),
      '',
    ];
    world.write(yaml.join('\n'));
    const time = new FakeTime(world.folder, instant);
    const agent = await world.start(args, time.environment);
    const poke = async (): Promise<void> => {
      const until = new Date(time.now() + hour).toISOString();
      await agent.client.request('tasks.snooze', { task: 'poke', until });
    };
    return { agent, time, poke };
  };
  /** Oldest instant first, all of them ended: outcome, trigger and instant. */
  const runsOf = async (agent: AgentProcess, task: string): Promise<string[]> => {
    const { runs } = await agent.client.request('runs.list', { task, limit: 500 });
    for (const run of runs) if (run.state !== 'ended') await endOf(agent.client, run.id);
    const { runs: ended } = await agent.client.request('runs.list', { task, limit: 500 });
    return ended.sort((one, other) => (one.scheduledFor ?? '').localeCompare(other.scheduledFor ?? '')).map(textOf);
  };
  const textOf = ({ outcome, trigger, scheduledFor }: Run): string =>
    `${outcome ?? '-'} ${trigger} ${scheduledFor?.replace('.000Z', 'Z') ?? '-'}`;

  it('F06: +1 h, -1 h, +1 day, -1 day: one catch-up at most for each step forward, no second run of any instant', async () => {
    const { agent, time, poke } = await startAt('2024-03-10T12:30:00Z', [
      'name: hourly, script: note.sh, schedule: "0 * * * *"',
    ]);
    time.step(hour);
    await poke();
    assert.deepEqual(await runsOf(agent, 'hourly'), ['changed catch-up 2024-03-10T13:00:00Z']);
    time.step(-hour);
    await poke();
    time.step(hour);
    await poke();
    assert.equal((await runsOf(agent, 'hourly')).length, 1);
    time.step(day);
    await poke();
    const dayLater = [
      'changed catch-up 2024-03-10T13:00:00Z',
      'missed schedule 2024-03-11T12:00:00Z',
      'changed catch-up 2024-03-11T13:00:00Z',
    ];
    assert.deepEqual(await runsOf(agent, 'hourly'), dayLater);
    time.step(-day);
    await poke();
    assert.deepEqual(await runsOf(agent, 'hourly'), dayLater);
    time.step(day);
    await poke();
    const { runs } = await agent.client.request('runs.list', { task: 'hourly', limit: 500 });
    assert.equal(new Set(runs.map(({ scheduledFor }) => scheduledFor)).size, runs.length);
    assert.ok(runs.filter(({ outcome }) => outcome !== 'missed').length <= 3);
  });

  it('F06: with `missed: all` each missed run is made up for, one after the other', async () => {
    world.script(
      'order.sh',
      `test ! -e "${world.folder}/busy" || exit 3; : > "${world.folder}/busy"; rm "${world.folder}/busy"`,
    );
    const { agent, time, poke } = await startAt('2024-03-10T12:30:00Z', [
      'name: each, script: order.sh, missed: all, schedule: "0 * * * *"',
    ]);
    time.step(3 * hour);
    await poke();
    assert.deepEqual(await runsOf(agent, 'each'), [
      'changed catch-up 2024-03-10T13:00:00Z',
      'changed catch-up 2024-03-10T14:00:00Z',
      'changed catch-up 2024-03-10T15:00:00Z',
    ]);
  });

  it('F06: to 1970 and to 2040: the schedule goes on from there, without a storm', async () => {
    const { agent, time, poke } = await startAt('2024-03-10T12:30:00Z', [
      'name: often, script: note.sh, schedule: "* * * * *"',
    ]);
    time.set('1970-01-02T00:00:02Z');
    await poke();
    const { tasks } = await agent.client.request('snapshot', {});
    assert.equal(tasks.find(({ name }) => name === 'often')?.nextRun, '1970-01-02T00:01:00.000Z');
    time.step(minute);
    await poke();
    assert.deepEqual(await runsOf(agent, 'often'), ['changed schedule 1970-01-02T00:01:00Z']);
    time.set('2040-06-01T00:00:02Z');
    await poke();
    assert.deepEqual((await runsOf(agent, 'often')).slice(1), [
      'missed schedule 2040-05-31T23:59:00Z',
      'changed schedule 2040-06-01T00:00:00Z',
    ]);
  });

  it('F06: what was missed is an alert, whatever the task says of failures, until the task has run well', async () => {
    const tasks = ['name: skipping, script: note.sh, missed: skip, schedule: "0 * * * *"'];
    const { agent, time, poke } = await startAt('2024-03-10T12:30:00Z', tasks);
    time.step(2 * hour);
    await poke();
    const { alerts } = await agent.client.request('snapshot', {});
    const [alert] = alerts.filter(({ key }) => key.startsWith('task:'));
    assert.deepEqual([alert?.key, alert?.title, alert?.level], ['task:skipping:missed', 'skipping missed', 'warning']);
    assert.match(alert?.message ?? '', /^2 runs that were due from .* were missed; not made up for \(missed: skip\)$/);
    const { run } = await agent.client.request('tasks.run', { task: 'skipping', requestId: randomUUID() });
    await endOf(agent.client, run.id);
    const after = await agent.client.request('snapshot', {});
    assert.deepEqual(
      after.alerts.filter(({ key }) => key.startsWith('task:')),
      [],
    );
  });

  for (const [zone, skipped, gap, repeated, first, second] of [
    [
      'Europe/Berlin',
      '30 2 * * *',
      '2024-03-31T01:00:00Z',
      '30 2 * * *',
      '2024-10-27T00:30:00Z',
      '2024-10-27T01:30:00Z',
    ],
    [
      'Australia/Lord_Howe',
      '15 2 * * *',
      '2024-10-05T15:30:00Z',
      '45 1 * * *',
      '2024-04-06T14:45:00Z',
      '2024-04-06T15:15:00Z',
    ],
  ] as const) {
    const before = (instant: string, ms: number): string => new Date(Date.parse(instant) - ms).toISOString();

    it(`F07: in ${zone} a time that the clock skips runs once, at the jump; a window keeps its length`, async () => {
      const { agent, time, poke } = await startAt(before(gap, hour), [
        `name: night, script: note.sh, timezone: ${zone}, schedule: "${skipped}"`,
      ]);
      const { window } = await agent.client.request('windows.open', {
        requestId: randomUUID(),
        reason: 'test',
        minutes: 120,
      });
      assert.equal(Date.parse(window.endsAt) - Date.parse(window.startsAt), 2 * hour);
      time.set(before(gap, 1000));
      await poke();
      await firstRun(agent);
      assert.deepEqual(await runsOf(agent, 'night'), [`changed schedule ${gap}`]);
    });

    it(`F07: in ${zone} a time that the clock shows twice runs at the first pass alone`, async () => {
      const { agent, time, poke } = await startAt(before(first, hour), [
        `name: night, script: note.sh, timezone: ${zone}, schedule: "${repeated}"`,
      ]);
      time.set(before(first, 1000));
      await poke();
      await firstRun(agent);
      time.set(before(second, -1000));
      await poke();
      assert.deepEqual(await runsOf(agent, 'night'), [`changed schedule ${first}`]);
    });
  }

  it('F08: stopped for ten minutes, the agent catches up once; its client goes on', async () => {
    const { agent, time, poke } = await startAt('2024-03-10T12:30:02Z', [
      'name: often, script: note.sh, schedule: "* * * * *"',
    ]);
    agent.child.kill('SIGSTOP');
    time.step(10 * minute);
    agent.child.kill('SIGCONT');
    await poke();
    assert.deepEqual(await runsOf(agent, 'often'), [
      'missed schedule 2024-03-10T12:39:00Z',
      'changed schedule 2024-03-10T12:40:00Z',
    ]);
  });

  it('F08: a run that is stopped for a while, with the clock hours ahead afterwards, ends as itself', async () => {
    world.script('stops.sh', 'echo $$; kill -STOP $$; echo woken');
    const { agent, time, poke } = await startAt('2024-03-10T12:30:00Z', ['name: stops, script: stops.sh']);
    const { run } = await agent.client.request('tasks.run', { task: 'stops', requestId: randomUUID() });
    const { text } = await agent.client.request('runs.output', { runId: run.id, offset: 0, wait: true });
    await untilStopped(Number(text));
    time.step(5 * hour);
    await poke();
    process.kill(Number(text), 'SIGCONT');
    const ended = await endOf(agent.client, run.id);
    assert.equal(ended.outcome, 'changed');
  });

  it('F09: a time-out of 30 days and a yearly schedule do not fire at once', async () => {
    world.script('slow.sh', `mkfifo "${world.folder}/go"; echo waiting; read line < "${world.folder}/go"`);
    const { agent } = await startAt('2024-03-10T12:30:00Z', [
      'name: slow, script: slow.sh, timeout: 30d',
      'name: yearly, script: note.sh, schedule: "0 0 1 2 *"',
    ]);
    const { run } = await agent.client.request('tasks.run', { task: 'slow', requestId: randomUUID() });
    await agent.client.request('runs.output', { runId: run.id, offset: 0, wait: true });
    const { tasks, runs } = await agent.client.request('snapshot', {});
    assert.deepEqual(
      runs.map(({ task, state }) => [task, state]),
      [['slow', 'running']],
    );
    assert.equal(tasks.find(({ name }) => name === 'yearly')?.nextRun, '2025-02-01T00:00:00.000Z');
    writeFileSync(join(world.folder, 'go'), 'go\n');
    assert.equal((await endOf(agent.client, run.id)).outcome, 'changed');
  });

  for (const [title, skew] of [
    ['a day ahead', day],
    ['a day behind', -day],
  ] as const) {
    it(`F37: with the agent's clock ${title}, it says what time it has, tokens hold, and times are its own`, async () => {
      const start = new Date(Date.now() + skew).toISOString();
      const { agent } = await startAt(start, ['name: note, script: note.sh'], ['--listen', '127.0.0.1:0']);
      const made = await world.command(['token', 'create', '--role', 'operator', '--state', world.state]);
      const client = await connect({ url: `ws://${agent.listen ?? ''}`, token: made.stdout.trim() });
      assert.ok(Math.abs(Date.parse(client.hello.now) - Date.now() - skew) < hour);
      const { run } = await client.request('tasks.run', { task: 'note', requestId: randomUUID() });
      const ended = await endOf(client, run.id);
      assert.ok(Math.abs(Date.parse(ended.startedAt ?? '') - Date.now() - skew) < hour);
      assert.ok((ended.durationMs ?? -1) >= 0 && (ended.durationMs ?? hour) < minute);
      await client.close();
    });
  }

  it('F37: events are in the order of their numbers, though the clock went back between them', async () => {
    const { agent, time } = await startAt('2024-03-10T12:30:00Z', ['name: note, script: note.sh']);
    const ids: string[] = [];
    for (const step of [0, -day]) {
      time.step(step);
      const { run } = await agent.client.request('tasks.run', { task: 'note', requestId: randomUUID() });
      ids.push((await endOf(agent.client, run.id)).id);
    }
    const seen: AgentEvent[] = [];
    const client = await connect({ socket: world.socket });
    client.onEvent((event) => seen.push(event));
    await nextEvent(client, (event): event is AgentEvent => isEndOf(event, ids[1]));
    assert.deepEqual(
      seen.map(({ seq }) => seq),
      seen.map((_, index) => (seen[0]?.seq ?? 0) + index),
    );
    const ends = seen.filter((event) => ids.some((id) => isEndOf(event, id)));
    assert.equal(ends.length, 2);
    assert.ok((ends[0]?.at ?? '') > (ends[1]?.at ?? ''));
    await client.close();
  });
});

/** The kernel tells nobody but the parent that a process was stopped: proc(5), state T. */
async function untilStopped(pid: number): Promise<void> {
  while (!/^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await delay(5);
}

function isEndOf(event: AgentEvent, runId: string | undefined): boolean {
  return event.type === 'run.changed' && event.data.run.id === runId && event.data.run.state === 'ended';
}

/** Resolves once a first scheduled run has ended. */
async function firstRun({ client, child }: AgentProcess): Promise<void> {
  const died = once(child, 'exit').then(() => assert.fail('the agent ended'));
  const ended = nextEvent(
    client,
    (event): event is AgentEvent => event.type === 'run.changed' && event.data.run.state === 'ended',
  );
  await Promise.race([ended, died]);
}
