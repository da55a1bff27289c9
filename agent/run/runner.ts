/** Starts, watches, stops and ends runs. A run is recorded before its process starts, and ends exactly once. */
import type { Logger } from 'pino';
import type { EventBus } from '../events.ts';
import type { Finding, Progress, Run } from '../protocol/nouns.ts';
import { callAt, type Clock } from '../schedule/clock.ts';
import type { Database } from '../store/database.ts';
import { findRunByRequest, insertRun, listOpenRuns, updateRun } from '../store/runs.ts';
import { isAlive, stopGroup } from './group.ts';
import { RunDirectory, newRunId, type Launch } from './directory.ts';
import { adoptProcess } from './adopt.ts';
import { judge } from './outcome.ts';
import { startProcess } from './process.ts';
import { ResultsReader, type ProcedureEnd } from './results.ts';

const defaultStopGraceMs = 10_000;
const progressEveryMs = 250;

/** From which end on people are told: a failure or critical finding, or already a warning. */
export type AlertOn = Launch['alertOn'];

/** What is to be run, and why. */
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
  readonly timeoutMs: number | null;
  readonly alertOn: AlertOn;
  /** The command; for a block the caller gets the run's directory to put its script there. */
  readonly command: (directory: RunDirectory) => readonly string[];
}

export interface EndedRun {
  readonly run: Run;
  readonly findings: readonly Finding[];
  readonly end: ProcedureEnd | null;
  readonly alertOn: AlertOn;
}

interface OpenRun {
  run: Run;
  readonly directory: RunDirectory;
  readonly reader: ResultsReader;
  readonly findings: Finding[];
  readonly alertOn: AlertOn;
  pid: number | null;
  stop: { cause: 'cancelled' | 'timed-out'; by: string; killed: boolean; over: boolean } | null;
  disarm: () => void;
  progressAt: number;
  readonly ended: PromiseWithResolvers<Run>;
}

export interface RunnerParts {
  readonly database: Database;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly log: Logger;
  /** Folder `runs/`. */
  readonly root: string;
  /** Time between TERM and KILL; 10 s when not given. */
  readonly stopGraceMs?: number;
  readonly cwd: () => string;
  /** Environment of children, made anew for each. */
  readonly environment: () => Readonly<Record<string, string | undefined>>;
}

export class Runner {
  readonly #parts: RunnerParts;
  readonly #open = new Map<string, OpenRun>();
  readonly #listeners = new Set<(ended: EndedRun) => void>();

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** Takes over what another agent left running; ends what ended meanwhile. */
  async start(): Promise<void> {
    for (const run of listOpenRuns(this.#parts.database)) await this.#adopt(run);
  }

  /** Stops watching; the runs go on and are adopted by the next agent. */
  stop(): void {
    for (const open of this.#open.values()) {
      open.disarm();
      open.reader.stop();
    }
    this.#open.clear();
  }

  onEnded(listener: (ended: EndedRun) => void): void {
    this.#listeners.add(listener);
  }

  openRuns(): readonly Run[] {
    return [...this.#open.values()].map((open) => open.run);
  }

  /** The open run of a task, if there is one. */
  openRunOf(task: string): Run | null {
    return this.openRuns().find((run) => run.task === task && run.kind !== 'block') ?? null;
  }

  /** True when this very request started the run: a client that asks again after a lost answer. */
  isSameRequest(runId: string, requestId: string): boolean {
    return findRunByRequest(this.#parts.database, requestId)?.id === runId;
  }

  /** Resolves with the run as it ended; null when it is not open. */
  whenEnded(runId: string): Promise<Run> | null {
    return this.#open.get(runId)?.ended.promise ?? null;
  }

  /** Starts a run. The same `requestId` gives the same run again. */
  async launch(request: RunRequest): Promise<Run> {
    const earlier = request.requestId === null ? null : findRunByRequest(this.#parts.database, request.requestId);
    if (earlier !== null) return this.#open.get(earlier.id)?.run ?? earlier;
    const run = newRun(request, this.#parts.clock.now());
    const directory = this.#directoryOf(run.id);
    directory.create();
    const command = request.command(directory);
    const deadline = request.timeoutMs === null ? null : this.#parts.clock.now() + request.timeoutMs;
    directory.writeLaunch({ run, command: [...command], deadline, alertOn: request.alertOn });
    this.#record(run, () => {
      insertRun(this.#parts.database, run, request.requestId);
    });
    const open = this.#watch(run, directory, request.alertOn);
    await this.#spawn(open, command);
    if (open.run.state !== 'ended') this.#armDeadline(open, deadline);
    return open.run;
  }

  /** Records a run that was not started, with the reason. */
  recordSkipped(request: Omit<RunRequest, 'command'>, outcome: 'skipped' | 'missed', reason: string): Run {
    const now = this.#parts.clock.now();
    const at = new Date(now).toISOString();
    const fresh = newRun(request, now);
    const run: Run = { ...fresh, state: 'ended', outcome, outcomeReason: reason, startedAt: null, endedAt: at };
    this.#record(run, () => {
      insertRun(this.#parts.database, run, request.requestId);
    });
    this.#tell({ run, findings: [], end: null, alertOn: request.alertOn });
    return run;
  }

  /** Stops an open run and resolves with it once it has ended; null when it is not open. */
  async cancel(runId: string, by: string): Promise<Run | null> {
    const open = this.#open.get(runId);
    if (open === undefined) return null;
    await this.#stopRun(open, 'cancelled', by);
    return open.ended.promise;
  }

  async #spawn(open: OpenRun, command: readonly string[]): Promise<void> {
    const { cwd, environment } = this.#parts;
    try {
      const started = await startProcess(open.directory, open.run.id, command, { cwd: cwd(), env: environment() });
      open.pid = started.pid;
      void started.ended.then(({ code, signal }) => {
        this.#finish(open, code, signal);
      });
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      this.#end(open, { outcome: 'failed', reason: `could not be started: ${cause}` }, null, null);
    }
  }

  async #adopt(run: Run): Promise<void> {
    const directory = this.#directoryOf(run.id);
    const launch: Launch | null = directory.readLaunch();
    directory.create();
    const open = this.#watch({ ...run, adopted: true }, directory, launch?.alertOn ?? 'nothing');
    open.reader.read();
    const pid = directory.readPid();
    if (directory.readExit() === null && pid !== null && (await isAlive(run.id, pid))) {
      open.pid = pid;
      this.#parts.log.info({ run: run.id, task: run.task, pid }, 'adopted a run that was going on');
      this.#save(open);
      this.#armDeadline(open, launch?.deadline ?? null);
      const watching = adoptProcess(
        directory,
        () => isAlive(run.id, pid),
        this.#parts.clock,
        () => {
          this.#finish(open, null, null);
        },
      );
      const disarm = open.disarm;
      open.disarm = () => {
        disarm();
        watching();
      };
      return;
    }
    this.#finish(open, null, null);
  }

  #watch(run: Run, directory: RunDirectory, alertOn: AlertOn): OpenRun {
    const findings: Finding[] = [];
    const reader = new ResultsReader(directory.results, {
      finding: (item) => {
        findings.push(item);
        open.run = { ...open.run, findings: { ...open.run.findings, [item.level]: open.run.findings[item.level] + 1 } };
      },
      progress: (item) => {
        this.#progress(open, item);
      },
    });
    const open: OpenRun = {
      run,
      directory,
      reader,
      findings,
      alertOn,
      pid: null,
      stop: null,
      disarm: () => undefined,
      progressAt: 0,
      ended: Promise.withResolvers<Run>(),
    };
    this.#open.set(run.id, open);
    reader.follow();
    return open;
  }

  #armDeadline(open: OpenRun, deadline: number | null): void {
    if (deadline === null) return;
    open.disarm = callAt(this.#parts.clock, deadline, () => {
      void this.#stopRun(open, 'timed-out', 'upkeep');
    });
  }

  async #stopRun(open: OpenRun, cause: 'cancelled' | 'timed-out', by: string): Promise<void> {
    if (open.stop !== null || open.pid === null) return;
    open.stop = { cause, by, killed: false, over: false };
    open.run = { ...open.run, state: 'stopping' };
    this.#save(open);
    const result = await stopGroup(open.run.id, open.pid, this.#parts.stopGraceMs ?? defaultStopGraceMs);
    open.stop.killed = result.killed;
    open.stop.over = true;
    if (result.left.length > 0) {
      this.#parts.log.error({ run: open.run.id, left: result.left }, 'processes of a stopped run survive KILL');
    }
    this.#finish(open, null, null);
  }

  #progress(open: OpenRun, item: Progress): void {
    open.run = { ...open.run, progress: item };
    const now = this.#parts.clock.now();
    if (Math.abs(now - open.progressAt) < progressEveryMs) return;
    open.progressAt = now;
    this.#parts.events.emit('run.progress', { runId: open.run.id, progress: item });
  }

  /** The process is gone: reads what it left and ends the run, once. While a stop is under way the stop ends it. */
  #finish(open: OpenRun, code: number | null, signal: string | null): void {
    if (open.run.state === 'ended' || !this.#open.has(open.run.id)) return;
    if (open.stop !== null && !open.stop.over) return;
    const exit = open.directory.readExit();
    open.reader.read();
    const { procedure, findings } = open.run;
    const verdict = judge({
      kind: procedure === null ? 'script' : 'procedure',
      code: exit?.code ?? code,
      signal: exit === null ? signal : null,
      stop: open.stop,
      procedureOutcome: open.reader.end?.outcome ?? null,
      warnings: findings.warning + findings.critical,
    });
    const missing = open.reader.refused;
    if (missing > 0) this.#parts.log.warn({ run: open.run.id, lines: missing }, 'results that could not be understood');
    this.#end(open, verdict, exit?.code ?? code, { signal, at: exit?.at ?? null });
  }

  #end(
    open: OpenRun,
    verdict: ReturnType<typeof judge>,
    exitCode: number | null,
    process: { readonly signal: string | null; readonly at: number | null } | null,
  ): void {
    open.disarm();
    open.reader.stop();
    const now = this.#parts.clock.now();
    const started = open.run.startedAt === null ? now : Date.parse(open.run.startedAt);
    const ended = Math.max(started, Math.min(process?.at ?? now, now));
    open.run = {
      ...open.run,
      state: 'ended',
      outcome: verdict.outcome,
      outcomeReason: verdict.reason,
      exitCode,
      signal: process?.signal ?? null,
      endedAt: new Date(ended).toISOString(),
      durationMs: ended - started,
      progress: null,
    };
    this.#open.delete(open.run.id);
    this.#save(open);
    this.#tell({
      run: open.run,
      findings: open.findings,
      end: open.reader.end,
      alertOn: open.alertOn,
    });
    open.ended.resolve(open.run);
  }

  #save(open: OpenRun): void {
    this.#record(open.run, () => {
      updateRun(this.#parts.database, open.run);
    });
  }

  #record(run: Run, write: () => void): void {
    this.#parts.database.transaction(() => {
      write();
      this.#parts.events.emit('run.changed', { run });
    });
  }

  #tell(ended: EndedRun): void {
    for (const listener of this.#listeners) listener(ended);
  }

  #directoryOf(runId: string): RunDirectory {
    const directory = RunDirectory.of(this.#parts.root, runId);
    if (directory === null) throw new Error(`"${runId}" is not a run id`);
    return directory;
  }
}

function newRun(request: Omit<RunRequest, 'command'>, now: number): Run {
  const at = new Date(now).toISOString();
  return {
    id: newRunId(new Date(now)),
    task: request.task,
    kind: request.kind,
    procedure: request.procedure,
    trigger: request.trigger,
    attempt: 1,
    scheduledFor: request.scheduledFor === null ? null : new Date(request.scheduledFor).toISOString(),
    actor: request.actor,
    reason: request.reason,
    dryRun: request.dryRun,
    windowId: request.windowId,
    state: 'running',
    outcome: null,
    outcomeReason: null,
    exitCode: null,
    signal: null,
    queuedAt: at,
    startedAt: at,
    endedAt: null,
    durationMs: null,
    adopted: false,
    findings: { ok: 0, info: 0, warning: 0, critical: 0 },
    progress: null,
  };
}
