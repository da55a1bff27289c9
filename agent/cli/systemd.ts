/** `upkeep systemd unit`: prints the unit of the agent. */
import { isAbsolute, resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import { selfCommand, serviceEnvironment, serviceFlags } from '../run/command.ts';
import { systemdUnit } from '../systemd/unit.ts';
import { version } from '../version.ts';
import { UsageError } from './errors.ts';
import type { Io } from './io.ts';

interface UnitCommandOptions {
  readonly scope: string;
  readonly user?: string;
  readonly config?: string;
  readonly state?: string;
  readonly writable: readonly string[];
  readonly notify: boolean;
}

export function registerSystemd(program: Command, io: Io): void {
  program
    .command('systemd')
    .summary('run the agent as a service')
    .command('unit')
    .summary('print a systemd unit')
    .description(
      'Prints a unit: upkeep systemd unit > /etc/systemd/system/upkeep.service; systemctl daemon-reload; systemctl enable --now upkeep',
    )
    .option('--scope <system|user>', 'for the system, or for the manager of one user', 'system')
    .option('--user <name>', 'user of the service; without it root')
    .option('--config <file>', 'configuration')
    .option('--state <dir>', 'folder for runs, history and tokens')
    .option('--writable <dir>', 'folder that tasks write to; can be given several times', collect, [])
    .option('--no-notify', 'for a host without systemd-notify: Type=exec, no watchdog')
    .action((options: UnitCommandOptions) => {
      io.stdout.write(unitOf(options));
    });
}

function unitOf(options: UnitCommandOptions): string {
  const { scope, user = null } = options;
  if (scope !== 'system' && scope !== 'user') throw new UsageError(`--scope ${scope}: give "system" or "user".`);
  if (user !== null && !/^[a-z_][a-z0-9_-]*\$?$/i.test(user))
    throw new UsageError(`--user ${user}: that is no user name.`);
  return systemdUnit(
    {
      command: selfCommand(serviceFlags),
      environment: serviceEnvironment,
      scope,
      user,
      configFile: options.config === undefined ? null : resolve(options.config),
      stateDirectory: options.state === undefined ? null : resolve(options.state),
      writable: options.writable,
      plain: !options.notify,
    },
    version,
  );
}

function collect(folder: string, before: readonly string[]): readonly string[] {
  if (!isAbsolute(folder) || /[\u0000-\u001f]/.test(folder)) throw new InvalidArgumentError('give an absolute path.');
  return [...before, folder];
}
