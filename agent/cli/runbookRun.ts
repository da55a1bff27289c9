/** `upkeep runbook run`: the blocks of a Markdown file, one after the other, through the agent's runner. */
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { InvalidArgumentError, type Command } from 'commander';
import type { RunbookBlock } from '../protocol/nouns.ts';
import { inspectRunbook } from '../runbook/inspect.ts';
import { connect, type AgentClient } from './client.ts';
import { UsageError } from './errors.ts';
import { followRun, summaryOf } from './follow.ts';
import { visible, type Io } from './io.ts';
import { socketOf, withAgentOptions } from './paths.ts';
import { readRunbookText } from './runbookInspect.ts';

interface RunOptions {
  readonly socket?: string;
  readonly state?: string;
  readonly block?: number;
  readonly yes?: boolean;
}

export function registerRunbookRun(runbook: Command, io: Io): void {
  withAgentOptions(runbook.command('run <file>'))
    .summary('run the shell blocks of a Markdown file')
    .description('Shows each shell block, asks, and runs it through the agent. Stops at the first that fails.')
    .option('--block <n>', 'only the block of this index (see "runbook inspect")', integer)
    .option('--yes', 'do not ask')
    .action(async (file: string, options: RunOptions) => {
      const blocks = chooseBlocks(file, options.block);
      const client = await connect({ socket: socketOf(options, io.env) });
      try {
        for (const block of blocks) if (!(await runBlock(client, file, block, options.yes === true, io))) return;
      } finally {
        await client.close();
      }
    });
}

function chooseBlocks(file: string, index: number | undefined): readonly RunbookBlock[] {
  const { blocks } = inspectRunbook(readRunbookText(file));
  if (index === undefined) {
    const runnable = blocks.filter((block) => block.runnable);
    if (runnable.length === 0) throw new UsageError(`${file} has no block that can be run.`);
    return runnable;
  }
  const block = blocks.find((candidate) => candidate.index === index);
  if (block === undefined) throw new UsageError(`${file} has no block ${index}: see "upkeep runbook inspect".`);
  if (!block.runnable)
    throw new UsageError(`${file}:${block.line}: block ${index} can not be run: ${block.problem ?? block.kind}.`);
  return [block];
}

/** False when the rest is not to be run. */
async function runBlock(
  client: AgentClient,
  file: string,
  block: RunbookBlock,
  yes: boolean,
  io: Io,
): Promise<boolean> {
  io.stdout.write(`${file}:${block.line}: on ${client.hello.host.name}\n${visible(block.text)}\n`);
  if (!yes && !(await confirmed())) {
    io.stdout.write('not run\n');
    return false;
  }
  const { run } = await client.request('runbooks.runBlock', {
    requestId: randomUUID(),
    runbook: basename(file),
    index: block.index,
    language: block.language,
    text: block.text,
    sha256: block.sha256,
  });
  const ended = await followRun(client, run.id, io.stdout, io);
  io.stdout.write(`${summaryOf(ended.run)}\n`);
  return io.exitCode === 0;
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('Nobody can be asked here: say --yes to run without a question.');
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await prompt.question('Run this block? [y/N] ')).trim());
  } finally {
    prompt.close();
  }
}

function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a block index is needed.');
  return Number(text);
}
