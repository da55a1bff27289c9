/**
 * Runs the commands on its standard input one after the other in this process, and says how each ended. For hostileOptions.test.ts.
 * Usage: node hostileOptionsRunner.ts CALLS; programs that are called write their command lines into the file CALLS.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { json } from 'node:stream/consumers';
import { runCommand } from '../../agent/cli/program.ts';
import { optionsVariable } from '../../agent/procedures/options.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';

export interface HostileCommand {
  readonly argv: readonly string[];
  /** Handed over as an agent does, in the environment. */
  readonly options?: Readonly<Record<string, unknown>>;
}

const [, , callsFile = ''] = process.argv;
const commands = (await json(process.stdin)) as readonly HostileCommand[];
for (const { argv, options = {} } of commands) {
  writeFileSync(callsFile, '');
  let text = '';
  const write = (more: string | Uint8Array): void => {
    text += String(more);
  };
  const env = { ...process.env, [optionsVariable]: JSON.stringify(options) };
  const io = { stdout: { write }, stderr: { write }, env, secrets: new Secrets(), exitCode: 0 };
  const code = await runCommand(argv, io);
  process.stdout.write(`${JSON.stringify({ code, text, calls: readFileSync(callsFile, 'utf8') })}\n`);
}
