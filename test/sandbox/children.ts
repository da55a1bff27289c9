import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { repository, sandbox, sandboxFolder } from './paths.ts';

const savedProcesses = z.object({
  /** The `npm start` itself. */
  owner: z.object({ pid: z.int(), started: z.string() }),
  children: z.array(z.object({ pid: z.int(), started: z.string(), signal: z.enum(['SIGTERM', 'SIGINT']) })),
});

/** In the environment of all that the sandbox starts. */
export const sandboxVariable = 'UPKEEP_SANDBOX';

type StopSignal = 'SIGTERM' | 'SIGINT';

interface SavedProcess {
  readonly pid: number;
  /** Start time in clock ticks since boot: tells a process from a later one of the same number. */
  readonly started: string;
}

/**
 * The processes that the sandbox has started, each a group of its own where that is possible. They are written down, so that the next start can end what a killed
 * one has left behind.
 */
export class Children {
  private readonly saved: (SavedProcess & { readonly signal: StopSignal })[] = [];

  /** Ends what a killed start left; throws when another start is at work. */
  static async takeOver(): Promise<Children> {
    const before = readSaved();
    if (before !== null && isAlive(before.owner)) {
      throw new Error(`The sandbox is running already (process ${before.owner.pid}): stop that one with Ctrl-C first.`);
    }
    for (const child of before?.children ?? []) {
      if (isAlive(child)) await endGroup(child.pid, child.signal);
    }
    const children = new Children();
    children.save();
    return children;
  }

  /** Starts a program in a process group of its own: Ctrl-C in the terminal does not reach it. */
  start(
    program: string,
    args: readonly string[],
    stdio: StdioOptions,
    environment: Readonly<Record<string, string>> = {},
  ): ChildProcess {
    const env = { ...process.env, ...environment, [sandboxVariable]: sandboxFolder };
    const child = spawn(program, args, { cwd: repository, stdio, detached: true, env });
    if (child.pid !== undefined) this.remember(child.pid);
    return child;
  }

  /** Writes down a process or group that something else has started, and the signal that ends it quickly. */
  remember(pid: number, signal: StopSignal = 'SIGTERM'): void {
    this.saved.push({ pid, started: startTime(pid), signal });
    this.save();
  }

  /** Forgets all: to be called when all have ended. */
  forget(): void {
    rmSync(sandbox.processes, { force: true });
  }

  private save(): void {
    const owner = { pid: process.pid, started: startTime(process.pid) };
    writeFileSync(sandbox.processes, JSON.stringify({ owner, children: this.saved }, null, 2));
  }
}

/**
 * Signal, ten seconds of grace, KILL, to the process group of that number or else to the process; returns when it has
 * ended (or only waits for a parent that never asks).
 */
export async function endGroup(pid: number, signal: StopSignal = 'SIGTERM'): Promise<void> {
  for (let waited = 0; send(pid, waited === 0 ? signal : 0) && waited < 12_000; waited += 100) {
    if (waited === 10_000) send(pid, 'SIGKILL');
    await delay(100);
  }
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
      return true;
    } catch {
      // No such group, or no such process.
    }
  }
  return false;
}

function isAlive(saved: SavedProcess): boolean {
  return saved.started !== '' && startTime(saved.pid) === saved.started;
}

/** Field 22 of /proc/PID/stat (proc(5)); empty when there is no such process, or no /proc. */
function startTime(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function readSaved(): z.infer<typeof savedProcesses> | null {
  try {
    return savedProcesses.parse(JSON.parse(readFileSync(sandbox.processes, 'utf8')));
  } catch {
    return null;
  }
}
