/** What the commands share that tell a running agent to do something: where it is, why, and the form of the answer. */
import type { Command } from 'commander';
import { connect, type AgentClient } from './client.ts';
import type { Io } from './io.ts';
import { socketOf, withAgentOptions } from './paths.ts';

export interface OrderOptions {
  readonly socket?: string;
  readonly state?: string;
  readonly reason?: string;
  readonly json?: true;
}

export function order(command: Command): Command {
  return withAgentOptions(command)
    .option('--reason <text>', 'why, for the record')
    .option('--json', 'one JSON document on standard output');
}

export function reasonOf({ reason }: OrderOptions): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

export async function withClient(
  options: Pick<OrderOptions, 'socket' | 'state'>,
  io: Io,
  work: (client: AgentClient) => Promise<void>,
): Promise<void> {
  const client = await connect({ socket: socketOf(options, io.env) });
  try {
    await work(client);
  } finally {
    await client.close();
  }
}
