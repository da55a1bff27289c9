/** How a run ended, from what is known about it: a pure decision. */
import type { Outcome } from '../protocol/nouns.ts';

export interface Ending {
  readonly kind: 'procedure' | 'script';
  /** From exit.json or the process itself; null when neither is there. */
  readonly code: number | null;
  readonly signal: string | null;
  /** Why the agent stopped it, if it did. */
  readonly stop: {
    readonly cause: 'cancelled' | 'timed-out';
    readonly by: string;
    readonly killed: boolean;
    /** Processes that survived KILL. */
    readonly left?: readonly number[];
    /** True when nobody could look whether any is left. */
    readonly unseen?: boolean;
  } | null;
  /** What the procedure itself said at its end. */
  readonly procedureOutcome: Extract<Outcome, 'changed' | 'unchanged' | 'warning' | 'failed'> | null;
  readonly warnings: number;
  /** Processes that it left in the background. */
  readonly background?: readonly number[];
  /** Why nobody can read what it left, one clause; null or absent = it was read. */
  readonly unreadable?: string | null;
}

export interface Verdict {
  readonly outcome: Outcome;
  readonly reason: string | null;
}

export function judge(ending: Ending): Verdict {
  if (ending.stop !== null) return judgeStop(ending.stop);
  const { outcome, reason } = judgeEnd(ending);
  const left = ending.background ?? [];
  if (left.length === 0) return { outcome, reason };
  const background = `it left ${pidsText(left)} running in the background`;
  return { outcome, reason: reason === null ? background : `${reason}; ${background}` };
}

function judgeEnd(ending: Ending): Verdict {
  if (ending.signal !== null) return { outcome: 'failed', reason: `killed by ${ending.signal}` };
  if (ending.code === null) {
    const unknown = ending.unreadable ?? null;
    const how = unknown === null ? 'and left no exit status: look at the output' : `and ${unknown}: look there`;
    return { outcome: 'lost', reason: `its process is gone ${how} before you run it again` };
  }
  if (ending.code !== 0) return { outcome: 'failed', reason: exitReason(ending) };
  if (ending.kind === 'script') return { outcome: ending.warnings > 0 ? 'warning' : 'changed', reason: null };
  if (ending.procedureOutcome === null) {
    return { outcome: 'failed', reason: 'the procedure ended without a result: look at its output' };
  }
  return { outcome: ending.procedureOutcome, reason: null };
}

function judgeStop(stop: NonNullable<Ending['stop']>): Verdict {
  const left = stop.left ?? [];
  const how = [
    stop.killed ? ', killed after the grace period' : '',
    left.length === 0 ? '' : `, but ${pidsText(left)} could not be ended: look at it`,
    stop.unseen === true ? ', but nobody could look whether its processes are gone: look at it' : '',
  ].join('');
  return stop.cause === 'timed-out'
    ? { outcome: 'timed-out', reason: `stopped at its time-out${how}` }
    : { outcome: 'cancelled', reason: `stopped by ${stop.by}${how}` };
}

function pidsText(pids: readonly number[]): string {
  const shown = pids.slice(0, 5).join(', ');
  return `${pids.length === 1 ? 'process' : 'processes'} ${shown}${pids.length > 5 ? ` and ${pids.length - 5} more` : ''}`;
}

function exitReason(ending: Ending): string {
  const code = ending.code ?? 0;
  if (ending.kind === 'procedure' && ending.procedureOutcome === 'failed') return 'see its findings';
  if (code === 127) return 'exit code 127: a command was not found';
  if (code === 126) return 'exit code 126: a command could not be executed';
  if (code === 137) return 'exit code 137: killed by signal 9, as the kernel does when memory runs out';
  // sh(1): a command killed by signal N gives 128 + N.
  return code > 128 && code < 160 ? `exit code ${code} (signal ${code - 128})` : `exit code ${code}`;
}
