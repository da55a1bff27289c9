/** `upkeep config check`: judges a maintenance.yaml as the agent would, without an agent. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Procedures } from '../config/action.ts';
import { loadConfig } from '../config/load.ts';
import { UsageError } from './errors.ts';
import { visible, writeJson, type Io } from './io.ts';
import { defaultConfigFile } from './paths.ts';

interface CheckOptions {
  readonly json?: true;
  readonly strict?: true;
}

export function registerConfig(program: Command, io: Io, procedures: Procedures): void {
  program
    .command('config')
    .description('look into the configuration')
    .command('check')
    .summary('judge a configuration')
    .description('Judges a configuration: exit code 0 when it is fine, 2 when anything in it is refused.')
    .argument('[file]', 'maintenance.yaml; by default that of this host')
    .option('--json', 'one JSON document on standard output')
    .option('--strict', 'exit code 3 when there are warnings')
    .action((file: string | undefined, options: CheckOptions) => {
      check(file ?? io.env['UPKEEP_CONFIG'] ?? defaultConfigFile(io.env), options, io, procedures);
    });
}

function check(file: string, options: CheckOptions, io: Io, procedures: Procedures): void {
  const result = loadConfig({ file: resolve(file), env: io.env, procedures });
  io.secrets.learn(result.secrets);
  const { diagnostics, tasks } = result;
  const errors = diagnostics.filter((entry) => entry.severity === 'error').length;
  const warnings = diagnostics.length - errors;
  const refused = [...new Set(result.refused.map((task) => task.name))];
  if (options.json === true) writeJson(io, { ok: errors === 0, tasks, refused, diagnostics });
  else {
    for (const { line, column, severity, message } of diagnostics) {
      io.stdout.write(`${file}:${line}:${column}: ${severity} ${visible(message)}\n`);
    }
  }
  const found = [count(errors, 'error'), count(warnings, 'warning')].filter(Boolean).join(', ');
  if (errors > 0) throw new UsageError(`${file} has ${found}; ${effect(result.config !== null, refused, tasks)}.`);
  if (options.json !== true) {
    io.stdout.write(
      `${file}: ${found === '' ? 'fine' : found}; ${tasks === 0 ? 'it has no tasks' : `${count(tasks, 'task')} can run`}\n`,
    );
  }
  if (options.strict === true && warnings > 0) io.exitCode = 3;
}

function effect(usable: boolean, refused: readonly string[], tasks: number): string {
  if (!usable) return 'nothing of it can be used';
  if (refused.length === 0) return `its ${tasks === 0 ? 'other settings' : count(tasks, 'task')} can run all the same`;
  return `refused: ${refused.map(visible).join(', ')}`;
}

function count(number: number, word: string): string {
  return number === 0 ? '' : `${number} ${word}${number === 1 ? '' : 's'}`;
}
