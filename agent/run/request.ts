/** What is to be run, and why; and the record that it begins with. */
import type { Run } from '../protocol/nouns.ts';
import { newApproval } from './approval.ts';
import { newRunId, type Launch, type RunDirectory } from './directory.ts';
import { defaultSettings, type RunSettings } from './settings.ts';

/** From which end on people are told: a failure or critical finding, or already a warning. */
export type AlertOn = Launch['alertOn'];

export interface RunRequest {
  readonly task: string;
  readonly kind: Run['kind'];
  readonly procedure: string | null;
  readonly trigger: Run['trigger'];
  readonly actor: string;
  readonly reason: string | null;
  readonly dryRun: boolean;
  /** Milliseconds since the epoch, for runs that a schedule asked for. */
  readonly scheduledFor: number | null;
  readonly windowId: string | null;
  readonly requestId: string | null;
  /** Of each attempt; null = none. */
  readonly timeoutMs: number | null;
  readonly alertOn: AlertOn;
  /** The command; for a block the caller gets the run's directory to put its script there. */
  readonly command: (directory: RunDirectory) => readonly string[];
  /** True = the command is arguments for this very Upkeep, found anew at the start: an upgrade may have moved it. */
  readonly self?: boolean;
  /** Options of a procedure. */
  readonly options?: Readonly<Record<string, unknown>> | null;
  /** Script file whose owner and mode are checked before the start. */
  readonly script?: string | null;
  /** Writes down what goes with the record of this run, in the same transaction. */
  readonly onRecord?: () => void;
  /** What is not given is as in `defaultSettings`. */
  readonly settings?: Partial<RunSettings>;
}

/** What follows from another run: its next attempt, or the clean-up after it. */
export interface Lineage {
  readonly attempt: number;
  readonly retryOf: string | null;
}

export function settingsOf(request: Pick<RunRequest, 'settings'>): RunSettings {
  return { ...defaultSettings, ...request.settings };
}

/** A record in state `queued`. `now` in milliseconds since the epoch. */
export function newRun(request: Omit<RunRequest, 'command'>, now: number, lineage?: Lineage): Run {
  const at = new Date(now).toISOString();
  const { retries, approval } = settingsOf(request);
  return {
    id: newRunId(new Date(now)),
    task: request.task,
    kind: request.kind,
    procedure: request.procedure,
    trigger: request.trigger,
    attempt: lineage?.attempt ?? 1,
    attempts: 1 + (retries?.count ?? 0),
    retryOf: lineage?.retryOf ?? null,
    scheduledFor: request.scheduledFor === null ? null : new Date(request.scheduledFor).toISOString(),
    actor: request.actor,
    reason: request.reason,
    dryRun: request.dryRun,
    windowId: request.windowId,
    state: 'queued',
    waitingFor: null,
    waitingReason: null,
    waitingUntil: null,
    approval: approval === null ? null : newApproval(approval, now),
    outcome: null,
    outcomeReason: null,
    exitCode: null,
    signal: null,
    queuedAt: at,
    startedAt: null,
    endedAt: null,
    durationMs: null,
    adopted: false,
    outputDropped: 0,
    findings: { ok: 0, info: 0, warning: 0, critical: 0 },
    progress: null,
  };
}

const noWait = { waitingFor: null, waitingReason: null, waitingUntil: null } as const;

/** `now` in milliseconds since the epoch. */
export function startedRun(run: Run, now: number): Run {
  return { ...run, ...noWait, state: 'running', startedAt: new Date(now).toISOString() };
}

/** As it waits again: an agent died before it could start it. */
export function queuedRun(run: Run): Run {
  return { ...run, state: 'queued', startedAt: null };
}

/** A run that ends without ever having had a process. `reason` is one clause; `now` in milliseconds since the epoch. */
export function endedRun(run: Run, outcome: NonNullable<Run['outcome']>, reason: string, now: number): Run {
  const at = new Date(now).toISOString();
  return { ...run, ...noWait, state: 'ended', outcome, outcomeReason: reason, endedAt: at };
}
