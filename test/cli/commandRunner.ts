/**
 * Runs the commands on its standard input one after the other in this process, and says how each ended. The process behind commands.ts.
 * Usage: node commandRunner.ts CALLS; programs that are called may write their command lines into the file CALLS.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { json } from 'node:stream/consumers';
import { runCommand } from '../../agent/cli/program.ts';
import { optionsVariable } from '../../agent/procedures/options.ts';
import { Secrets } from '../../agent/secrets/secrets.ts';
import type { GivenCommand } from './commands.ts';

const [, , callsFile = ''] = process.argv;
const commands = (await json(process.stdin)) as readonly GivenCommand[];
for (const { argv, options = {} } of commands) {
  writeFileSync(callsFile, '');
  let text = '';
  const write = (more: string | Uint8Array): void => {
    text += String(more);
  };
  const env = { ...process.env, [optionsVariable]: JSON.stringify(options) };
  const io = { stdout: { write }, stderr: { write }, env, secrets: new Secrets(), exitCode: 0 };
  const from = process.cpuUsage();
  const code = await runCommand(argv, io);
  const { user, system } = process.cpuUsage(from);
  const calls = readFileSync(callsFile, 'utf8');
  process.stdout.write(`${JSON.stringify({ code, text, calls, cpuSeconds: (user + system) / 1e6 })}\n`);
}
