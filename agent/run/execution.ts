/** One run from its start to its end: spawns or adopts its process, watches it, stops it, and judges how it ended. */
import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Finding, Progress, Run } from '../protocol/nouns.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { callAt, type Clock } from '../schedule/clock.ts';
import { adoptProcess, unreadable } from './adopt.ts';
import type { ExitRecord, Launch, RunDirectory, StopOrder } from './directory.ts';
import { noteFullDisk } from './fullDisk.ts';
import { isAlive, leaderOf, leftBehind, stopGroup } from './group.ts';
import { judge, type Verdict } from './outcome.ts';
import { OutputCap } from './outputCap.ts';
import { startProcess } from './process.ts';
import { ResultsReader, type ProcedureEnd } from './results.ts';
import { isShortage, startProblem } from './startProblem.ts';
import type { Surroundings } from './surroundings.ts';
import { cameSecond } from './wrapper.ts';

const progressEveryMs = 250;
/** What can not be read now (EMFILE) is tried again so often. */
const rereadMs = 500;
/** Once the exit status of a run is written its wrapper goes at once; one that is still there after this long is stopped. */
const goneMs = 2000;
/** Beyond these, findings are counted but not kept: a script that writes them without end must not fill the memory. */
const mostFindings = 10_000;

export interface ExecutionEnd {
  readonly run: Run;
  readonly findings: readonly Finding[];
  readonly end: ProcedureEnd | null;
}

export interface ExecutionParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly secrets: Secrets;
  readonly stopGraceMs: number;
  /** Bytes of output that are kept. */
  readonly outputLimit: number;
  /** True while the disk of the store has no space. */
  readonly spaceIsShort: () => boolean;
  readonly surroundings: (launch: Launch, directory: RunDirectory) => Promise<Surroundings>;
  readonly onChange: (run: Run) => void;
  readonly onProgress: (runId: string, progress: Progress) => void;
  readonly onEnd: (ended: ExecutionEnd) => void;
}

interface Stop extends StopOrder {
  killed: boolean;
  over: boolean;
  left: readonly number[];
  unseen: boolean;
}

export class Execution {
  run: Run;
  readonly #launch: Launch;
  readonly #directory: RunDirectory;
  readonly #parts: ExecutionParts;
  readonly #reader: ResultsReader;
  readonly #findings: Finding[] = [];
  readonly #cap: OutputCap;
  #pid: number | null = null;
  #stop: Stop | null = null;
  #disarm: (() => void)[] = [];
  #progressAt = 0;
  /** Its process is gone, or the agent does not watch it any more. */
  #over = false;
  #released = false;

  constructor(run: Run, launch: Launch, directory: RunDirectory, parts: ExecutionParts) {
    this.run = run;
    this.#launch = launch;
    this.#directory = directory;
    this.#parts = parts;
    const on = {
      finding: (item: Finding): void => {
        this.#note(item);
      },
      progress: (item: Progress): void => {
        this.#progress(item);
      },
    };
    this.#reader = new ResultsReader(directory.results, on, parts.secrets);
    this.#cap = new OutputCap({
      output: directory.output,
      limit: launch.settings.outputLimit ?? parts.outputLimit,
      clock: parts.clock,
      onProblem: (error) => {
        parts.log.warn({ run: run.id, error }, 'the output of a run could not be kept below its limit');
      },
    });
  }

  /** Resolves once the process runs, or could not be started. */
  async start(): Promise<void> {
    try {
      const surroundings = await this.#parts.surroundings(this.#launch, this.#directory);
      if (this.#stop !== null) {
        this.#stop.over = true;
        await this.#finish(null, null);
        return;
      }
      const started = await startProcess(this.#directory, this.run.id, surroundings.command, surroundings);
      this.#pid = started.pid;
      void started.ended.then(({ code, signal }) => this.#gone(code, signal));
    } catch (error) {
      this.#over = true;
      this.#end({ outcome: 'failed', reason: `could not be started: ${startProblem(error)}` }, null, null, 0);
      return;
    }
    this.#watch();
    this.#carryOutIfAsked();
  }

  /** Takes over what another agent has started, or ends what has ended meanwhile. */
  async adopt(): Promise<void> {
    this.run = { ...this.run, adopted: true };
    this.#quietly('read its results', () => {
      this.#reader.readIfThere();
    });
    const order = this.#readOr(null, 'read whether it was being stopped', () => this.#directory.readStop());
    if (order !== null) this.#stop = { ...order, killed: false, over: false, left: [], unseen: false };
    const pid = await this.#livingLeader();
    if (pid === null) {
      if (this.#stop !== null) this.#stop.over = true;
      await this.#finish(null, null);
      return;
    }
    this.#pid = pid;
    const { id, task } = this.run;
    this.#parts.log.info({ run: id, task, pid }, 'adopted a run that was going on');
    this.#parts.onChange(this.run);
    this.#watch();
    this.#await(pid);
    this.#carryOutIfAsked();
  }

  /** Stops it; the end follows by `onEnd`. A run that has just ended by itself keeps its own end. */
  stop(cause: StopOrder['cause'], by: string): void {
    if (this.#stop !== null || this.#over) return;
    if (!this.#hasExit()) {
      this.#stopNow(cause, by);
      return;
    }
    // Its wrapper is about to go, unless the job itself has written that file.
    this.#disarm.push(
      this.#parts.clock.after(goneMs, () => {
        if (this.#stop === null) this.#stopNow(cause, by);
      }),
    );
  }

  #stopNow(cause: StopOrder['cause'], by: string): void {
    this.#stop = { cause, by, killed: false, over: false, left: [], unseen: false };
    this.#quietly('note that it is being stopped', () => {
      this.#directory.writeStop({ cause, by });
    });
    this.run = { ...this.run, state: 'stopping' };
    this.#parts.onChange(this.run);
    if (this.#pid !== null) this.#carryOutIfAsked();
  }

  /** Stops watching; the process goes on and is adopted by the next agent. */
  release(): void {
    this.#released = true;
    this.#rest();
    void this.#cap.stop();
  }

  #watch(): void {
    this.#reader.follow();
    this.#cap.start();
    const { deadline } = this.#launch;
    if (deadline === null) return;
    this.#disarm.push(
      callAt(this.#parts.clock, deadline, () => {
        this.stop('timed-out', 'upkeep');
      }),
    );
  }

  #rest(): void {
    for (const disarm of this.#disarm) disarm();
    this.#disarm = [];
    this.#reader.stop();
  }

  #carryOutIfAsked(): void {
    if (this.#stop !== null) void this.#carryOut(this.#stop);
  }

  async #carryOut(stop: Stop): Promise<void> {
    const group = this.#pid ?? 0;
    try {
      const result = await stopGroup(this.run.id, group, this.#parts.stopGraceMs, this.#directory.output);
      stop.killed = result.killed;
      stop.left = result.left;
    } catch (error) {
      this.#parts.log.error({ run: this.run.id, error }, 'nobody can see whether a stopped run is gone');
      stop.unseen = true;
    }
    if (stop.left.length > 0) {
      this.#parts.log.error({ run: this.run.id, left: stop.left }, 'processes of a stopped run survive KILL');
    }
    stop.over = true;
    await this.#finish(null, null);
  }

  /**
   * The process that this agent has started is gone. An agent that is killed in the very moment of a start may have forked one that
   * shows no marker yet, so that the run was started anew: whichever came first has the run.
   */
  async #gone(code: number | null, signal: string | null): Promise<void> {
    const second = code === cameSecond && this.#readPid() !== this.#pid && this.#stop === null;
    const first = second ? await this.#livingLeader().catch(() => null) : null;
    if (first === null || this.#stop !== null) {
      await this.#finish(code, signal);
      return;
    }
    this.#pid = first;
    this.run = { ...this.run, adopted: true };
    this.#parts.log.info({ run: this.run.id, pid: first }, 'the process of an agent before this one came first');
    this.#parts.onChange(this.run);
    this.#await(first);
  }

  /** Until a process that is not our child has ended. */
  #await(pid: number): void {
    this.#disarm.push(
      adoptProcess(
        this.#directory,
        () => isAlive(this.run.id, pid),
        this.#parts.clock,
        () => void this.#finish(null, null),
      ),
    );
  }

  /** The wrapper, by its pid file, or by the marker when the agent died before the wrapper had written that. */
  async #livingLeader(): Promise<number | null> {
    const pid = this.#readPid();
    if (pid === null) return leaderOf(this.run.id);
    return (await isAlive(this.run.id, pid)) ? pid : null;
  }

  #note(item: Finding): void {
    if (this.#findings.length < mostFindings) this.#findings.push(item);
    const { findings } = this.run;
    this.run = { ...this.run, findings: { ...findings, [item.level]: findings[item.level] + 1 } };
  }

  #progress(item: Progress): void {
    this.run = { ...this.run, progress: item };
    const now = this.#parts.clock.now();
    if (Math.abs(now - this.#progressAt) < progressEveryMs) return;
    this.#progressAt = now;
    this.#parts.onProgress(this.run.id, item);
  }

  /** The process is gone: reads what it left and ends the run, once. While a stop is under way the stop ends it. */
  async #finish(code: number | null, signal: string | null): Promise<void> {
    if (this.#over || this.#released || (this.#stop !== null && !this.#stop.over)) return;
    this.#over = true;
    this.#rest();
    const background = await this.#background();
    const dropped = await this.#cap.stop().catch(() => 0);
    this.#conclude(code, signal, background, dropped);
  }

  #conclude(code: number | null, signal: string | null, background: readonly number[], dropped: number): void {
    // The agent stops: the next one ends it, from what it left.
    if (this.#released) return;
    let exit: ExitRecord | null = null;
    let lost: string | null = null;
    try {
      exit = this.#directory.readExit();
    } catch (error) {
      if (isShortage(error)) {
        this.#parts.log.warn({ run: this.run.id, error }, 'the end of a run can not be read; it is tried again');
        this.#parts.clock.after(rereadMs, () => {
          this.#conclude(code, signal, background, dropped);
        });
        return;
      }
      lost = unreadable(this.#directory, error);
    }
    this.#quietly('read its results', () => {
      this.#reader.readIfThere();
    });
    const { procedure, findings } = this.run;
    const verdict = judge({
      kind: procedure === null ? 'script' : 'procedure',
      code: exit?.code ?? code,
      signal: exit === null ? signal : null,
      stop: this.#stop,
      procedureOutcome: this.#reader.end?.outcome ?? null,
      warnings: findings.warning + findings.critical,
      background,
      unreadable: lost,
    });
    const missing = this.#reader.refused;
    if (missing > 0) this.#parts.log.warn({ run: this.run.id, lines: missing }, 'results that could not be understood');
    const noted = noteFullDisk(verdict, this.#directory.output, this.#parts.spaceIsShort());
    this.#end(noted, exit?.code ?? code, { signal, at: exit?.at ?? null }, dropped);
  }

  async #background(): Promise<readonly number[]> {
    if (this.#stop !== null) return [];
    const group = this.#pid ?? this.#readPid();
    if (group === null) return [];
    return leftBehind(this.run.id, group).catch((error: unknown) => {
      this.#parts.log.warn({ run: this.run.id, error }, 'nobody can see whether a run left anything in the background');
      return [];
    });
  }

  #end(
    verdict: Verdict,
    exitCode: number | null,
    process: { readonly signal: string | null; readonly at: number | null } | null,
    outputDropped: number,
  ): void {
    this.#rest();
    const now = this.#parts.clock.now();
    const started = this.run.startedAt === null ? now : Date.parse(this.run.startedAt);
    const ended = Math.max(started, Math.min(process?.at ?? now, now));
    this.run = {
      ...this.run,
      state: 'ended',
      outcome: verdict.outcome,
      outcomeReason: this.#parts.secrets.deep(verdict.reason),
      exitCode,
      signal: process?.signal ?? null,
      endedAt: new Date(ended).toISOString(),
      durationMs: ended - started,
      outputDropped,
      progress: null,
    };
    this.#parts.onEnd({ run: this.run, findings: this.#findings, end: this.#reader.end });
  }

  /** Its command has ended as soon as the file is there, be it still empty. */
  #hasExit(): boolean {
    return existsSync(this.#directory.exit);
  }

  #readPid(): number | null {
    return this.#readOr(null, 'read its pid', () => this.#directory.readPid());
  }

  #quietly(what: string, work: () => void): void {
    this.#readOr(undefined, what, work);
  }

  /** What can not be read says nothing; that is logged. */
  #readOr<T>(otherwise: T, what: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      this.#parts.log.error({ run: this.run.id, error }, `could not ${what}`);
      return otherwise;
    }
  }
}
