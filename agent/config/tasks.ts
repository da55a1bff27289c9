/** The entries of `automated_tasks`, each judged on its own: a refused task never runs, the others go on. */
import { CronError, describeWarnings, parseCron } from '../schedule/cron.ts';
import { resolveAction, type ActionContext } from './action.ts';
import { follow, written } from './issues.ts';
import { taskConfig, type LoadedTask, type TaskConfig } from './schema.ts';
import { Notes, type Remark } from './remark.ts';
import type { ListTree, Tree } from './tree.ts';
import { faultsOf, validate } from './validate.ts';

export interface RefusedTask {
  /** Its name, or `task 3` when it has none. */
  readonly name: string;
  readonly offset: number;
  readonly message: string;
}

export interface LoadedTasks {
  readonly tasks: readonly (Omit<LoadedTask, 'line'> & { readonly offset: number })[];
  readonly refused: readonly RefusedTask[];
  readonly remarks: readonly Remark[];
}

export interface TaskContext extends ActionContext {
  /** Zone of tasks that name none; null when the file's own is refused. */
  readonly zone: string | null;
}

export function loadTasks(list: ListTree, context: TaskContext): LoadedTasks {
  const tasks: LoadedTasks['tasks'][number][] = [];
  const refused: RefusedTask[] = [];
  const remarks: Remark[] = [];
  const names = new Set<string>();
  for (const [index, tree] of list.items.entries()) {
    const given = nameOf(tree);
    const name = given ?? `task ${index + 1}`;
    const notes = new Notes(name);
    const task = names.has(name)
      ? duplicate(name, tree, notes)
      : loadTask(tree, given === null ? name : `task \`${given}\``, context, notes);
    names.add(name);
    remarks.push(...notes.remarks);
    const first = notes.remarks.find((remark) => remark.severity === 'error');
    if (first === undefined && task !== null) tasks.push({ ...task, offset: tree.offset });
    else refused.push({ name, offset: tree.offset, message: first?.message ?? 'it is refused' });
  }
  return { tasks, refused, remarks };
}

function duplicate(name: string, tree: Tree, notes: Notes): null {
  const offset = follow(tree, ['name'])?.offset ?? tree.offset;
  notes.error(offset, 'duplicate-task', `there is a task \`${name}\` already: give this one another name`);
  return null;
}

type TaskBase = Omit<LoadedTask, 'line'>;

function loadTask(tree: Tree, subject: string, context: TaskContext, notes: Notes): TaskBase | null {
  const faults = faultsOf(tree);
  for (const { fault } of faults) notes.error(fault.offset, fault.code, `${fault.message}; the task is refused`);
  if (faults.length > 0) return null;
  const result = validate(taskConfig, tree, (path) =>
    path.length === 0 ? subject : `\`${written(path)}\` of ${subject}`,
  );
  if (!result.ok) {
    for (const mistake of result.mistakes) notes.error(mistake.offset, mistake.code, mistake.message);
    return null;
  }
  const task = result.value;
  const action = resolveAction(task, result.tree, context, notes);
  const zone = checkSchedule(task, tree, context, notes);
  return action === null || zone === null ? null : { ...task, zone, action };
}

/** The task's zone, or null when its schedule or zone is refused. */
function checkSchedule(task: TaskConfig, tree: Tree, context: TaskContext, notes: Notes): string | null {
  const at = (key: string): number => follow(tree, [key])?.offset ?? tree.offset;
  const zone = task.timezone ?? context.zone;
  if (zone === null) {
    if (task.schedule === undefined) return 'UTC';
    const message = 'the `timezone` of the file is refused, so the hours of this task are unknown: correct it';
    notes.error(at('schedule'), 'invalid-timezone', message);
    return null;
  }
  try {
    // Without a schedule the zone is checked all the same.
    const schedule = parseCron(task.schedule ?? '0 0 * * *', { zone, dayMatch: task.day_match ?? 'any' });
    if (task.schedule === undefined) return zone;
    for (const warning of describeWarnings(schedule))
      notes.warning(at('schedule'), warning.code, unended(warning.message));
    return zone;
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    const isZone = error.field === 'zone';
    notes.error(
      at(isZone ? 'timezone' : 'schedule'),
      isZone ? 'invalid-timezone' : 'invalid-schedule',
      unended(error.message),
    );
    return null;
  }
}

function nameOf(tree: Tree): string | null {
  const name = follow(tree, ['name']);
  return name?.kind === 'scalar' && typeof name.value === 'string' && name.value.length <= 100 ? name.value : null;
}

/** Messages here have no full stop. */
function unended(message: string): string {
  return message.replace(/\.$/, '');
}
