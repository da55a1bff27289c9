/** BENCHMARKS section 3: 100 MB of output, kept without a client and streamed live to one and to ten. */
import { spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { crc32 } from 'node:zlib';
import * as z from 'zod';
import type { AgentClient } from '../../agent/cli/client.ts';
import { BenchWorld, Ends, memoryOf, peakOf, type Started } from './agent.ts';
import { median, type Figure } from './figure.ts';

const lines = 1_000_000;
const megabytes = (lines * 100) / 1e6;
const rounds = 3;
const floorServer = join(import.meta.dirname, 'floor', 'stream.mjs');

interface Received {
  readonly bytes: number;
  readonly checksum: number;
}

export async function output(): Promise<readonly Figure[]> {
  const world = new BenchWorld();
  const file = join(world.folder, 'floor.log');
  const make = `seq -f '%099.0f' 1 ${lines}`;
  world.write({ make, repeat: `cat ${file}` }, ['overlap: allow']);
  try {
    const kept: { readonly ours: number[]; readonly floor: number[] } = { ours: [], floor: [] };
    const agent = await world.start();
    const client = await world.connect();
    const ends = await Ends.of(client);
    for (let round = 0; round < rounds; round += 1) {
      kept.floor.push(await bareJob(make, file));
      kept.ours.push(await keptJob(client, ends, file));
    }
    const expected = { bytes: lines * 100, checksum: crc32(readFileSync(file)) };
    const one = await streamed({ world, client, agent, clients: 1, file, expected });
    const ten = await streamed({ world, client, agent, clients: 10, file, expected });
    await client.close();
    return [
      {
        name: `${megabytes} MB complete and readable, no client`,
        unit: 's',
        ours: median(kept.ours),
        floor: median(kept.floor),
        goal: { atMost: 0.9 },
      },
      { name: 'live to one client', unit: 'MB/s', ours: one.ours, floor: one.floor, goal: { atLeast: 70 } },
      { name: 'live to ten, summed', unit: 'MB/s', ours: ten.ours, floor: ten.floor, goal: { atLeast: 180 } },
      {
        name: 'growth of the agent meanwhile, at its peak',
        unit: 'MB',
        ours: Math.max(one.growth, ten.growth),
        floor: null,
        goal: { atMost: 30 },
      },
    ];
  } finally {
    await world.dispose();
  }
}

async function bareJob(command: string, file: string): Promise<number> {
  const begun = performance.now();
  const descriptor = openSync(file, 'w');
  await once(spawn('/bin/sh', ['-c', command], { stdio: ['ignore', descriptor, descriptor] }), 'exit');
  closeSync(descriptor);
  return (performance.now() - begun) / 1000;
}

/** Until its end is known and its last piece was read; then all of it is compared. */
async function keptJob(client: AgentClient, ends: Ends, file: string): Promise<number> {
  const begun = performance.now();
  const { run } = await client.request('tasks.run', { task: 'make', requestId: randomUUID() });
  await ends.of(run.id);
  const last = await client.request('runs.output', { runId: run.id, offset: lines * 100 - 100 });
  const seconds = (performance.now() - begun) / 1000;
  if (!last.ended || last.nextOffset !== lines * 100) throw new Error('the output is not whole');
  const expected = readFileSync(file);
  for (let offset = 0; offset < expected.length;) {
    const piece = await client.request('runs.output', { runId: run.id, offset });
    const bytes = Buffer.from(piece.text, piece.encoding);
    if (!bytes.equals(expected.subarray(offset, piece.nextOffset))) throw new Error(`other bytes at ${offset}`);
    offset = piece.nextOffset;
  }
  return seconds;
}

async function streamed(given: {
  readonly world: BenchWorld;
  readonly client: AgentClient;
  readonly agent: Started;
  readonly clients: number;
  readonly file: string;
  readonly expected: Received;
}): Promise<{ readonly ours: number; readonly floor: number; readonly growth: number }> {
  const { world, client, agent, clients, file, expected } = given;
  const rates: { readonly ours: number[]; readonly floor: number[] } = { ours: [], floor: [] };
  const growth: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const floor = await bareStream(file, clients, expected);
    rates.floor.push((megabytes * clients) / floor);
    const followers = await Promise.all(
      Array.from({ length: clients }, () => Peer.start([join(import.meta.dirname, 'follower.ts'), world.socket])),
    );
    for (const follower of followers) await follower.line();
    peakOf(agent.pid);
    const before = memoryOf(agent.pid).rss;
    const begun = performance.now();
    const { run } = await client.request('tasks.run', { task: 'repeat', requestId: randomUUID() });
    for (const follower of followers) follower.say(run.id);
    await Promise.all(followers.map((follower) => follower.received(expected)));
    rates.ours.push((megabytes * clients) / ((performance.now() - begun) / 1000));
    growth.push(peakOf(agent.pid) - before);
    for (const follower of followers) await follower.gone();
  }
  return { ours: median(rates.ours), floor: median(rates.floor), growth: Math.max(...growth) };
}

async function bareStream(file: string, clients: number, expected: Received): Promise<number> {
  const server = await Peer.start([floorServer, file, String(clients)]);
  const port = await server.line();
  const begun = performance.now();
  const receivers = await Promise.all(
    Array.from({ length: clients }, () => Peer.start([floorServer, '--client', port])),
  );
  await Promise.all(receivers.map((receiver) => receiver.received(expected)));
  const seconds = (performance.now() - begun) / 1000;
  for (const receiver of receivers) await receiver.gone();
  await server.end();
  return seconds;
}

const received = z.object({ bytes: z.int(), checksum: z.int() });

/** A process that speaks in lines. */
class Peer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string, undefined>;
  readonly #exited: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    if (child.stdout === null) throw new Error('no stdout');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(argv: readonly string[]): Promise<Peer> {
    const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    await once(child, 'spawn');
    return new Peer(child);
  }

  async line(): Promise<string> {
    const { value } = await this.#lines.next();
    if (value === undefined) throw new Error('a process ended before it had said all');
    return value;
  }

  say(text: string): void {
    this.#child.stdin?.write(`${text}\n`);
  }

  async received(expected: Received): Promise<void> {
    const got = received.parse(JSON.parse(await this.line()));
    if (got.bytes !== expected.bytes || got.checksum !== expected.checksum) {
      throw new Error(`${got.bytes} bytes came instead of ${expected.bytes}, or other ones`);
    }
  }

  async gone(): Promise<void> {
    await this.#exited;
  }

  async end(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#exited;
  }
}
