/**
 * Starts a command under the wrapper, in its own session and group, with stdout and stderr as file descriptors: the kernel
 * writes the output, the agent's death does not touch the child. `child_process.spawn` rather than execa: measured at 1.4 times
 * its rate, and nothing of execa's is needed here (no pipes, no buffering).
 */
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import type { RunDirectory } from './directory.ts';
import { runMarker } from './group.ts';
import { wrap } from './wrapper.ts';

export interface StartedProcess {
  readonly pid: number;
  /** Ends with the wrapper: its code, or the signal that killed it. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export interface StartOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For a child that can not reach the results file by its name (another user's): it is opened as descriptor 3. */
  readonly resultsByDescriptor?: boolean;
}

const appending = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;

/** Throws (ENOENT, EAGAIN, EMFILE …) when the process could not be started. */
export async function startProcess(
  directory: RunDirectory,
  runId: string,
  command: readonly string[],
  options: StartOptions,
): Promise<StartedProcess> {
  const [file, ...args] = wrap(command);
  const byDescriptor = options.resultsByDescriptor === true;
  const opened: number[] = [];
  try {
    const output = openSync(directory.output, appending, 0o600);
    opened.push(output);
    const results = byDescriptor ? openSync(directory.results, appending, 0o600) : null;
    if (results !== null) opened.push(results);
    const child = spawn(file, args, {
      cwd: options.cwd,
      detached: true,
      stdio: ['ignore', output, output, ...(results === null ? [] : [results])],
      env: {
        ...options.env,
        [runMarker]: runId,
        UPKEEP_RUN_DIRECTORY: directory.path,
        UPKEEP_RESULTS: byDescriptor ? '/dev/fd/3' : directory.results,
      },
    });
    const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once('exit', (code, signal) => {
        resolve({ code, signal });
      });
    });
    const pid = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('spawn', () => {
        resolve(child.pid ?? 0);
      });
    });
    // The child must not keep a stopping agent alive: it is meant to outlive it.
    child.unref();
    return { pid, ended };
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
  }
}
