/** `upkeep stdio`: the agent's socket on standard input and output, so that `ssh host upkeep stdio` needs no open port and no token. */
import { createConnection } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { reasonOf } from '../config/reason.ts';
import type { Io } from './io.ts';
import { socketOf, withAgentOptions } from './paths.ts';

export function registerStdio(program: Command, io: Io): void {
  withAgentOptions(program.command('stdio'))
    .summary("connect standard input and output to the agent's socket")
    .action(async (options: { readonly socket?: string; readonly state?: string }) => {
      const path = socketOf(options, io.env);
      const socket = createConnection(path);
      try {
        await Promise.all([pipeline(process.stdin, socket), pipeline(socket, process.stdout, { end: false })]);
      } catch (error) {
        throw new Error(`The agent's socket ${path}: ${reasonOf(error)}.`, { cause: error });
      }
    });
}
