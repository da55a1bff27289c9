/** A task of the configuration as clients see it. */
import type { LoadedTask } from '../config/schema.ts';
import type { Blackout, Task } from '../protocol/nouns.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { InBlackout } from './calendar.ts';
import { scheduleText } from './trigger.ts';

/** A procedure prints its plan; a script says by `dry_run_args` that it can. */
export function canDryRun(task: LoadedTask): boolean {
  return task.action.kind === 'procedure' || task.dry_run_args !== undefined;
}

/** `next` and `snoozed` in milliseconds since the epoch; null = not at all. */
export function describeTask(
  task: LoadedTask,
  times: { readonly next: number | null; readonly snoozed: number | null; readonly blackout: InBlackout | null },
  secrets: Secrets,
): Task {
  const { next, snoozed, blackout } = times;
  return {
    name: task.name,
    description: secrets.deep(task.description ?? null),
    group: secrets.deep(task.group ?? null),
    schedule: scheduleText(task),
    zone: task.zone,
    kind: task.action.kind,
    target: secrets.text(task.action.kind === 'script' ? task.action.path : task.action.procedure),
    alertOnFailure: task.alert_on_failure,
    supportsDryRun: canDryRun(task),
    line: task.line,
    problem: null,
    nextRun: next === null ? null : new Date(next).toISOString(),
    snoozedUntil: snoozed === null ? null : new Date(snoozed).toISOString(),
    blackout: blackout === null ? null : secrets.deep(wireBlackout(blackout)),
  };
}

function wireBlackout({ names, until }: InBlackout): Blackout {
  return { names: [...names], until: until === null ? null : new Date(until).toISOString() };
}

/** A refused task never runs; it is shown with its problem. Its name may be anything. */
export function describeRefused(
  refused: { readonly name: string; readonly line: number; readonly message: string },
  secrets: Secrets,
): Task {
  return {
    name: secrets.text(refused.name),
    description: null,
    group: null,
    schedule: null,
    zone: 'UTC',
    kind: 'script',
    target: '',
    alertOnFailure: false,
    supportsDryRun: false,
    line: refused.line,
    problem: secrets.text(refused.message),
    nextRun: null,
  };
}
