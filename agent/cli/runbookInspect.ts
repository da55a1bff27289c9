/** `upkeep runbook inspect`: what Upkeep sees in a Markdown file. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { reasonOf } from '../config/reason.ts';
import { inspectRunbook, type InspectedRunbook } from '../runbook/inspect.ts';
import { UsageError } from './errors.ts';
import { visible, writeJson, type Io } from './io.ts';

export function registerRunbookInspect(runbook: Command, io: Io): void {
  runbook
    .command('inspect')
    .summary('list the blocks and the checklist of a Markdown file')
    .argument('<file>', 'Markdown file')
    .option('--json', 'one JSON document on standard output')
    .action((file: string, options: { readonly json?: true }) => {
      const inspected = inspectRunbook(readRunbookText(file));
      if (options.json === true) writeJson(io, inspected);
      else print(file, inspected, io);
    });
}

const maxBytes = 16 * 1024 * 1024;

/** Text of a Markdown file; UsageError when it is not a regular file that can be read, or too large. */
export function readRunbookText(file: string): string {
  let descriptor: number | null = null;
  try {
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new Error('it is not a regular file');
    if (stats.size > maxBytes) throw new Error(`it has more than ${maxBytes / 1024 / 1024} MiB`);
    return readFileSync(descriptor, 'utf8');
  } catch (error) {
    throw new UsageError(`${file} can not be read: ${reasonOf(error)}.`, { cause: error });
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

function print(file: string, { title, blocks, checklist }: InspectedRunbook, io: Io): void {
  io.stdout.write(`${visible(title === '' ? file : title)}\n`);
  for (const block of blocks) {
    const { index, kind, language, line, runnable, problem } = block;
    const what = [language === '' ? 'no language' : visible(language), runnable ? 'runs' : (problem ?? kind)].join(
      ', ',
    );
    const [first = ''] = block.text.split('\n', 1);
    io.stdout.write(`${file}:${line}: block ${index} (${what}): ${visible(first.slice(0, 100))}\n`);
  }
  for (const { line, checked, text } of checklist) {
    io.stdout.write(`${file}:${line}: [${checked ? 'x' : ' '}] ${visible(text)}\n`);
  }
}
