/** BENCHMARKS section 1: start and idle footprint of an agent with twenty tasks, metrics and checks. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BenchWorld, cpuOf, endProgram, Ends, memoryOf, startProgram, type Started } from './agent.ts';
import { median, type Figure } from './figure.ts';

const rounds = 7;
const settleMs = 8_000;
const quietSeconds = 30;
const jobs = 1000;

const tasks = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`task-${index}`, 'echo done']));

export async function idle(): Promise<readonly Figure[]> {
  const world = new BenchWorld();
  world.write(tasks, ['schedule: "0 2 * * *"', 'overlap: allow']);
  const floor = [join(import.meta.dirname, 'floor', 'server.mjs'), join(world.folder, 'floor.db')];
  try {
    const ready: { readonly ours: number[]; readonly floor: number[] } = { ours: [], floor: [] };
    for (let round = 0; round < rounds; round += 1) {
      ready.ours.push((await world.start()).readyMs);
      await world.stop();
      const bare = await startProgram(floor);
      ready.floor.push(bare.readyMs);
      await endProgram(bare);
    }
    const [agent, bare] = [await world.start(), await startProgram(floor)];
    const [ours, least] = await quiet(agent, bare);
    await endProgram(bare);
    const grown = await afterJobs(world, agent);
    return [
      figure('start to ready', 'ms', median(ready.ours), median(ready.floor), 200),
      figure('resident memory', 'MB', ours.rss, least.rss, 75),
      figure('of it anonymous', 'MB', ours.anonymous, least.anonymous, 25),
      figure('CPU time a minute', 's', ours.cpu, least.cpu, 0.05),
      figure(`growth by ${jobs} jobs`, 'MB', grown - ours.rss, null, 15),
    ];
  } finally {
    await world.dispose();
  }
}

interface Quiet {
  readonly rss: number;
  readonly anonymous: number;
  readonly cpu: number;
}

/** Both side by side, so that both see the same machine. */
async function quiet(agent: Started, bare: Started): Promise<readonly [Quiet, Quiet]> {
  await delay(settleMs);
  const before = [agent, bare].map(({ pid }) => cpuOf(pid));
  await delay(quietSeconds * 1000);
  const [ours, least] = [agent, bare].map(({ pid }, index) => ({
    ...memoryOf(pid),
    cpu: ((cpuOf(pid) - (before[index] ?? 0)) * 60) / quietSeconds,
  }));
  if (ours === undefined || least === undefined) throw new Error('nothing was measured');
  return [ours, least];
}

async function afterJobs(world: BenchWorld, { pid }: Started): Promise<number> {
  const client = await world.connect();
  const ends = await Ends.of(client);
  for (let done = 0; done < jobs; done += 8) {
    const some = Array.from({ length: 8 }, async (_, index) => {
      const task = `task-${(done + index) % 20}`;
      const { run } = await client.request('tasks.run', { task, requestId: randomUUID() });
      await ends.of(run.id);
    });
    await Promise.all(some);
  }
  await client.close();
  await delay(settleMs);
  return memoryOf(pid).rss;
}

function figure(name: string, unit: string, ours: number, floor: number | null, atMost: number): Figure {
  return { name, unit, ours, floor, goal: { atMost } };
}
