/** Run, dry-run and cancel tasks; run checks now. */
import { randomUUID } from 'node:crypto';
import type { Handlers } from '../registrar.ts';
import type { Target } from '../views/node.ts';
import { counted } from '../views/text.ts';
import { chooseHost, chooseRun, chooseTask, requirePermission, withReason, type Asking } from './choose.ts';
import type { StartedRuns } from './startedRuns.ts';

export function taskCommands(
  asking: Asking,
  started: StartedRuns,
): Pick<Handlers, 'runTask' | 'dryRunTask' | 'cancelRun' | 'runChecks'> {
  const runTask = async (target: Target | undefined, dryRun: boolean): Promise<void> => {
    const title = dryRun ? 'Dry Run Task' : 'Run Task';
    const choice = await chooseTask(
      asking,
      target,
      title,
      (task) => task.problem === null && (!dryRun || task.supportsDryRun),
      'tasks.run',
    );
    if (choice === undefined) return;
    const { host, task } = choice;
    const requestId = randomUUID();
    const answer = await withReason(asking, `${title}: ${task} on ${host.name}`, (given) =>
      host.request('tasks.run', { task, requestId, dryRun, ...given }),
    );
    if (answer !== undefined) await started.watch(host, answer.run);
  };
  return {
    runTask: (target) => runTask(target, false),
    dryRunTask: (target) => runTask(target, true),

    cancelRun: async (target) => {
      const choice = await chooseRun(asking, target, 'Cancel Run', (run) => run.state !== 'ended');
      if (choice === undefined) return;
      requirePermission(choice.host, 'runs.cancel');
      await choice.host.request('runs.cancel', { runId: choice.runId });
    },

    runChecks: async (target) => {
      const host = await chooseHost(asking, target, 'Run Checks Now', 'checks.run');
      if (host === undefined) return;
      const { checks } = await host.request('checks.run', {});
      if (checks.length === 0) void asking.dialogs.inform(`${host.name} has no checks configured.`);
      else started.tell(`${counted(checks.length, 'check')} started on ${host.name}`);
    },
  };
}
