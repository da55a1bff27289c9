/** `upkeep runbook …`: each subcommand is loaded with the others, for both read a Markdown file. */
import type { Command } from 'commander';
import type { Io } from './io.ts';
import { registerRunbookInspect } from './runbookInspect.ts';
import { registerRunbookRun } from './runbookRun.ts';

export function registerRunbook(program: Command, io: Io): void {
  const runbook = program
    .command('runbook')
    .summary('look into runbooks, and run them')
    .description('Markdown runbooks.');
  registerRunbookInspect(runbook, io);
  registerRunbookRun(runbook, io);
}
