import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endGroup, type Children } from './children.ts';
import { repository, sandbox } from './paths.ts';

const program = join(repository, 'dist', 'agent.mjs');

export interface SandboxAgent {
  /** Runs one of the agent's commands over its socket, visibly; returns its exit code. */
  readonly command: (args: readonly string[]) => Promise<number>;
  /** Resolves with the exit code, whyever the agent ended. */
  readonly ended: Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Starts the real agent with the sandbox's configuration; returns when it takes connections. */
export async function startAgent(
  children: Children,
  port: number,
  environment: Readonly<Record<string, string>>,
): Promise<SandboxAgent> {
  const log = openSync(sandbox.agentLog, 'w', 0o600);
  const child = children.start(
    process.execPath,
    [
      ...[program, 'serve', '--config', sandbox.configuration, '--state', sandbox.state],
      ...['--socket', sandbox.socket, '--listen', `127.0.0.1:${port}`],
      // It ends with us, even when we are killed.
      ...['--lifetime', 'stdin'],
    ],
    ['pipe', 'pipe', log],
    environment,
  );
  closeSync(log);
  const ended = once(child, 'exit').then(([code]) => (code as number | null) ?? 1);
  await untilReady(child, ended);
  return {
    command: async (args) => {
      const commandArguments = [program, ...args, '--socket', sandbox.socket];
      const command = children.start(process.execPath, commandArguments, ['ignore', 'inherit', 'inherit']);
      const [code] = (await once(command, 'exit')) as [number | null];
      return code ?? 1;
    },
    ended,
    stop: async () => {
      if (child.pid !== undefined) await endGroup(child.pid);
    },
  };
}

/** `upkeep serve` says in one line of JSON that it listens. */
async function untilReady(child: ChildProcess, ended: Promise<number>): Promise<void> {
  const ready = new Promise<'ready'>((resolve) => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('"ready":true')) resolve('ready');
    });
  });
  const first = await Promise.race([ready, ended]);
  if (first === 'ready') return;
  throw new Error(`The agent ended with code ${first}:\n${readFileSync(sandbox.agentLog, 'utf8').slice(-4_000)}`);
}
