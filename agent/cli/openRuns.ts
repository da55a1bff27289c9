/** `upkeep output|cancel|approve|reject RUN`: what people do with a run that there is. */
import type { Command } from 'commander';
import type { Run } from '../protocol/nouns.ts';
import { copyOutput, summaryOf } from './follow.ts';
import { writeJson, type Io } from './io.ts';
import { order, reasonOf, withClient, type OrderOptions } from './order.ts';
import { withAgentOptions } from './paths.ts';

export function registerOpenRuns(program: Command, io: Io): void {
  withAgentOptions(program.command('output <run>'))
    .summary('show the output of a run')
    .description('Writes the output of a run, byte for byte; with --follow until it has ended.')
    .option('--follow', 'wait for more until the run has ended')
    .action(async (runId: string, options: OrderOptions & { readonly follow?: true }) => {
      await withClient(options, io, async (client) => {
        await copyOutput(client, runId, io.stdout, options.follow === true);
      });
    });
  order(program.command('cancel <run>'))
    .summary('stop a run, or take a queued one back')
    .description('Stops a run: TERM to all of its processes, grace, KILL. Returns once it has ended.')
    .action(async (runId: string, options: OrderOptions) => {
      await withClient(options, io, async (client) => {
        const { run } = await client.request('runs.cancel', { runId, ...reasonOf(options) });
        tell(run, summaryOf(run), options, io);
      });
    });
  order(program.command('approve <run>'))
    .summary('approve a run that waits for approval')
    .action(async (runId: string, options: OrderOptions) => {
      await withClient(options, io, async (client) => {
        const { run } = await client.request('runs.approve', { runId, ...reasonOf(options) });
        tell(run, approvalText(run), options, io);
      });
    });
  order(program.command('reject <run>'))
    .summary('refuse a run that waits for approval')
    .action(async (runId: string, options: OrderOptions) => {
      await withClient(options, io, async (client) => {
        const { run } = await client.request('runs.reject', { runId, ...reasonOf(options) });
        tell(run, summaryOf(run), options, io);
      });
    });
}

function tell(run: Run, text: string, { json }: OrderOptions, io: Io): void {
  if (json === true) writeJson(io, run);
  else io.stdout.write(`${text}\n`);
}

function approvalText({ id, task, approval }: Run): string {
  const { required = 0, given = [] } = approval ?? {};
  const missing = required - given.length;
  return missing > 0
    ? `${task}: ${given.length} of ${required} approvals; ${missing} more people must approve run ${id}`
    : `${task}: run ${id} is approved and goes on`;
}
