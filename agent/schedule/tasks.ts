/** Tasks as people and schedules start them: from the configuration in force to a request for the runner. */
import type { Logger } from 'pino';
import type { Config, LoadedTask } from '../config/schema.ts';
import type { MethodResult } from '../protocol/methods.ts';
import type { MaintenanceWindow, Role, Run, Task } from '../protocol/nouns.ts';
import type { AnyProcedure } from '../procedures/define.ts';
import { blockCommand } from '../run/block.ts';
import type { Runner, RunRequest } from '../run/runner.ts';
import {
  commandOfTask,
  defaultTimeoutMs,
  procedureCommand,
  requestOfTask,
  type TaskCommand,
} from '../run/taskRequest.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { RequestError } from '../server/requestError.ts';
import { appendAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import { getRun, hasRunAt } from '../store/runs.ts';
import type { Clock } from './clock.ts';
import { describeBlackout, type InBlackout } from './calendar.ts';
import { canDryRun, describeRefused, describeTask } from './describeTask.ts';
import type { DueRun, NotRun } from './scheduler.ts';

export interface Start {
  readonly requestId: string;
  readonly actor: string;
  readonly dryRun?: boolean;
  readonly reason?: string | null;
}

/** A task of the file that is refused, and why. */
export interface RefusedTask {
  readonly name: string;
  readonly line: number;
  readonly message: string;
}

export interface TasksParts {
  readonly database: Database;
  readonly runner: Runner;
  readonly clock: Clock;
  readonly log: Logger;
  readonly secrets: Secrets;
  readonly procedures: ReadonlyMap<string, AnyProcedure>;
  readonly config: () => Config;
  readonly refused: () => readonly RefusedTask[];
  readonly nextRunOf: (task: string) => number | null;
  /** Milliseconds since the epoch; null when the task is not snoozed. */
  readonly snoozedUntil: (task: string) => number | null;
  /** The blackout in which the task is now. */
  readonly blackoutOf: (task: LoadedTask) => InBlackout | null;
  readonly self: readonly string[];
  /** Folder in which blocks run. */
  readonly cwd: () => string;
}

/** Runs of one task that may wait at once: a task that takes longer than its interval must not fill the queue. */
const longestQueue = 100;

export class Tasks {
  readonly #parts: TasksParts;

  constructor(parts: TasksParts) {
    this.#parts = parts;
  }

  list(): readonly Task[] {
    const { config, refused, secrets } = this.#parts;
    const good = config().tasks.map((task) => this.#describe(task));
    return [...good, ...refused().map((task) => describeRefused(task, secrets))].sort(
      (one, other) => one.line - other.line,
    );
  }

  /** Throws when there is no such task, or it is refused. */
  require(name: string): LoadedTask {
    const task = this.#parts.config().tasks.find((candidate) => candidate.name === name);
    if (task !== undefined) return task;
    const refused = this.#parts.refused().find((candidate) => candidate.name === name);
    if (refused !== undefined) {
      throw new RequestError('refused', `The task "${name}" is refused: ${refused.message} (line ${refused.line})`);
    }
    throw new RequestError('notFound', `There is no task "${name}" in the configuration.`);
  }

  async run(name: string, start: Start): Promise<Run> {
    const task = this.require(name);
    const dryRun = start.dryRun ?? false;
    if (dryRun && !canDryRun(task)) {
      throw new RequestError(
        'refused',
        `"${name}" is a script that declares no dry run, so nobody can tell what it would do: give it \`dry_run_args\`, or run it.`,
      );
    }
    this.#refuseInBlackout(task, start);
    if (!dryRun) this.#refuseSecond(task, start.requestId);
    return this.#launch(
      { ...this.#requestOf(task), ...startOf(start), trigger: 'manual', dryRun },
      commandOfTask(task, dryRun),
    );
  }

  async runProcedure(name: string, options: Readonly<Record<string, unknown>>, start: Start): Promise<Run> {
    const procedure = this.#requireProcedure(name, options);
    const dryRun = start.dryRun ?? false;
    if (!dryRun) this.#refuseOverlap(procedure.name, start.requestId);
    const request: Omit<RunRequest, 'command'> = {
      task: procedure.name,
      kind: 'procedure',
      procedure: procedure.name,
      trigger: 'remedy',
      scheduledFor: null,
      windowId: null,
      timeoutMs: defaultTimeoutMs,
      alertOn: 'nothing',
      ...startOf(start),
      dryRun,
    };
    return this.#launch(request, procedureCommand(procedure.name, options, dryRun));
  }

  /** What a run of a procedure with these options does; throws as `runProcedure` does. */
  async preview(name: string, options: Readonly<Record<string, unknown>>): Promise<MethodResult<'procedures.preview'>> {
    const procedure = this.#requireProcedure(name, options);
    const { title, changes } = procedure;
    return {
      procedure: procedure.name,
      title,
      changes,
      impact: await procedure.impactOf(options, this.#parts.config()),
    };
  }

  /** Values that exist for options of a procedure; empty for one that offers none. Throws when there is no such procedure. */
  async choices(name: string): Promise<MethodResult<'procedures.choices'>> {
    const { choices } = this.#knownProcedure(name);
    return { choices: (await choices?.(this.#parts.config())) ?? {} };
  }

  async runBlock(
    block: { readonly runbook: string; readonly index: number; readonly language: string; readonly text: string },
    start: Start,
  ): Promise<Run> {
    const { procedures, self, cwd, runner } = this.#parts;
    const request: Omit<RunRequest, 'command'> = {
      task: `${block.runbook.slice(block.runbook.lastIndexOf('/') + 1)} #${block.index + 1}`,
      kind: 'block',
      procedure: null,
      trigger: 'runbook',
      scheduledFor: null,
      windowId: null,
      timeoutMs: defaultTimeoutMs,
      alertOn: 'nothing',
      ...startOf(start),
      dryRun: false,
    };
    return runner.launch({
      ...request,
      onRecord: this.#auditStart(request),
      command: (directory) => blockCommand(directory, block, { cwd: cwd(), procedures, self }),
    });
  }

  /** A schedule asks for a run; what becomes of it while another of the task is open is the task's overlap policy. */
  runDue(due: DueRun): void {
    const { task, scheduledFor } = due;
    const { database, runner, log } = this.#parts;
    if (hasRunAt(database, task.name, scheduledFor)) return;
    const plain = this.#requestOf(task);
    const request: Omit<RunRequest, 'command'> = {
      ...plain,
      ...(due.inTurn ? { settings: { ...plain.settings, overlap: 'queue' } } : {}),
      trigger: due.late ? 'catch-up' : 'schedule',
      actor: 'schedule',
      reason: due.late
        ? due.missed === 0
          ? 'its time was missed'
          : `it stands for ${due.missed + 1} missed runs`
        : null,
      requestId: null,
      dryRun: false,
      scheduledFor,
    };
    const inTheWay = this.#inTheWay(task, due.inTurn ? 'queue' : (task.overlap ?? 'forbid'));
    if (inTheWay !== null) {
      runner.recordSkipped(request, 'skipped', inTheWay);
      return;
    }
    this.#launch(request, commandOfTask(task, false)).catch((error: unknown) => {
      log.error({ task: task.name, error }, 'a scheduled run could not be started');
    });
  }

  /** A run that the schedule does not start: missed, paused, snoozed or in a blackout. */
  recordNotRun({ task, scheduledFor, outcome, reason }: NotRun): void {
    if (hasRunAt(this.#parts.database, task.name, scheduledFor)) return;
    const request: Omit<RunRequest, 'command'> = {
      ...this.#requestOf(task),
      trigger: 'schedule',
      actor: 'schedule',
      reason: null,
      requestId: null,
      dryRun: false,
      scheduledFor,
    };
    this.#parts.runner.recordSkipped(request, outcome, reason);
  }

  /** As clients see it; throws when there is no such task, or it is refused. */
  describe(name: string): Task {
    return this.#describe(this.require(name));
  }

  /** Runs the plan of a window in order, and stops at the first that ends badly or when the window is over. */
  async runPlan(
    window: MaintenanceWindow,
    stillOpen: () => boolean,
    onStarted: (runId: string) => void,
  ): Promise<void> {
    for (const name of window.plan) {
      if (!stillOpen()) return;
      const task = this.require(name);
      const request: Omit<RunRequest, 'command'> = {
        ...this.#requestOf(task),
        trigger: 'window',
        actor: window.openedBy,
        reason: window.reason,
        requestId: null,
        dryRun: false,
        windowId: window.id,
      };
      const run = await this.#launch(request, commandOfTask(task, false));
      onStarted(run.id);
      const ended = (await this.#parts.runner.whenEnded(run.id)) ?? getRun(this.#parts.database, run.id) ?? run;
      if (ended.outcome !== 'changed' && ended.outcome !== 'unchanged' && ended.outcome !== 'warning') {
        this.#parts.log.warn({ window: window.id, task: name, outcome: ended.outcome }, 'the plan stops here');
        return;
      }
    }
  }

  async cancel(runId: string, actor: string, reason: string | null): Promise<Run> {
    this.#audit(actor, 'run.cancel', runId, reason, {});
    const run = await this.#parts.runner.cancel(runId, actor);
    if (run !== null) return run;
    const ended = getRun(this.#parts.database, runId);
    if (ended === null) throw new RequestError('notFound', `There is no run ${runId}.`);
    throw new RequestError('conflict', `The run ${runId} has already ended (${ended.outcome ?? ended.state}).`);
  }

  /** One person's approval of a run that waits for it. */
  approve(runId: string, by: { readonly actor: string; readonly role: Role }, reason: string | null): Run {
    const answer = this.#parts.runner.approve(runId, by);
    if (answer === null) throw this.#notWaiting(runId);
    if (!answer.ok) throw new RequestError(answer.error, answer.message);
    const { required, given } = answer.approval;
    this.#audit(by.actor, 'run.approve', runId, reason, { required, given: given.length });
    return this.#openOrEnded(runId);
  }

  reject(runId: string, actor: string, reason: string | null): Run {
    const run = this.#parts.runner.reject(runId, actor, reason);
    if (run === null) throw this.#notWaiting(runId);
    this.#audit(actor, 'run.reject', runId, reason, {});
    return run;
  }

  #requireProcedure(name: string, options: Readonly<Record<string, unknown>>): AnyProcedure {
    const procedure = this.#knownProcedure(name);
    const issue = procedure.options.safeParse(options).error?.issues[0];
    if (issue === undefined) return procedure;
    throw new RequestError('invalidParams', `${name}: ${issue.path.join('.')} ${issue.message}`);
  }

  #knownProcedure(name: string): AnyProcedure {
    const procedure = this.#parts.procedures.get(name);
    if (procedure === undefined) throw new RequestError('notFound', `There is no procedure "${name}".`);
    return procedure;
  }

  #requestOf(task: LoadedTask): ReturnType<typeof requestOfTask> {
    return requestOfTask(task, (name) => this.#parts.config().tasks.find((candidate) => candidate.name === name));
  }

  async #launch(request: Omit<RunRequest, 'command'>, { words, self, options, script }: TaskCommand): Promise<Run> {
    const onRecord = this.#auditStart(request, options);
    return this.#parts.runner.launch({ ...request, command: () => words, self, options, script, onRecord });
  }

  /** Options belong to it: they say what a person had done, such as which session was to be ended. */
  #auditStart(request: Omit<RunRequest, 'command'>, options: TaskCommand['options'] = null): () => void {
    const { actor, task, reason, trigger, dryRun, kind } = request;
    const given =
      options === null || Object.keys(options).length === 0 ? {} : { options: this.#parts.secrets.deep(options) };
    return () => {
      if (actor !== 'schedule') this.#audit(actor, 'run.start', task, reason, { trigger, dryRun, kind, ...given });
    };
  }

  #refuseSecond(task: LoadedTask, requestId: string): void {
    const policy = task.overlap ?? 'forbid';
    if (policy === 'forbid') this.#refuseOverlap(task.name, requestId);
    const inTheWay = this.#inTheWay(task, policy);
    if (inTheWay !== null && policy !== 'forbid') throw new RequestError('conflict', `"${task.name}": ${inTheWay}.`);
  }

  #refuseOverlap(name: string, requestId: string): void {
    const open = this.#parts.runner.openRunOf(name);
    if (open === null || this.#parts.runner.isSameRequest(open.id, requestId)) return;
    const does = open.state === 'queued' ? `is queued (it ${open.waitingReason ?? 'waits'})` : 'is already running';
    throw new RequestError('conflict', `"${name}" ${does} (run ${open.id}): wait for it, or cancel it.`);
  }

  /** Why a run of the task may not even be queued, as one clause; null = it may. */
  #inTheWay(task: LoadedTask, policy: NonNullable<LoadedTask['overlap']>): string | null {
    const open = this.#parts.runner.openRuns().filter((run) => run.task === task.name && run.kind !== 'block');
    const [first] = open;
    if (first === undefined || policy === 'replace') return null;
    if (policy === 'forbid') {
      return first.state === 'queued'
        ? `the run ${first.id} ${first.waitingReason ?? 'waits'}`
        : `the run ${first.id} was still going on`;
    }
    return open.length < longestQueue ? null : `${open.length} runs of it are open already`;
  }

  #refuseInBlackout(task: LoadedTask, start: Start): void {
    // A dry run changes nothing, and may be looked at in a blackout too.
    const blackout = this.#parts.blackoutOf(task);
    if (blackout === null || start.dryRun === true || (start.reason ?? '').trim() !== '') return;
    throw new RequestError(
      'reasonNeeded',
      `"${task.name}" is ${describeBlackout(blackout)}: give a reason to run it all the same.`,
    );
  }

  #describe(task: LoadedTask): Task {
    const { nextRunOf, snoozedUntil, blackoutOf, secrets } = this.#parts;
    const times = { next: nextRunOf(task.name), snoozed: snoozedUntil(task.name), blackout: blackoutOf(task) };
    return describeTask(task, times, secrets);
  }

  #notWaiting(runId: string): RequestError {
    const { state } = this.#openOrEnded(runId);
    return new RequestError('conflict', `The run ${runId} does not wait for approval (it is ${state}).`);
  }

  #openOrEnded(runId: string): Run {
    const open = this.#parts.runner.openRuns().find((run) => run.id === runId);
    const run = open ?? getRun(this.#parts.database, runId);
    if (run === null) throw new RequestError('notFound', `There is no run ${runId}.`);
    return run;
  }

  #audit(actor: string, action: string, target: string, reason: string | null, detail: Record<string, unknown>): void {
    const { database, clock, secrets } = this.#parts;
    // What was asked for may be anything, even where there is no such run; options may hold what the configuration keeps secret.
    const hidden = secrets.deep({ target, reason, detail });
    appendAudit(database, { at: clock.now(), actor, action, ...hidden });
  }
}

function startOf(start: Start): Pick<RunRequest, 'actor' | 'reason' | 'requestId'> {
  return { actor: start.actor, reason: start.reason ?? null, requestId: start.requestId };
}
