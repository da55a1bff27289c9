/** What the runner is given, and what it tells. */
import type { Logger } from 'pino';
import type { EventBus } from '../events.ts';
import type { Finding, Run } from '../protocol/nouns.ts';
import type { Clock } from '../schedule/clock.ts';
import type { Seal } from '../secrets/seal.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Database } from '../store/database.ts';
import type { Launch, RunDirectory } from './directory.ts';
import type { ExecutionParts } from './execution.ts';
import type { Limits } from './queue.ts';
import type { AlertOn } from './request.ts';
import type { ProcedureEnd } from './results.ts';
import { surroundingsOf, type Surroundings } from './surroundings.ts';

export interface EndedRun {
  readonly run: Run;
  readonly findings: readonly Finding[];
  readonly end: ProcedureEnd | null;
  /** `nothing` also for an attempt that is followed by another. */
  readonly alertOn: AlertOn;
}

export interface RunnerParts {
  readonly database: Database;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
  /** What no record of a run may hold. */
  readonly secrets: Secrets;
  /** Absent = the configuration has none. */
  readonly seal?: Seal;
  /** Before the process of a run starts, or is taken over. */
  readonly onBegin?: (runId: string) => void;
  /** Folder `runs/`. */
  readonly root: string;
  /** Time between TERM and KILL; 10 s when not given. */
  readonly stopGraceMs?: number;
  readonly cwd: () => string;
  /** Environment of children, made anew for each. */
  readonly environment: () => Readonly<Record<string, string | undefined>>;
  /** What the configuration in force adds for a task. */
  readonly taskEnvironment?: (task: string) => Readonly<Record<string, string>>;
  /** argv that starts this very Upkeep. */
  readonly self?: readonly string[];
  readonly limits?: () => Limits;
  /** Bytes of output that are kept of a run that says nothing else; 1 GiB when not given. */
  readonly outputLimit?: () => number;
  /** From 0 up to 1; for the jitter of retries. */
  readonly random?: () => number;
}

const defaultStopGraceMs = 10_000;
const defaultOutputLimit = 2 ** 30;

/** What every execution gets of the runner's parts, with what they leave out. */
export function executionDefaults(
  parts: RunnerParts,
): Pick<ExecutionParts, 'clock' | 'log' | 'secrets' | 'stopGraceMs' | 'outputLimit' | 'spaceIsShort'> {
  const { clock, log, secrets, stopGraceMs, outputLimit, database } = parts;
  return {
    clock,
    log,
    secrets,
    stopGraceMs: stopGraceMs ?? defaultStopGraceMs,
    outputLimit: outputLimit?.() ?? defaultOutputLimit,
    spaceIsShort: () => database.condition().state !== 'ok',
  };
}

/** What a launch is started with, by the configuration as it is now. */
export function surroundingsFor(
  { cwd, environment, self, taskEnvironment }: RunnerParts,
  seal: Seal,
  launch: Launch,
  directory: RunDirectory,
): Promise<Surroundings> {
  const added = launch.environmentOf === null ? {} : (taskEnvironment?.(launch.environmentOf) ?? {});
  return surroundingsOf(launch, directory, { cwd: cwd(), environment: environment(), self: self ?? [], seal }, added);
}
