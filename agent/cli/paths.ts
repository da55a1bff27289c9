/** Default places, as the Filesystem Hierarchy Standard and the XDG base directories have them. */
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';

type Environment = Readonly<Record<string, string | undefined>>;

export function defaultStateDirectory(env: Environment): string {
  if (env['UPKEEP_STATE'] !== undefined) return env['UPKEEP_STATE'];
  if (userInfo().uid === 0) return '/var/lib/upkeep';
  return join(env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'upkeep');
}

export function defaultConfigFile(env: Environment): string {
  if (userInfo().uid === 0) return '/etc/upkeep/maintenance.yaml';
  return join(env['XDG_CONFIG_HOME'] ?? join(homedir(), '.config'), 'upkeep', 'maintenance.yaml');
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
