import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProcessLine {
  readonly pid: number;
  readonly command: string;
}

interface ProcessTraces extends ProcessLine {
  readonly directory: string;
  /** `NAME=value`, each ended by NUL. */
  readonly environment: string;
}

/** Processes whose working directory, arguments or environment name `folder`. */
export function processesOf(folder: string): ProcessLine[] {
  return find((traces) => [traces.directory, traces.command, traces.environment].some((text) => text.includes(folder)));
}

/** Processes in whose environment `variable` begins with `value`. */
export function processesWith(variable: string, value: string): ProcessLine[] {
  return find((traces) => `\0${traces.environment}`.includes(`\0${variable}=${value}`));
}

/** Waits a moment for the processes that `list` finds to end by themselves; kills and returns those that do not. */
export async function killLeft(list: () => ProcessLine[]): Promise<ProcessLine[]> {
  let left = list();
  for (let tries = 0; left.length > 0 && tries < 20; tries++) {
    await delay(100);
    left = list();
  }
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself at the last moment.
    }
  }
  return left;
}

/** Those of all other processes that match; none where there is no /proc (macOS). */
function find(matches: (traces: ProcessTraces) => boolean): ProcessLine[] {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return [];
  }
  return names
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((name) => ({
      pid: Number(name),
      command: read(`/proc/${name}/cmdline`).replaceAll('\0', ' ').trim(),
      directory: workingDirectory(name),
      environment: read(`/proc/${name}/environ`),
    }))
    .filter((traces) => traces.command !== '' && matches(traces))
    .map(({ pid, command }) => ({ pid, command: command.slice(0, 200) }));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function workingDirectory(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
