/** Blackouts that can not be understood are left out, and count as a mistake in the section; tasks that no blackout lets run are told of. */
import { BlackoutError, Calendar, type InBlackout } from '../schedule/calendar.ts';
import { triggerOf } from '../schedule/trigger.ts';
import { withoutBlackout, type BlackoutConfig } from './blackouts.ts';
import { follow } from './issues.ts';
import { Notes, type Remark } from './remark.ts';
import type { LoadedSections } from './sections.ts';
import type { LoadedTasks } from './tasks.ts';
import type { Tree } from './tree.ts';

const year = 366 * 86_400_000;
const day = 86_400_000;
/** Questions to single blackouts for all tasks together: a bound for files that want to keep us busy. */
const mostAsked = 200_000;
const mostPerTask = 100;

export interface BlackoutContext {
  /** Zone of blackouts that name none; null when the file's own is refused. */
  readonly zone: string | null;
  /** The section as it is written, with what was left out of it already. */
  readonly written: Tree | undefined;
  readonly tasks: LoadedTasks;
  readonly now: number;
}

export interface LoadedBlackouts {
  readonly blackouts: BlackoutConfig[];
  readonly remarks: readonly Remark[];
  /** Entries that were refused, as `Config.leftOut` has them. */
  readonly leftOut: readonly (readonly (string | number)[])[];
}

export function loadBlackouts(
  sections: LoadedSections,
  { zone, written, tasks, now }: BlackoutContext,
): LoadedBlackouts {
  const notes = new Notes(null);
  const leftOut: (readonly (string | number)[])[] = [];
  const list = sections.trees.get('blackouts');
  const blackouts = sections.values.blackouts.filter((blackout, index) => {
    const tree = list?.kind === 'list' ? list.items[index] : undefined;
    const at = (key: string): number => (tree === undefined ? 0 : (follow(tree, [key])?.offset ?? tree.offset));
    try {
      if (zone === null && blackout.timezone === undefined) {
        throw new BlackoutError('name', 'the `timezone` of the file is refused, so its hours are unknown: correct it');
      }
      new Calendar([blackout], zone ?? 'UTC');
    } catch (error) {
      if (!(error instanceof BlackoutError)) throw error;
      const message = `the blackout \`${blackout.name}\`: ${error.message}; ${withoutBlackout}`;
      notes.error(at(error.key), 'invalid-blackout', message);
      leftOut.push(['blackouts', indexIn(written, tree) ?? index]);
      return false;
    }
    warnOfStrangers(blackout, tasks, at, notes);
    return true;
  });
  const remarks = [...notes.remarks, ...neverRunning(new Calendar(blackouts, zone ?? 'UTC'), tasks, now)];
  return { blackouts, remarks, leftOut };
}

function indexIn(list: Tree | undefined, item: Tree | undefined): number | null {
  const index = list?.kind === 'list' ? list.items.findIndex(({ offset }) => offset === item?.offset) : -1;
  return index < 0 ? null : index;
}

/** Names of tasks and groups that the file does not have hold nothing back. */
function warnOfStrangers(
  { name, tasks = [], groups = [] }: BlackoutConfig,
  known: LoadedTasks,
  at: (key: string) => number,
  notes: Notes,
): void {
  const names = new Set([...known.tasks.map((task) => task.name), ...known.refused.map((task) => task.name)]);
  for (const task of tasks.filter((one) => !names.has(one))) {
    notes.warning(
      at('tasks'),
      'unknown-task',
      `there is no task \`${task}\` that the blackout \`${name}\` could hold back`,
    );
  }
  const groupNames = new Set(known.tasks.map((task) => task.group));
  for (const group of groups.filter((one) => !groupNames.has(one))) {
    const message = `no task is in the group \`${group}\` that the blackout \`${name}\` could hold back`;
    notes.warning(at('groups'), 'unknown-group', message);
  }
}

function neverRunning(calendar: Calendar, { tasks }: LoadedTasks, now: number): Remark[] {
  if (calendar.isEmpty) return [];
  const remarks: Remark[] = [];
  for (const task of tasks) {
    const trigger = triggerOf(task, { host: '', anchor: now });
    let next = trigger?.next(now) ?? null;
    if (trigger === null || next === null) continue;
    const held = new Set<string>();
    for (let count = 0; next !== null && next < now + year && count < mostPerTask; count += 1) {
      const blackout: InBlackout | null = calendar.asked > mostAsked ? null : calendar.at(task, next);
      if (blackout === null) {
        held.clear();
        break;
      }
      for (const name of blackout.names) held.add(name);
      next = trigger.next(blackout.until === null ? next + day : blackout.until - 1);
    }
    if (held.size === 0) continue;
    const names = [...held].map((name) => `\`${name}\``).join(', ');
    const message = `every run of task \`${task.name}\` in the coming year lies in the blackout ${names}: it never starts by its schedule`;
    remarks.push({ offset: task.offset, severity: 'warning', code: 'always-in-blackout', task: task.name, message });
  }
  return remarks;
}
