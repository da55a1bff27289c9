/** A real agent process in a temporary folder, driven over its socket as the command line does. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as moment } from 'node:timers/promises';
import * as z from 'zod';
import { connect, type AgentClient } from '../../agent/cli/client.ts';
import type { AgentEvent } from '../../agent/protocol/events.ts';
import type { Role, Run } from '../../agent/protocol/nouns.ts';
import { serviceEnvironment, serviceFlags } from '../../agent/run/command.ts';
import { processesOf } from '../leftovers.ts';

export const entry = process.env['UPKEEP_AGENT'] ?? join(import.meta.dirname, '..', '..', 'agent', 'main.ts');
const ready = z.object({
  ready: z.literal(true),
  pid: z.int(),
  listen: z.string().nullable(),
  socket: z.string(),
  fingerprint: z.string().nullable(),
});

export interface AgentProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly listen: string | null;
  /** SHA-256 of its certificate; null without TLS. */
  readonly fingerprint: string | null;
  readonly client: AgentClient;
  /** Everything that it wrote to stderr so far. */
  readonly log: () => string;
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

export class AgentWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'upkeep-agent-'));
  readonly state = join(this.folder, 'state');
  readonly config = join(this.folder, 'maintenance.yaml');
  readonly socket = join(this.folder, 'agent.sock');
  readonly #agents: AgentProcess[] = [];

  write(yaml: string): void {
    writeFileSync(this.config, yaml);
  }

  /** An executable shell script beside the configuration. */
  script(name: string, body: string): string {
    const file = join(this.folder, name);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return file;
  }

  /** `through`: a program and its arguments that become the agent (setpriv, prlimit). */
  async start(
    args: readonly string[] = ['--listen', 'none'],
    env: NodeJS.ProcessEnv = {},
    through: readonly string[] = [],
  ): Promise<AgentProcess> {
    const [program = '', ...command] = [
      ...through,
      process.execPath,
      ...serviceFlags,
      entry,
      'serve',
      '--config',
      this.config,
      '--state',
      this.state,
      '--socket',
      this.socket,
      ...args,
    ];
    const child = spawn(program, command, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: this.folder, ...serviceEnvironment, ...env },
    });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
    const said = await firstLine(child, () => log);
    const client = await connect({ socket: this.socket });
    const agent: AgentProcess = {
      child,
      pid: said.pid,
      listen: said.listen,
      fingerprint: said.fingerprint,
      client,
      log: () => log,
      stop: async (signal = 'SIGTERM') => {
        await client.close();
        if (child.exitCode === null && child.signalCode === null) {
          const exited = once(child, 'exit');
          child.kill(signal);
          await exited;
        }
        return child.exitCode;
      },
    };
    this.#agents.push(agent);
    return agent;
  }

  /** Runs one command of the agent's command line to its end. */
  async command(
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
    const child = spawn(process.execPath, [entry, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], HOME: this.folder, UPKEEP_STATE: this.state, ...env },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  }

  /** A new token. */
  async token(role: Role): Promise<string> {
    const made = await this.command(['token', 'create', '--role', role, '--state', this.state]);
    assert.equal(made.code, 0, made.stderr);
    return made.stdout.trim();
  }

  async dispose(): Promise<void> {
    for (const agent of this.#agents) await agent.stop('SIGKILL');
    // Runs and checks outlive a killed agent, and would write into the folder again until they are gone.
    for (let left = processesOf(this.folder); left.length > 0; left = processesOf(this.folder)) {
      for (const { pid } of left) kill(pid);
      await moment(20);
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

async function firstLine(child: ChildProcess, log: () => string): Promise<z.infer<typeof ready>> {
  if (child.stdout === null) throw new Error('no stdout');
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the agent ended with code ${String(code)}:\n${log()}`);
  });
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
  ended.catch(() => undefined);
  return ready.parse(JSON.parse(line));
}

/** Subscribes from now; resolves with the first event that fits. */
export async function nextEvent<T extends AgentEvent>(
  client: AgentClient,
  fits: (event: AgentEvent) => event is T,
): Promise<T> {
  const { epoch } = await client.request('snapshot', {});
  const { promise, resolve } = Promise.withResolvers<T>();
  const off = client.onEvent((event) => {
    if (fits(event)) resolve(event);
  });
  await client.subscribe(epoch, 0);
  try {
    return await promise;
  } finally {
    off();
  }
}

/** Waits for the end of a run by its events. */
export async function endOf(client: AgentClient, runId: string): Promise<Run> {
  const event = await nextEvent(
    client,
    (candidate): candidate is Extract<AgentEvent, { type: 'run.changed' }> =>
      candidate.type === 'run.changed' && candidate.data.run.id === runId && candidate.data.run.state === 'ended',
  );
  return event.data.run;
}
