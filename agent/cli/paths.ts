/** Default places, as the Filesystem Hierarchy Standard and the XDG base directories have them. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';

type Environment = Readonly<Record<string, string | undefined>>;

export function defaultStateDirectory(env: Environment): string {
  if (env['UPKEEP_STATE'] !== undefined) return env['UPKEEP_STATE'];
  if (process.getuid?.() === 0) return '/var/lib/upkeep';
  return join(env['XDG_STATE_HOME'] ?? join(home(), '.local', 'state'), 'upkeep');
}

export function defaultConfigFile(env: Environment): string {
  if (process.getuid?.() === 0) return '/etc/upkeep/maintenance.yaml';
  return join(env['XDG_CONFIG_HOME'] ?? join(home(), '.config'), 'upkeep', 'maintenance.yaml');
}

/** A user whom the host's directory does not know has none: systemd.exec(5) then takes the root folder as well. */
function home(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}

export function socketIn(stateDirectory: string): string {
  return join(stateDirectory, 'agent.sock');
}

/** Options of commands that talk to a running agent. */
export function withAgentOptions(command: Command): Command {
  return command
    .option('--socket <path>', "the agent's Unix socket (default: agent.sock in its state folder)")
    .option('--state <dir>', "the agent's state folder");
}

export function socketOf(options: { readonly socket?: string; readonly state?: string }, env: Environment): string {
  return options.socket ?? socketIn(options.state ?? defaultStateDirectory(env));
}
