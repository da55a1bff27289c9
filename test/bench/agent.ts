/** The built agent in a temporary folder, as a service runs it, and what the kernel says of its process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { connect, type AgentClient } from '../../agent/cli/client.ts';
import type { Run } from '../../agent/protocol/nouns.ts';
import { serviceEnvironment, serviceFlags } from '../../agent/run/command.ts';

export const bundle = join(import.meta.dirname, '..', '..', 'dist', 'agent.mjs');

/** A program that says one line when it is ready. */
export interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  /** From the spawn to the line, in milliseconds. */
  readonly readyMs: number;
}

export async function startProgram(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Started> {
  const begun = performance.now();
  const child = spawn(process.execPath, argv, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  });
  const line = once(createInterface({ input: child.stdout }), 'line');
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${argv.join(' ')} ended with ${String(code)} before it was ready`);
  });
  await Promise.race([line, ended]);
  ended.catch(() => undefined);
  return { child, pid: child.pid ?? 0, readyMs: performance.now() - begun };
}

export async function endProgram({ child }: Started): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** Folder of one agent after the other. */
export class BenchWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'upkeep-bench-'));
  readonly socket = join(this.folder, 'agent.sock');
  #started: Started | null = null;

  /** Each task with the text of its script; `more` are further lines below `maintenance:`. */
  write(tasks: Readonly<Record<string, string>>, fields: readonly string[] = [], more: readonly string[] = []): void {
    const lines = ['maintenance:', ...more.map((line) => `  ${line}`), '  automated_tasks:'];
    for (const [name, text] of Object.entries(tasks)) {
      const script = join(this.folder, `${name}.sh`);
      writeFileSync(script, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
      lines.push(`    - name: ${name}`, ...[`script: ${script}`, ...fields].map((field) => `      ${field}`));
    }
    writeFileSync(join(this.folder, 'maintenance.yaml'), `${lines.join('\n')}\n`);
  }

  async start(): Promise<Started> {
    const places = ['--config', 'maintenance.yaml', '--state', 'state'].map((word) =>
      word.startsWith('--') ? word : join(this.folder, word),
    );
    const args = [...places, '--socket', this.socket, '--listen', '127.0.0.1:0', '--log-level', 'warn'];
    this.#started = await startProgram([...serviceFlags, bundle, 'serve', ...args], serviceEnvironment);
    return this.#started;
  }

  connect(): Promise<AgentClient> {
    return connect({ socket: this.socket });
  }

  async stop(): Promise<void> {
    if (this.#started !== null) await endProgram(this.#started);
    this.#started = null;
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Megabytes (2²⁰) of a process: resident, and of these the pages that are its own. */
export function memoryOf(pid: number): { readonly rss: number; readonly anonymous: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return { rss: kilobytes(text, 'Rss') / 1024, anonymous: kilobytes(text, 'Anonymous') / 1024 };
}

/** The largest resident size since the last call, in megabytes (proc(5), clear_refs). */
export function peakOf(pid: number): number {
  const peak = kilobytes(readFileSync(`/proc/${pid}/status`, 'utf8'), 'VmHWM') / 1024;
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return peak;
}

/** User and system time of a process so far, in seconds (proc(5), stat: clock ticks of 10 ms). */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function kilobytes(text: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
}

/** Tells of the ends of runs, by events: nothing is asked twice. */
export class Ends {
  readonly #ended = new Map<string, Run>();
  readonly #waiting = new Map<string, (run: Run) => void>();

  private constructor(client: AgentClient) {
    client.onEvent((event) => {
      if (event.type !== 'run.changed' || event.data.run.state !== 'ended') return;
      const { run } = event.data;
      this.#ended.set(run.id, run);
      this.#waiting.get(run.id)?.(run);
    });
  }

  static async of(client: AgentClient): Promise<Ends> {
    const ends = new Ends(client);
    const { epoch, seq } = await client.request('snapshot', {});
    await client.subscribe(epoch, seq);
    return ends;
  }

  async of(id: string): Promise<Run> {
    const known = this.#ended.get(id);
    if (known !== undefined) return known;
    const { promise, resolve } = Promise.withResolvers<Run>();
    this.#waiting.set(id, resolve);
    return promise;
  }
}
