/** BENCHMARKS section 2: from the trigger to the start of a job, to its durable record, and how many a second. */
import { spawn, spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, constants, mkdirSync, openSync, read, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AgentClient } from '../../agent/cli/client.ts';
import { BenchWorld, Ends } from './agent.ts';
import { median, percentile, type Figure } from './figure.ts';

const latencies = 200;
const burst = 200;
const atOnce = 8;
const rounds = 5;

export async function launch(): Promise<readonly Figure[]> {
  const world = new BenchWorld();
  const gate = new Gate(join(world.folder, 'gate'));
  world.write({ latency: `echo s > ${gate.file}`, trivial: 'echo done' }, ['overlap: allow']);
  try {
    await world.start();
    const client = await world.connect();
    const ends = await Ends.of(client);
    await many(client, ends, 50);
    const toStart = await latency(world, client, ends, gate);
    const rates: { readonly ours: number[]; readonly floor: number[] } = { ours: [], floor: [] };
    for (let round = 0; round < rounds; round += 1) {
      rates.ours.push(await many(client, ends, burst));
      rates.floor.push(await bareRate(world));
    }
    await client.close();
    return [
      {
        name: 'trigger to start, p50',
        unit: 'ms',
        ours: median(toStart.started),
        floor: median(toStart.bare),
        goal: { atMost: 4 },
      },
      {
        name: 'trigger to start, p99',
        unit: 'ms',
        ours: percentile(toStart.started, 0.99),
        floor: percentile(toStart.bare, 0.99),
        goal: { atMost: 25 },
      },
      {
        name: 'trigger to end durably recorded, p50',
        unit: 'ms',
        ours: median(toStart.recorded),
        floor: median(toStart.bareEnd),
        goal: { atMost: 8 },
      },
      {
        name: 'trivial jobs, 8 at once',
        unit: 'jobs/s',
        ours: median(rates.ours),
        floor: median(rates.floor),
        goal: { atLeast: 250 },
      },
      // What it costs depends on the file system and what was deleted from it lately; no floor does it.
      {
        name: 'of a job: folder and five files made',
        unit: 'ms',
        ours: median(toStart.files),
        floor: null,
        goal: null,
      },
    ];
  } finally {
    gate.close();
    await world.dispose();
  }
}

/** A pipe into which each job writes one byte as the first thing that it does. */
class Gate {
  readonly file: string;
  readonly #descriptor: number;

  constructor(file: string) {
    this.file = file;
    spawnSync('mkfifo', [file]);
    // Both ends, so that neither opening nor closing waits for a job.
    this.#descriptor = openSync(file, constants.O_RDWR);
  }

  async passed(): Promise<void> {
    await promisify(read)(this.#descriptor, Buffer.alloc(2), 0, 2, null);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

async function latency(world: BenchWorld, client: AgentClient, ends: Ends, gate: Gate) {
  const started: number[] = [];
  const recorded: number[] = [];
  const bare: number[] = [];
  const bareEnd: number[] = [];
  const files: number[] = [];
  const script = join(world.folder, 'latency.sh');
  for (let count = 0; count < latencies; count += 1) {
    const begun = performance.now();
    const asked = client.request('tasks.run', { task: 'latency', requestId: randomUUID() });
    await gate.passed();
    started.push(performance.now() - begun);
    await ends.of((await asked).run.id);
    recorded.push(performance.now() - begun);
    const spawned = performance.now();
    const child = spawn(script, [], { stdio: 'ignore' });
    const exited = once(child, 'exit');
    await gate.passed();
    bare.push(performance.now() - spawned);
    await exited;
    bareEnd.push(performance.now() - spawned);
    files.push(filesOfOne(join(world.folder, `files-${count}`)));
  }
  return { started, recorded, bare, bareEnd, files };
}

/** Milliseconds for as many files as a run has. */
function filesOfOne(folder: string): number {
  const begun = performance.now();
  mkdirSync(folder);
  for (let file = 0; file < 5; file += 1) writeFileSync(join(folder, String(file)), '');
  return performance.now() - begun;
}

/** Jobs a second, each ended well, recorded and with its output. */
async function many(client: AgentClient, ends: Ends, count: number): Promise<number> {
  const begun = performance.now();
  const ids: string[] = [];
  await workers(count, async () => {
    const { run } = await client.request('tasks.run', { task: 'trivial', requestId: randomUUID() });
    ids.push(run.id);
    const { outcome } = await ends.of(run.id);
    if (outcome !== 'changed') throw new Error(`the run ${run.id} ended as ${String(outcome)}`);
  });
  const seconds = (performance.now() - begun) / 1000;
  for (const runId of ids) {
    const { text } = await client.request('runs.output', { runId, offset: 0 });
    if (text !== 'done\n') throw new Error(`the run ${runId} has lost its output`);
  }
  return count / seconds;
}

/** The same script by a bare spawn, its output into a file. */
async function bareRate(world: BenchWorld): Promise<number> {
  const output = openSync(join(world.folder, 'floor.log'), 'w');
  const begun = performance.now();
  await workers(burst, async () => {
    await once(spawn(join(world.folder, 'trivial.sh'), [], { stdio: ['ignore', output, output] }), 'exit');
  });
  closeSync(output);
  return burst / ((performance.now() - begun) / 1000);
}

async function workers(count: number, work: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
