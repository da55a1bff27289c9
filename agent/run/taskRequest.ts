/** From a task of the configuration to what the runner is asked for. */
import type { LoadedTask } from '../config/schema.ts';
import type { AlertOn, RunRequest } from './request.ts';
import type { CleanUp, Requirements, RunSettings } from './settings.ts';

export const defaultTimeoutMs = 24 * 3_600_000;
const defaults = { delayMs: 60_000, backoff: 2, longestMs: 3_600_000, jitter: 0.1, approvalMs: 24 * 3_600_000 };

/** A command, whether it is arguments for this very Upkeep, and the script file that it runs. */
export interface TaskCommand {
  readonly words: readonly string[];
  readonly self: boolean;
  /** Of a procedure. They travel in the environment: everybody on the host can read a command line (proc(5)). */
  readonly options: Readonly<Record<string, unknown>> | null;
  readonly script: string | null;
}

/** `find` gives a task by name, for the clean-up; undefined = there is none, or it is refused. */
export function requestOfTask(
  task: LoadedTask,
  find: (name: string) => LoadedTask | undefined,
): Omit<RunRequest, 'command' | 'trigger' | 'actor' | 'reason' | 'requestId' | 'dryRun'> {
  return {
    task: task.name,
    kind: 'task',
    procedure: task.action.kind === 'procedure' ? task.action.procedure : null,
    scheduledFor: null,
    windowId: null,
    timeoutMs: task.timeout ?? defaultTimeoutMs,
    alertOn: alertOn(task),
    settings: settingsOfTask(task, find),
  };
}

/** argv and options of a task. */
export function commandOfTask({ action, dry_run_args }: LoadedTask, dryRun: boolean): TaskCommand {
  if (action.kind === 'procedure') return procedureCommand(action.procedure, action.options, dryRun);
  const words = [action.path, ...action.args, ...(dryRun ? (dry_run_args ?? []) : [])];
  return { words, self: false, options: null, script: action.path };
}

export function procedureCommand(
  name: string,
  options: Readonly<Record<string, unknown>>,
  dryRun: boolean,
): TaskCommand {
  const words = [name, '--options-env', ...(dryRun ? ['--dry-run'] : [])];
  return { words, self: true, options, script: null };
}

/** A threshold of days is the point at which to be told, so a warning about it counts. */
export function alertOn(task: LoadedTask): AlertOn {
  if (!task.alert_on_failure) return 'nothing';
  return task.alert_threshold_days === undefined ? 'failure' : 'warning';
}

function settingsOfTask(task: LoadedTask, find: (name: string) => LoadedTask | undefined): RunSettings {
  const { retries, approval, ionice } = task;
  return {
    overlap: task.overlap ?? 'forbid',
    locks: task.locks ?? [],
    group: task.group ?? null,
    counted: true,
    retries:
      retries === undefined
        ? null
        : {
            count: retries.count,
            delayMs: retries.delay ?? defaults.delayMs,
            backoff: retries.backoff ?? defaults.backoff,
            longestMs: retries.max_delay ?? defaults.longestMs,
            jitter: retries.jitter ?? defaults.jitter,
          },
    requires: requirementsOf(task.requires),
    approval:
      approval === undefined
        ? null
        : {
            required: approval.required,
            roles: approval.roles ?? ['operator', 'admin'],
            expiresMs: approval.expires ?? defaults.approvalMs,
          },
    onAbort: cleanUpOf(task, find),
    user: task.user ?? null,
    cwd: task.cwd ?? null,
    nice: task.nice ?? null,
    ionice: ionice === undefined ? null : { class: ionice.class, level: ionice.level ?? null },
    outputLimit: task.output_limit ?? null,
  };
}

function requirementsOf(requires: LoadedTask['requires']): Requirements | null {
  if (requires === undefined) return null;
  const { disk, load, memory, mount, command, file } = requires;
  return {
    disk: [disk ?? []].flat().map(({ path, free }) => ({
      path,
      freeBytes: typeof free === 'number' ? free : null,
      freePercent: typeof free === 'number' ? null : Number.parseFloat(free),
    })),
    load: load ?? null,
    memoryBytes: memory ?? null,
    mount: [mount ?? []].flat(),
    command: [command ?? []].flat(),
    file: [file ?? []].flat(),
  };
}

function cleanUpOf(task: LoadedTask, find: (name: string) => LoadedTask | undefined): CleanUp | null {
  const { on_abort: onAbort } = task;
  if (onAbort === undefined) return null;
  if (onAbort.command !== undefined) {
    return {
      task: `${task.name}.on_abort`,
      command: onAbort.command,
      self: false,
      options: null,
      script: null,
      procedure: null,
      timeoutMs: defaultTimeoutMs,
      locks: [],
      user: task.user ?? null,
      environmentOf: task.name,
    };
  }
  const other = find(onAbort.task ?? '');
  if (other === undefined) return null;
  const { words, self, options, script } = commandOfTask(other, false);
  return {
    task: other.name,
    command: [...words],
    self,
    options: options === null ? null : { ...options },
    script,
    procedure: other.action.kind === 'procedure' ? other.action.procedure : null,
    timeoutMs: other.timeout ?? defaultTimeoutMs,
    locks: other.locks ?? [],
    user: other.user ?? null,
    environmentOf: other.name,
  };
}
