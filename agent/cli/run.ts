/** `upkeep run TASK`: starts a task of a running agent, and follows it on request. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { badOutcomes, type Run } from '../protocol/nouns.ts';
import { connect, type AgentClient } from './client.ts';
import { writeJson, type Io } from './io.ts';
import { socketOf, withAgentOptions } from './paths.ts';

interface RunOptions {
  readonly socket?: string;
  readonly state?: string;
  readonly follow?: boolean;
  readonly dryRun?: boolean;
  readonly reason?: string;
  readonly json?: boolean;
}

export function registerRun(program: Command, io: Io): void {
  withAgentOptions(program.command('run <task>'))
    .summary('start a task now')
    .description('Starts a task of the running agent. With --follow its output is shown until it ends.')
    .option('--follow', 'show the output until the run has ended')
    .option('--dry-run', 'print the plan, change nothing')
    .option('--reason <text>', 'why, for the record')
    .option('--json', 'one JSON document on standard output')
    .action(async (task: string, options: RunOptions) => {
      await runTask(task, options, io);
    });
}

async function runTask(task: string, options: RunOptions, io: Io): Promise<void> {
  const client = await connect({ socket: socketOf(options, io.env) });
  try {
    const { run } = await client.request('tasks.run', {
      task,
      requestId: randomUUID(),
      dryRun: options.dryRun ?? false,
      ...(options.reason === undefined ? {} : { reason: options.reason }),
    });
    if (options.follow !== true) {
      if (options.json === true) writeJson(io, run);
      else io.stdout.write(`started run ${run.id}\n`);
      return;
    }
    await follow(client, run.id, options.json === true ? io.stderr : io.stdout);
    const ended = await client.request('runs.get', { runId: run.id });
    if (options.json === true) writeJson(io, ended);
    else io.stdout.write(`${summary(ended.run)}\n`);
    if (ended.run.outcome !== null && (badOutcomes.has(ended.run.outcome) || ended.run.outcome === 'cancelled')) {
      io.exitCode = 1;
    }
  } finally {
    await client.close();
  }
}

/** Copies the output byte for byte until the run has ended. */
async function follow(client: AgentClient, runId: string, to: { write(text: string): unknown }): Promise<void> {
  for (let offset = 0, over = false; !over;) {
    const piece = await client.request('runs.output', { runId, offset, wait: true });
    if (piece.text !== '') to.write(Buffer.from(piece.text, piece.encoding).toString('utf8'));
    offset = piece.nextOffset;
    over = piece.ended && offset >= piece.size;
  }
}

function summary(run: Run): string {
  const seconds = ((run.durationMs ?? 0) / 1000).toFixed(1);
  return `${run.task}: ${run.outcome ?? run.state} after ${seconds} s${run.outcomeReason === null ? '' : ` (${run.outcomeReason})`}`;
}
