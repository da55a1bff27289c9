/** What happens to runs when the agent, the job or the host misbehaves. Short by default; UPKEEP_FULL=1 gives the full length. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, readdirSync, watch, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as moment } from 'node:timers/promises';
import type { AgentClient } from '../../agent/cli/client.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { processesWith } from '../leftovers.ts';
import { AgentWorld, endOf } from './agentProcess.ts';
import { full, megabytes, peakOf, tell } from './measure.ts';

describe('runs under faults', function () {
  this.timeout(full ? 1_200_000 : 120_000);
  let world: AgentWorld;
  beforeEach(() => {
    world = new AgentWorld();
  });
  afterEach(async () => {
    await world.dispose();
  });

  /** A file with these tasks: the lines of each below its name. */
  const tasks = (list: Readonly<Record<string, readonly string[]>>, ...more: readonly string[]): void => {
    const lines = Object.entries(list).flatMap(([name, keys]) => [
      `    - name: ${name}`,
      ...keys.map((key) => `      ${key}`),
    ]);
    const settings = ['checks: []', ...more].map((line) => `  ${line}`);
    world.write(['maintenance:', ...settings, '  automated_tasks:', ...lines, ''].join('\n'));
  };
  const run = async (client: AgentClient, task: string): Promise<Run> =>
    (await client.request('tasks.run', { task, requestId: randomUUID() })).run;
  const linesOf = (name: string): string[] =>
    existsSync(join(world.folder, name))
      ? readFileSync(join(world.folder, name), 'utf8')
          .split('\n')
          .filter((line) => line !== '')
      : [];

  it(`F01: keeps one start and one true end of every run when it is killed at ${full ? 200 : 20} random moments`, async () => {
    const jobs = Array.from({ length: 5 }, (_, index) => `job${index}`);
    for (const [index, job] of jobs.entries()) {
      world.script(
        `${job}.sh`,
        `echo "start $UPKEEP_RUN_ID" >> "${world.folder}/log"; sleep 0.${index}${index}; echo "end $UPKEEP_RUN_ID" >> "${world.folder}/log"`,
      );
    }
    const keys = (job: string): string[] => [
      `script: ${job}.sh`,
      'overlap: allow',
      ...(job === 'job0' ? ['locks: [one]'] : []),
    ];
    tasks(Object.fromEntries(jobs.map((job) => [job, keys(job)])));
    const wanted = new Set<string>();
    for (let kill = 0; kill < (full ? 200 : 20); kill += 1) {
      const agent = await world.start();
      const asked = jobs.map((task) => {
        const requestId = randomUUID();
        return agent.client.request('tasks.run', { task, requestId }).then(
          (answer) => wanted.add(answer.run.id),
          () => undefined,
        );
      });
      await moment(Math.random() * (full ? 1500 : 150));
      await agent.stop('SIGKILL');
      await Promise.all(asked);
    }
    const { client } = await world.start();
    const runs = await untilAllEnded(client);
    const started = linesOf('log')
      .filter((line) => line.startsWith('start '))
      .map((line) => line.slice(6));
    const ended = linesOf('log')
      .filter((line) => line.startsWith('end '))
      .map((line) => line.slice(4));
    assert.equal(new Set(started).size, started.length, 'a run was started twice');
    const neverBegan = runs.filter(({ id }) => !started.includes(id));
    assert.deepEqual(neverBegan, [], 'a run has ended without its command');
    assert.deepEqual(runs.map(({ id }) => id).toSorted(), started.toSorted());
    assert.deepEqual(started.toSorted(), ended.toSorted());
    assert.deepEqual([...new Set(runs.map(({ outcome }) => outcome))], ['changed']);
    for (const id of wanted)
      assert.ok(
        runs.some((one) => one.id === id),
        'an acknowledged run is gone',
      );
    tell(`${runs.length} runs over ${full ? 200 : 20} kills: each started once and ended once`);
    const ends = await endEvents(client);
    assert.deepEqual([...ends.keys()].toSorted(), started.toSorted());
    assert.deepEqual([...new Set(ends.values())], [1]);
  });

  it('F01: adopts fifty concurrent runs after it was killed, and loses and doubles none', async () => {
    const gate = join(world.folder, 'gate');
    execFileSync('mkfifo', [gate]);
    world.script(
      'wait.sh',
      `echo "$UPKEEP_RUN_ID" >> "${world.folder}/started"; read line < "${gate}"; echo done; exit 3`,
    );
    tasks({ wait: ['script: wait.sh', 'overlap: allow'] });
    const first = await world.start();
    const runs = await Promise.all(Array.from({ length: 50 }, () => run(first.client, 'wait')));
    const watcher = watch(world.folder);
    while (linesOf('started').length < 50) await once(watcher, 'change');
    watcher.close();
    await first.stop('SIGKILL');
    const { client } = await world.start();
    const snapshot = await client.request('snapshot', {});
    assert.equal(snapshot.runs.filter(({ state, adopted }) => state === 'running' && adopted).length, 50);
    // Both ends of the gate are open, so that no reader comes too late.
    const descriptor = openSync(gate, 'r+');
    writeSync(descriptor, '\n'.repeat(200));
    const ended = await untilAllEnded(client);
    closeSync(descriptor);
    assert.deepEqual(ended.map(({ id }) => id).toSorted(), runs.map(({ id }) => id).toSorted());
    assert.deepEqual(
      [...new Set(ended.map(({ outcome, exitCode }) => `${outcome ?? ''} ${exitCode ?? ''}`))],
      ['failed 3'],
    );
    assert.equal(linesOf('started').length, 50);
    const [one] = ended;
    assert.equal((await client.request('runs.output', { runId: one?.id ?? '', offset: 0 })).text, 'done\n');
  });

  it('F11: leaves nothing of a fork bomb after a cancel', async () => {
    const hydra = join(world.folder, 'hydra.sh');
    // Each lives for a moment and leaves a successor in a session of its own; 500 generations bound it.
    writeFileSync(
      hydra,
      `trap '' TERM HUP\n[ "$1" -gt 500 ] && exit\nsleep 0.03\nsetsid sh "$0" $(($1 + 1)) > /dev/null 2>&1 &\n`,
    );
    world.script('bomb.sh', `for i in 1 2 3 4 5 6 7 8; do sh ${hydra} 1 & done; sleep 0.2; echo ready; sleep 300`);
    tasks({ bomb: ['script: bomb.sh'] });
    const { client } = await world.start();
    const bomb = await run(client, 'bomb');
    await client.request('runs.output', { runId: bomb.id, offset: 0, wait: true });
    const alive = processesWith('UPKEEP_RUN_ID', bomb.id).length;
    const { run: cancelled } = await client.request('runs.cancel', { runId: bomb.id });
    const ended = cancelled.state === 'ended' ? cancelled : await endOf(client, bomb.id);
    assert.equal(ended.outcome, 'cancelled');
    assert.deepEqual(processesWith('UPKEEP_RUN_ID', bomb.id), []);
    tell(`fork bomb: ${alive} processes when it was cancelled, 0 left`);
  });

  it(`F13: leaves no zombie after ${full ? 10_000 : 100} short jobs`, async () => {
    world.script('short.sh', 'exit 0');
    tasks({ short: ['script: short.sh', 'overlap: allow'] });
    const { client, pid } = await world.start();
    for (let batch = 0; batch < (full ? 500 : 5); batch += 1) {
      await Promise.all(Array.from({ length: 20 }, () => run(client, 'short')));
    }
    const ended = await untilAllEnded(client);
    assert.deepEqual([...new Set(ended.map(({ outcome }) => outcome))], ['changed']);
    assert.deepEqual(childrenOf(pid), []);
  });

  const amount = full ? '1000M' : '200M';
  for (const [what, body] of [
    ['many lines', `yes 0123456789 | head -c ${amount}`],
    ['one long line', `head -c ${amount} /dev/zero | tr '\\0' x`],
    ['binary bytes on stderr', `head -c ${amount} /dev/zero | tr '\\0' '\\377' >&2`],
  ] as const) {
    it(`F14: takes ${amount}iB of output (${what}) without memory, and keeps head and tail with a mark`, async () => {
      world.script('flood.sh', `echo HEAD\n${body}\necho TAIL`);
      world.script('quick.sh', 'echo quick');
      tasks({ flood: ['script: flood.sh', 'output_limit: 8MiB'], quick: ['script: quick.sh'] });
      const { client, pid } = await world.start();
      const before = peakOf(pid);
      const flood = await run(client, 'flood');
      const quick = await endOf(client, (await run(client, 'quick')).id);
      assert.equal(quick.outcome, 'changed');
      const ended = await endOf(client, flood.id);
      const output = await readAll(client, flood.id);
      const grown = peakOf(pid) - before;
      tell(`${amount}iB of output, ${what}: the agent grew by ${megabytes(grown)} at most`);
      const bytes = Number.parseInt(amount, 10) * 2 ** 20 + 10;
      assert.deepEqual([ended.outcome, output.size], ['changed', bytes]);
      assert.ok((ended.outputDropped ?? 0) > 0 && output.dropped === ended.outputDropped);
      assert.equal(output.kept, bytes - output.dropped);
      assert.ok(output.first.startsWith('HEAD\n') && output.last.endsWith('TAIL\n'));
      assert.equal(output.marks, 1);
      assert.ok(grown < 100 * 2 ** 20, `the agent has grown by ${grown} bytes`);
    });
  }

  it('F15: is not harmed by a job that closes its output, nor the job by the death of the agent', async () => {
    world.script(
      'closed.sh',
      `exec >&- 2>&-; echo into nothing; mkfifo "${world.folder}/go"; read line < "${world.folder}/go"; exit 0`,
    );
    world.script(
      'writes.sh',
      `mkfifo "${world.folder}/more"; echo before; read line < "${world.folder}/more"; echo after`,
    );
    tasks({ closed: ['script: closed.sh'], writes: ['script: writes.sh'] });
    const first = await world.start();
    const [closed, writes] = [await run(first.client, 'closed'), await run(first.client, 'writes')];
    const watcher = watch(world.folder);
    while (!['go', 'more'].every((name) => existsSync(join(world.folder, name)))) await once(watcher, 'change');
    watcher.close();
    await first.stop('SIGKILL');
    for (const name of ['go', 'more']) writeFileSync(join(world.folder, name), 'go\n');
    const { client } = await world.start();
    const ended = await untilAllEnded(client);
    assert.equal(ended.find(({ id }) => id === writes.id)?.outcome, 'changed');
    assert.match(ended.find(({ id }) => id === closed.id)?.outcome ?? '', /changed|failed/);
    assert.equal((await client.request('runs.output', { runId: writes.id, offset: 0 })).text, 'before\nafter\n');
  });

  it('F38: records a run that can not be started for want of descriptors, and goes on when there are some', async function () {
    if (!existsSync('/usr/bin/prlimit')) return;
    world.script('ok.sh', 'echo fine');
    tasks({ ok: ['script: ok.sh'] });
    const { client, pid } = await world.start();
    const limit = (files: number | string): void => {
      execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
    };
    const before = Number(/open files\s+(\d+)/.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1]);
    // The lowest free descriptor is beyond the limit.
    const taken = new Set(readdirSync(`/proc/${pid}/fd`).map(Number));
    limit(Array.from({ length: taken.size + 1 }, (_, number) => number).find((number) => !taken.has(number)) ?? 0);
    const failed = await run(client, 'ok');
    limit(before);
    assert.equal(failed.outcome, 'failed');
    assert.match(failed.outcomeReason ?? '', /could not be started: the agent has too many files open \(EMFILE\)/);
    const good = await endOf(client, (await run(client, 'ok')).id);
    assert.equal(good.outcome, 'changed');
  });

  it('F38: gives a job that runs out of memory, or is killed for it, its cause', async () => {
    world.script('memory.sh', `ulimit -v 100000; exec perl -e 'my $x = "x" x 500_000_000; print length $x'`);
    world.script('killed.sh', 'kill -KILL $$');
    tasks({ memory: ['script: memory.sh'], killed: ['script: killed.sh'] });
    const { client } = await world.start();
    const memory = await endOf(client, (await run(client, 'memory')).id);
    assert.equal(memory.outcome, 'failed');
    const killed = await endOf(client, (await run(client, 'killed')).id);
    assert.deepEqual([killed.outcome, killed.exitCode], ['failed', 137]);
    assert.match(killed.outcomeReason ?? '', /killed by signal 9, as the kernel does when memory runs out/);
  });
});

/** All runs, once none is open. */
async function untilAllEnded(client: AgentClient): Promise<readonly Run[]> {
  const { epoch } = await client.request('snapshot', {});
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const ended = new Set<string>();
  let open: readonly string[] | null = null;
  const look = (): void => {
    if (open?.every((id) => ended.has(id)) === true) resolve(undefined);
  };
  const off = client.onEvent((event) => {
    if (event.type !== 'run.changed' || event.data.run.state !== 'ended') return;
    ended.add(event.data.run.id);
    look();
  });
  await client.subscribe(epoch, 0);
  const { runs } = await client.request('snapshot', {});
  open = runs.filter(({ state }) => state !== 'ended').map(({ id }) => id);
  look();
  await promise;
  off();
  const all: Run[] = [];
  for (let before: string | undefined; ;) {
    const page = await client.request('runs.list', { limit: 500, ...(before === undefined ? {} : { before }) });
    all.push(...page.runs);
    const last = page.runs.at(-1);
    if (last === undefined || page.runs.length < 500) return all;
    before = last.queuedAt;
  }
}

/** How often each run was told to have ended, over all that ever happened. */
async function endEvents(client: AgentClient): Promise<Map<string, number>> {
  const { epoch, seq } = await client.request('snapshot', {});
  const ends = new Map<string, number>();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  // Events of an earlier subscription may still be on their way: the same number is the same event.
  let last = 0;
  const off = client.onEvent((event) => {
    if (event.seq !== last + 1) return;
    last = event.seq;
    if (event.type === 'run.changed' && event.data.run.state === 'ended') {
      ends.set(event.data.run.id, (ends.get(event.data.run.id) ?? 0) + 1);
    }
    if (event.seq >= seq) resolve(undefined);
  });
  await client.subscribe(epoch, 0);
  await promise;
  off();
  return ends;
}

async function readAll(
  client: AgentClient,
  runId: string,
): Promise<{ size: number; kept: number; dropped: number; marks: number; first: string; last: string }> {
  let [size, kept, dropped, marks, first, last] = [0, 0, 0, 0, '', ''];
  for (let offset = 0; ;) {
    const piece = await client.request('runs.output', { runId, offset });
    if (piece.nextOffset === offset) return { size, kept, dropped, marks, first, last };
    const text = Buffer.from(piece.text, piece.encoding).toString('latin1');
    if (offset === 0) first = text;
    last = text;
    if (piece.dropped === undefined) kept += piece.nextOffset - offset;
    else marks += 1;
    dropped += piece.dropped ?? 0;
    ({ size, nextOffset: offset } = piece);
  }
}

/** Children, zombies among them, as `pid state`. */
function childrenOf(parent: number): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
        const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(ppid) === parent && state === 'Z' ? [`${name} ${state}`] : [];
      } catch {
        return [];
      }
    });
}
