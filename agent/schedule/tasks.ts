/** Tasks as people and schedules start them: from the configuration in force to a request for the runner. */
import type { Logger } from 'pino';
import type { Config, LoadedTask } from '../config/schema.ts';
import type { MaintenanceWindow, Run, Task } from '../protocol/nouns.ts';
import type { AnyProcedure } from '../procedures/define.ts';
import { blockCommand } from '../run/block.ts';
import type { AlertOn, Runner, RunRequest } from '../run/runner.ts';
import { RequestError } from '../server/requestError.ts';
import { appendAudit } from '../store/audit.ts';
import type { Database } from '../store/database.ts';
import { getRun, hasRunAt } from '../store/runs.ts';
import type { Clock } from './clock.ts';
import type { DueRun } from './scheduler.ts';

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
  readonly procedures: ReadonlyMap<string, AnyProcedure>;
  readonly config: () => Config;
  readonly refused: () => readonly RefusedTask[];
  readonly nextRunOf: (task: string) => number | null;
  readonly self: readonly string[];
  /** Folder in which blocks run. */
  readonly cwd: () => string;
}

const defaultTimeoutMs = 24 * 3_600_000;

export class Tasks {
  readonly #parts: TasksParts;

  constructor(parts: TasksParts) {
    this.#parts = parts;
  }

  list(): readonly Task[] {
    const { config, refused } = this.#parts;
    const good = config().tasks.map((task) => this.#describe(task));
    return [...good, ...refused().map(describeRefused)].sort((one, other) => one.line - other.line);
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
    if (dryRun && !this.#supportsDryRun(task)) {
      throw new RequestError(
        'refused',
        `"${name}" is a script of yours: Upkeep can not tell what it would do. Run it, or use a procedure.`,
      );
    }
    this.#refuseSecond(name, start.requestId);
    return this.#launch({ ...requestOf(task), ...startOf(start), trigger: 'manual', dryRun }, () =>
      this.commandOf(task, dryRun),
    );
  }

  async runProcedure(name: string, options: Readonly<Record<string, unknown>>, start: Start): Promise<Run> {
    const procedure = this.#parts.procedures.get(name);
    if (procedure === undefined) throw new RequestError('notFound', `There is no procedure "${name}".`);
    const parsed = procedure.options.safeParse(options);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new RequestError(
        'invalidParams',
        `${name}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? 'wrong options'}`,
      );
    }
    const dryRun = start.dryRun ?? false;
    if (!dryRun) this.#refuseSecond(procedure.name, start.requestId);
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
    return this.#launch(request, () => this.procedureCommand(procedure.name, options, dryRun));
  }

  async runBlock(
    block: { readonly runbook: string; readonly index: number; readonly language: string; readonly text: string },
    start: Start,
  ): Promise<Run> {
    const { procedures, self, cwd } = this.#parts;
    const request: Omit<RunRequest, 'command'> = {
      task: `${block.runbook.split('/').at(-1) ?? block.runbook} #${block.index + 1}`,
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
    return this.#launch(request, (directory) => blockCommand(directory, block, { cwd: cwd(), procedures, self }));
  }

  /** A schedule asks for a run. One that is still going on is not joined by a second one. */
  runDue(due: DueRun): void {
    const { task, scheduledFor } = due;
    if (hasRunAt(this.#parts.database, task.name, scheduledFor)) return;
    const request: Omit<RunRequest, 'command'> = {
      ...requestOf(task),
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
    const open = this.#parts.runner.openRunOf(task.name);
    if (open !== null) {
      this.#parts.runner.recordSkipped(request, 'skipped', `the run ${open.id} was still going on`);
      return;
    }
    this.#launch(request, () => this.commandOf(task, false)).catch((error: unknown) => {
      this.#parts.log.error({ task: task.name, error }, 'a scheduled run could not be started');
    });
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
        ...requestOf(task),
        trigger: 'window',
        actor: window.openedBy,
        reason: window.reason,
        requestId: null,
        dryRun: false,
        windowId: window.id,
      };
      const run = await this.#launch(request, () => this.commandOf(task, false));
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

  commandOf(task: LoadedTask, dryRun: boolean): readonly string[] {
    const { action } = task;
    return action.kind === 'script'
      ? [action.path, ...action.args]
      : this.procedureCommand(action.procedure, action.options, dryRun);
  }

  /** argv that runs a procedure as a child; its options travel as one JSON argument. */
  procedureCommand(name: string, options: Readonly<Record<string, unknown>>, dryRun: boolean): readonly string[] {
    const flags = dryRun ? ['--dry-run'] : [];
    return [...this.#parts.self, name, '--options-json', JSON.stringify(options), ...flags];
  }

  async #launch(request: Omit<RunRequest, 'command'>, command: RunRequest['command']): Promise<Run> {
    if (request.actor !== 'schedule') {
      const { task, trigger, dryRun, kind } = request;
      this.#audit(request.actor, 'run.start', task, request.reason, { trigger, dryRun, kind });
    }
    return this.#parts.runner.launch({ ...request, command });
  }

  #refuseSecond(name: string, requestId: string): void {
    const open = this.#parts.runner.openRunOf(name);
    if (open === null || this.#parts.runner.isSameRequest(open.id, requestId)) return;
    throw new RequestError('conflict', `"${name}" is already running (run ${open.id}): wait for it, or cancel it.`);
  }

  #supportsDryRun(task: LoadedTask): boolean {
    return task.action.kind === 'procedure' && this.#parts.procedures.get(task.action.procedure) !== undefined;
  }

  #describe(task: LoadedTask): Task {
    const next = this.#parts.nextRunOf(task.name);
    return {
      name: task.name,
      description: task.description ?? null,
      group: task.group ?? null,
      schedule: task.schedule ?? null,
      zone: task.zone,
      kind: task.action.kind,
      target: task.action.kind === 'script' ? task.action.path : task.action.procedure,
      alertOnFailure: task.alert_on_failure,
      supportsDryRun: this.#supportsDryRun(task),
      line: task.line,
      problem: null,
      nextRun: next === null ? null : new Date(next).toISOString(),
    };
  }

  #audit(actor: string, action: string, target: string, reason: string | null, detail: Record<string, unknown>): void {
    appendAudit(this.#parts.database, { at: this.#parts.clock.now(), actor, action, target, reason, detail });
  }
}

function requestOf(
  task: LoadedTask,
): Omit<RunRequest, 'command' | 'trigger' | 'actor' | 'reason' | 'requestId' | 'dryRun'> {
  return {
    task: task.name,
    kind: 'task',
    procedure: task.action.kind === 'procedure' ? task.action.procedure : null,
    scheduledFor: null,
    windowId: null,
    timeoutMs: task.timeout ?? defaultTimeoutMs,
    alertOn: alertOn(task),
  };
}

/** A threshold of days is the point at which to be told, so a warning about it counts. */
export function alertOn(task: LoadedTask): AlertOn {
  if (!task.alert_on_failure) return 'nothing';
  return task.alert_threshold_days === undefined ? 'failure' : 'warning';
}

function startOf(start: Start): Pick<RunRequest, 'actor' | 'reason' | 'requestId'> {
  return { actor: start.actor, reason: start.reason ?? null, requestId: start.requestId };
}

function describeRefused(refused: RefusedTask): Task {
  return {
    name: refused.name,
    description: null,
    group: null,
    schedule: null,
    zone: 'UTC',
    kind: 'script',
    target: '',
    alertOnFailure: false,
    supportsDryRun: false,
    line: refused.line,
    problem: refused.message,
    nextRun: null,
  };
}
