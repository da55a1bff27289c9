/** What the keys about carrying out a task must mean together, and paths in them. */
import * as path from 'node:path';
import { refusedVariable } from '../run/environmentNames.ts';
import { follow } from './issues.ts';
import type { Notes } from './remark.ts';
import type { LoadedTask, TaskConfig } from './schema.ts';
import type { Tree } from './tree.ts';

/** Says in `notes` what is refused. `action` is null when it was refused already. */
export function checkTaskRun(task: TaskConfig, action: LoadedTask['action'] | null, tree: Tree, notes: Notes): void {
  for (const [name, value] of Object.entries(task.env ?? {})) {
    const refused = refusedVariable(name, value);
    if (refused !== null) notes.error(offsetOf(tree, ['env', name]), 'refused-variable', `in \`env\`: ${refused}`);
  }
  checkOnAbort(task, tree, notes);
  if (action?.kind !== 'procedure') return;
  for (const key of ['user', 'dry_run_args'] as const) {
    if (task[key] === undefined) continue;
    const message = `\`${key}\` is for scripts, but this task runs the procedure ${action.procedure}: remove it`;
    notes.error(offsetOf(tree, [key]), 'invalid-option', message);
  }
}

/** Clean-up tasks that do not exist, or are refused; their tasks run all the same, so it is a warning. */
export function checkCleanUps(
  tasks: readonly { readonly task: TaskConfig; readonly tree: Tree; readonly notes: Notes }[],
  names: ReadonlySet<string>,
): void {
  for (const { task, tree, notes } of tasks) {
    const wanted = task.on_abort?.task;
    if (wanted === undefined || names.has(wanted)) continue;
    const message = `there is no good task \`${wanted}\`, so nothing cleans up after \`${task.name}\`: correct the name`;
    notes.warning(offsetOf(tree, ['on_abort', 'task']), 'missing-task', message);
  }
}

/** Relative folders and files begin at `baseDirectory`. */
export function withAbsolutePaths(task: LoadedTask, baseDirectory: string): LoadedTask {
  const absolute = (file: string): string => path.resolve(baseDirectory, file);
  const { cwd, requires } = task;
  if (cwd === undefined && requires === undefined) return task;
  return {
    ...task,
    cwd: cwd === undefined ? undefined : absolute(cwd),
    requires: requires === undefined ? undefined : requiresWithPaths(requires, absolute),
  };
}

function requiresWithPaths(
  requires: NonNullable<TaskConfig['requires']>,
  absolute: (file: string) => string,
): NonNullable<TaskConfig['requires']> {
  const each = (files: string | string[] | undefined): string[] | undefined =>
    files === undefined ? undefined : [files].flat().map(absolute);
  const { disk, mount, file } = requires;
  return {
    ...requires,
    disk: disk === undefined ? undefined : [disk].flat().map((one) => ({ ...one, path: absolute(one.path) })),
    mount: each(mount),
    file: each(file),
  };
}

function checkOnAbort(task: TaskConfig, tree: Tree, notes: Notes): void {
  const { on_abort: onAbort } = task;
  if (onAbort === undefined) return;
  const offset = offsetOf(tree, ['on_abort']);
  if ((onAbort.task === undefined) === (onAbort.command === undefined)) {
    notes.error(offset, 'ambiguous-action', '`on_abort` has one of `task` and `command`');
  } else if (onAbort.task === task.name) {
    notes.error(offset, 'ambiguous-action', '`on_abort` names the task itself: name another one');
  }
}

function offsetOf(tree: Tree, keys: readonly string[]): number {
  return follow(tree, keys)?.offset ?? tree.offset;
}
