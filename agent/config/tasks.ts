/** The entries of `automated_tasks`, each judged on its own: a refused task never runs, the others go on. */
import { resolveAction, type ActionContext } from './action.ts';
import { follow, written } from './issues.ts';
import { taskConfig, type LoadedTask } from './schema.ts';
import { Notes, type Remark } from './remark.ts';
import type { ListTree, Tree } from './tree.ts';
import { checkCleanUps, checkTaskRun } from './taskRunChecks.ts';
import { checkSchedule } from './taskSchedule.ts';
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
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export function loadTasks(list: ListTree, context: TaskContext): LoadedTasks {
  const tasks: LoadedTasks['tasks'][number][] = [];
  const refused: RefusedTask[] = [];
  const remarks: Remark[] = [];
  const names = new Set<string>();
  const read: { task: TaskBase; tree: Tree; notes: Notes }[] = [];
  for (const [index, tree] of list.items.entries()) {
    const given = nameOf(tree);
    const name = given ?? `task ${index + 1}`;
    const notes = new Notes(name);
    const task = names.has(name)
      ? duplicate(name, tree, notes)
      : loadTask(tree, given === null ? name : `task \`${given}\``, context, notes);
    names.add(name);
    const first = notes.remarks.find((remark) => remark.severity === 'error');
    if (first === undefined && task !== null) {
      tasks.push({ ...task, offset: tree.offset });
      read.push({ task, tree, notes });
    } else {
      refused.push({ name, offset: tree.offset, message: first?.message ?? 'it is refused' });
      remarks.push(...notes.remarks);
    }
  }
  checkCleanUps(read, new Set(tasks.map(({ name }) => name)));
  remarks.push(...read.flatMap(({ notes }) => notes.remarks));
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
  const zone = checkSchedule(task, tree, { fileZone: context.zone, now: context.now }, notes);
  checkTaskRun(task, action, tree, notes);
  return action === null || zone === null ? null : { ...task, zone, action };
}

function nameOf(tree: Tree): string | null {
  const name = follow(tree, ['name']);
  return name?.kind === 'scalar' && typeof name.value === 'string' && name.value.length <= 100 ? name.value : null;
}
