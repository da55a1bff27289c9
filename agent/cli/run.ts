/** `upkeep run TASK`: starts a task of a running agent, and follows it on request. */
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { connect } from './client.ts';
import { followRun, summaryOf } from './follow.ts';
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
    const ended = await followRun(client, run.id, options.json === true ? io.stderr : io.stdout, io);
    if (options.json === true) writeJson(io, ended);
    else io.stdout.write(`${summaryOf(ended.run)}\n`);
  } finally {
    await client.close();
  }
}
