/** From which level on the findings of a report are told. */
import type { LoadedTask } from '../config/schema.ts';
import type { Report } from '../protocol/nouns.ts';
import { alertOn } from '../run/taskRequest.ts';
import type { AlertLevel } from './problems.ts';

/** A failed task is told as such; its findings then say why, and are no alerts of their own. */
export function alertLevelOf({ id, outcome }: Report, tasks: readonly LoadedTask[]): AlertLevel {
  if (id.startsWith('check:')) return 'critical';
  const task = tasks.find(({ name }) => id === `task:${name}`);
  if (task === undefined || outcome === 'failed') return null;
  const from = alertOn(task);
  return from === 'nothing' ? null : from === 'warning' ? 'warning' : 'critical';
}
