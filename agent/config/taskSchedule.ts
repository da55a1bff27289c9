/** When a task runs, as the file says it: one of `schedule`, `every` and `at`, in a zone that there is. */
import { CronError, describeWarnings, parseCron } from '../schedule/cron.ts';
import { instantIn } from '../schedule/localTime.ts';
import { zoneNamed } from '../schedule/zone.ts';
import { follow } from './issues.ts';
import type { Notes } from './remark.ts';
import type { TaskConfig } from './schema.ts';
import type { Tree } from './tree.ts';

const ways = ['schedule', 'every', 'at'] as const;

/** The task's zone, or null when its schedule or zone is refused. `fileZone` is null when the file's own is refused. */
export function checkSchedule(
  task: TaskConfig,
  tree: Tree,
  context: { readonly fileZone: string | null; readonly now: number },
  notes: Notes,
): string | null {
  const at = (key: string): number => follow(tree, [key])?.offset ?? tree.offset;
  const [way, second] = ways.filter((key) => task[key] !== undefined);
  if (second !== undefined) {
    const message = `a task has one of \`schedule\`, \`every\` and \`at\`: remove \`${second}\` or \`${way ?? ''}\``;
    notes.error(at(second), 'ambiguous-schedule', message);
    return null;
  }
  warnOfIdle(task, way, at, notes);
  const name = task.timezone ?? context.fileZone;
  if (name === null) {
    if (way === undefined || way === 'every') return 'UTC';
    const message = 'the `timezone` of the file is refused, so the hours of this task are unknown: correct it';
    notes.error(at(way), 'invalid-timezone', message);
    return null;
  }
  const zone = zoneNamed(name);
  if (zone === null) {
    const message = `there is no time zone "${name.slice(0, 60)}"; use an IANA name such as Europe/Berlin or UTC`;
    notes.error(at('timezone'), 'invalid-timezone', message);
    return null;
  }
  if (task.schedule !== undefined) return checkCron(task, task.schedule, name, at, notes) ? name : null;
  if (task.at === undefined) return name;
  const instant = instantIn(zone, task.at);
  if (instant === null) {
    const message = '`at` must be a date and time such as 2026-12-24T02:00';
    notes.error(at('at'), 'invalid-schedule', message);
    return null;
  }
  if (instant <= context.now) notes.warning(at('at'), 'past', '`at` is in the past: the task does not run again');
  return name;
}

function checkCron(
  task: TaskConfig,
  expression: string,
  zone: string,
  at: (key: string) => number,
  notes: Notes,
): boolean {
  try {
    const schedule = parseCron(expression, { zone, dayMatch: task.day_match ?? 'any' });
    for (const { code, message } of describeWarnings(schedule)) {
      notes.warning(at('schedule'), code, unended(message));
    }
    return true;
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    notes.error(at('schedule'), 'invalid-schedule', unended(error.message));
    return false;
  }
}

/** Settings that do nothing for this way of scheduling. */
function warnOfIdle(
  task: TaskConfig,
  way: (typeof ways)[number] | undefined,
  at: (key: string) => number,
  notes: Notes,
): void {
  if (task.day_match !== undefined && way !== 'schedule') {
    notes.warning(at('day_match'), 'no-effect', '`day_match` has an effect beside `schedule` only: remove it');
  }
  if (way !== undefined) return;
  for (const key of ['jitter', 'missed', 'max_age'] as const) {
    if (task[key] === undefined) continue;
    notes.warning(at(key), 'no-effect', `\`${key}\` has no effect on a task that runs by hand: remove it`);
  }
}

/** Messages here have no full stop. */
function unended(message: string): string {
  return message.replace(/\.$/, '');
}
