/** Has certificates looked at again after something was done about them, so that views and alerts tell what is now. */
import { randomUUID } from 'node:crypto';
import type { Report, Run } from '../../agent/protocol/nouns.ts';
import type { Host } from '../state/host.ts';
import { archiveProcedures } from '../views/certificateActions.ts';

/** `checks` repeat by themselves and leave no run behind; tasks are runs of their own, which alerts may hang on. */
export type Lookers = 'checks' | 'checks and tasks';

/** Who looks again after a procedure; null where nothing about certificates can have changed or been found. */
export function lookersAfter(host: Host, procedure: string): Lookers | null {
  const info = host.store.data?.procedures.find(({ name }) => name === procedure);
  if (info?.area !== 'certificates' || procedure === archiveProcedures.backUp) return null;
  return info.changes ? 'checks and tasks' : 'checks';
}

/** Starts what has reported certificates of the host; rejects with the first reason for which one could not be started. */
export async function lookAgain(host: Host, after: Run, lookers: Lookers): Promise<void> {
  const reports = (host.store.data?.reports ?? []).filter(({ certificates }) => certificates !== null);
  const checks = namesOf(reports, 'check:');
  const tasks = lookers === 'checks' && checks.length > 0 ? [] : namesOf(reports, 'task:').filter(looksOnly(host));
  await Promise.all([
    ...checks.map((check) => host.request('checks.run', { check })),
    ...tasks.map((task) =>
      host.request('tasks.run', {
        task,
        requestId: randomUUID(),
        reason: `looks again after ${after.task} ${after.id}`,
      }),
    ),
  ]);
}

function namesOf(reports: readonly Report[], prefix: 'check:' | 'task:'): readonly string[] {
  return reports.filter(({ id }) => id.startsWith(prefix)).map(({ id }) => id.slice(prefix.length));
}

/** A task that changes something is not run for a look; one that is refused, or runs already, not either. */
function looksOnly(host: Host): (name: string) => boolean {
  const { tasks = [], procedures = [], runs = [] } = host.store.data ?? {};
  const looking = new Set(procedures.filter(({ changes }) => !changes).map(({ name }) => name));
  return (name) =>
    tasks.some((task) => task.name === name && task.problem === null && looking.has(task.target)) &&
    !runs.some((run) => run.task === name && run.state !== 'ended');
}
