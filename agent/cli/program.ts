/** The whole command line. A command's file is loaded when it is called; for the list of all commands every one is. */
import { Command, CommanderError } from 'commander';
import { messageOf } from '../thrown.ts';
import { version } from '../version.ts';
import { UsageError } from './errors.ts';
import type { Io } from './io.ts';

/** Runs one command; resolves with its exit code: 0 fine, 1 failed, 2 wrong use or invalid input, 3 warnings with --strict. */
export async function runCommand(argv: readonly string[], io: Io): Promise<number> {
  try {
    const program = await createProgram(argv[0], io);
    await program.parseAsync([...argv], { from: 'user' });
    return io.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    io.stderr.write(`upkeep: ${messageOf(error)}\n`);
    return error instanceof UsageError ? error.exitCode : 1;
  }
}

/** The program with the command of this name; with all commands when it is none of them. */
export async function createProgram(name: string | undefined, io: Io): Promise<Command> {
  const program = new Command('upkeep')
    .description('Server maintenance: schedules, procedures, windows and runbooks.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    });
  const wanted = commandGroups.filter(({ commands }) => name !== undefined && commands.includes(name));
  for (const { register } of wanted) await register(program, io);
  if (wanted.length > 0) return program;

  const { procedures } = await import('../procedures/index.ts');
  const procedure = procedures.get(name ?? '');
  if (procedure === undefined) for (const { register } of commandGroups) await register(program, io);
  const { registerProcedures } = await import('./procedure.ts');
  registerProcedures(program, io, procedures, procedure);
  return program;
}

/** What one file registers. */
interface CommandGroup {
  /** The names of its commands, as it registers them (a test compares). */
  readonly commands: readonly string[];
  readonly register: (program: Command, io: Io) => Promise<void>;
}

export const commandGroups: readonly CommandGroup[] = [
  {
    commands: ['serve'],
    register: async (program, io) => {
      (await import('./serve.ts')).registerServe(program, io);
    },
  },
  {
    commands: ['store'],
    register: async (program, io) => {
      (await import('./store.ts')).registerStore(program, io);
    },
  },
  {
    commands: ['systemd'],
    register: async (program, io) => {
      (await import('./systemd.ts')).registerSystemd(program, io);
    },
  },
  {
    commands: ['doctor'],
    register: async (program, io) => {
      (await import('./doctor.ts')).registerDoctor(program, io);
    },
  },
  {
    commands: ['run'],
    register: async (program, io) => {
      (await import('./run.ts')).registerRun(program, io);
    },
  },
  {
    commands: ['output', 'cancel', 'approve', 'reject'],
    register: async (program, io) => {
      (await import('./openRuns.ts')).registerOpenRuns(program, io);
    },
  },
  {
    commands: ['snooze', 'pause', 'resume'],
    register: async (program, io) => {
      (await import('./schedule.ts')).registerSchedule(program, io);
    },
  },
  {
    commands: ['tasks', 'runs', 'windows', 'alerts', 'checks', 'status'],
    register: async (program, io) => {
      (await import('./lists.ts')).registerLists(program, io);
    },
  },
  {
    commands: ['config'],
    register: async (program, io) => {
      const { procedures } = await import('../procedures/index.ts');
      (await import('./config.ts')).registerConfig(program, io, procedures);
    },
  },
  {
    commands: ['cron'],
    register: async (program, io) => {
      (await import('./cron.ts')).cronCommand(program, io);
    },
  },
  {
    commands: ['runbook'],
    register: async (program, io) => {
      (await import('./runbook.ts')).registerRunbook(program, io);
    },
  },
  {
    commands: ['scripts'],
    register: async (program, io) => {
      const { procedures } = await import('../procedures/index.ts');
      (await import('./scripts.ts')).registerScripts(program, io, procedures);
    },
  },
  {
    commands: ['stdio'],
    register: async (program, io) => {
      (await import('./stdio.ts')).registerStdio(program, io);
    },
  },
  {
    commands: ['token'],
    register: async (program, io) => {
      (await import('./access.ts')).registerAccess(program, io);
    },
  },
  {
    commands: ['audit'],
    register: async (program, io) => {
      (await import('./audit.ts')).registerAudit(program, io);
    },
  },
];
