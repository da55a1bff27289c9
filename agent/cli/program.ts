/** The whole command line. */
import { Command, CommanderError } from 'commander';
import { procedures } from '../procedures/index.ts';
import { version } from '../version.ts';
import { registerAccess } from './access.ts';
import { registerConfig } from './config.ts';
import { cronCommand } from './cron.ts';
import { registerDoctor } from './doctor.ts';
import { UsageError } from './errors.ts';
import type { Io } from './io.ts';
import { registerLists } from './lists.ts';
import { registerProcedures } from './procedure.ts';
import { registerRun } from './run.ts';
import { registerRunbookInspect } from './runbookInspect.ts';
import { registerRunbookRun } from './runbookRun.ts';
import { registerSchedule } from './schedule.ts';
import { registerScripts } from './scripts.ts';
import { registerServe } from './serve.ts';
import { registerStdio } from './stdio.ts';
import { registerStore } from './store.ts';
import { registerSystemd } from './systemd.ts';

/** Runs one command; resolves with its exit code: 0 fine, 1 failed, 2 wrong use or invalid input, 3 warnings with --strict. */
export async function runCommand(argv: readonly string[], io: Io): Promise<number> {
  const program = createProgram(io);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return io.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    io.stderr.write(`upkeep: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError ? error.exitCode : 1;
  }
}

export function createProgram(io: Io): Command {
  const program = new Command('upkeep')
    .description('Server maintenance: schedules, procedures, windows and runbooks.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    });
  registerServe(program, io);
  registerStore(program, io);
  registerSystemd(program, io);
  registerDoctor(program, io);
  registerRun(program, io);
  registerSchedule(program, io);
  registerLists(program, io);
  registerConfig(program, io, procedures);
  cronCommand(program, io);
  const runbook = program
    .command('runbook')
    .summary('look into runbooks, and run them')
    .description('Markdown runbooks.');
  registerRunbookInspect(runbook, io);
  registerRunbookRun(runbook, io);
  registerScripts(program, io, procedures);
  registerStdio(program, io);
  registerAccess(program, io);
  registerProcedures(program, io, procedures);
  return program;
}
