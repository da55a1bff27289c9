/** Finds and drives the real logrotate(8). */
import { findTool, runTool, type ToolCall } from '../tool.ts';

/** Absolute path, or null when it is not installed. */
export async function findLogrotate(
  env: Readonly<Record<string, string | undefined>>,
  directories?: readonly string[],
): Promise<string | null> {
  return findTool('logrotate', env, directories);
}

/** `Default state file path` of `logrotate --version`; Debian's where it does not say. */
export async function defaultStateFile(call: Omit<ToolCall, 'args'>): Promise<string> {
  const { lines } = await runTool({ ...call, args: ['--version'] });
  const stated = lines.map((line) => /Default state file path:\s+(\S.*)$/.exec(line)?.[1]).find(Boolean);
  return stated ?? '/var/lib/logrotate/status';
}
