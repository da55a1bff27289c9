/** Runs a tool whose output is short and comes through a pipe: where the disk is full, there is no room for a file of it. */
import { execa } from 'execa';
import type { ProcedureContext } from '../define.ts';

export interface PipedTool {
  /** Null when it could not be started, or was killed. */
  readonly exitCode: number | null;
  /** Of stdout and stderr. */
  readonly lines: readonly string[];
  /** It is not installed. */
  readonly missing: boolean;
  /** Why it failed, in short. */
  readonly reason: string;
}

const longestMs = 600_000;

export async function pipedTool(
  { env, signal }: Pick<ProcedureContext, 'env' | 'signal'>,
  program: string,
  args: readonly string[],
): Promise<PipedTool> {
  const result = await execa(program, args, {
    env: { ...env, LC_ALL: 'C' },
    ...{ reject: false, all: true, stdin: 'ignore', cancelSignal: signal, timeout: longestMs, extendEnv: false },
  });
  signal.throwIfAborted();
  const text = typeof result.all === 'string' ? result.all.trim() : '';
  return {
    exitCode: result.exitCode ?? null,
    lines: text === '' ? [] : text.split('\n'),
    missing: result.code === 'ENOENT',
    reason: result.shortMessage ?? 'unknown reason',
  };
}
