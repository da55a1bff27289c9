/** Look at runs; acknowledge alerts; run remedies. */
import { randomUUID } from 'node:crypto';
import type { Alert, Remedy } from '../../agent/protocol/nouns.ts';
import { chosen } from '../dialogs.ts';
import type { Handlers } from '../registrar.ts';
import type { Host } from '../state/host.ts';
import { observationsOf, openAlerts } from '../views/healthModel.ts';
import type { Target } from '../views/node.ts';
import { chooseRun, requireHost, targetAs, type Asking } from './choose.ts';
import type { StartedRuns } from './startedRuns.ts';

export interface RunDocuments {
  readonly openOutput: (host: string, runId: string, task: string) => Promise<void>;
  readonly openBlockOutput: (host: string, runId: string, name: string) => Promise<void>;
  readonly openDetails: (host: string, runId: string, task: string) => Promise<void>;
}

export function runCommands(
  asking: Asking,
  documents: RunDocuments,
  started: StartedRuns,
): Pick<Handlers, 'openOutput' | 'showRunDetails' | 'acknowledgeAlert' | 'runRemedy'> {
  return {
    openOutput: async (target) => {
      const choice = await chooseRun(
        asking,
        target,
        'Open Output',
        (run) => run.outcome !== 'skipped' && run.outcome !== 'missed',
      );
      if (choice !== undefined) await documents.openOutput(choice.host.name, choice.runId, choice.task);
    },

    showRunDetails: async (target) => {
      const choice = await chooseRun(asking, target, 'Show Run Details', () => true);
      if (choice !== undefined) await documents.openDetails(choice.host.name, choice.runId, choice.task);
    },

    acknowledgeAlert: async (target) => {
      const choice = await chooseAlert(asking, target);
      if (choice === undefined) return;
      const { alert } = await choice.host.request('alerts.acknowledge', { alertId: choice.alertId });
      await choice.host.seen((data) =>
        data.alerts.some((one) => one.id === alert.id && one.updatedAt >= alert.updatedAt),
      );
    },

    runRemedy: async (target) => {
      const choice = await chooseRemedy(asking, target);
      if (choice === undefined) return;
      const { host, remedy } = choice;
      const detail = [
        `Procedure: ${remedy.procedure}`,
        `Options: ${JSON.stringify(remedy.options, null, 2)}`,
        `Host: ${host.name} (${host.place})`,
      ].join('\n');
      if (!(await asking.dialogs.confirm(`${remedy.title} on ${host.name}?`, detail, 'Run'))) return;
      const { procedure, options } = remedy;
      const { run } = await host.request('procedures.run', { procedure, options, requestId: randomUUID() });
      await started.watch(host, run);
      await documents.openOutput(host.name, run.id, run.task);
    },
  };
}

async function chooseAlert(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
): Promise<{ readonly host: Host; readonly alertId: string } | undefined> {
  const given = targetAs(target, 'alert');
  if (given !== undefined) return { host: requireHost(hosts, given.host), alertId: given.alertId };
  const firing = hosts.all.flatMap((host) =>
    (host.store.data === null ? [] : openAlerts(host.store.data))
      .filter((alert: Alert) => alert.state === 'firing')
      .map((alert) => ({ host, alert })),
  );
  if (firing.length === 0) throw new Error('no alert waits to be acknowledged');
  const choices = firing.map(({ host, alert }) => ({
    label: alert.title,
    description: host.name,
    detail: alert.message,
    value: { host, alertId: alert.id },
  }));
  return chosen(await dialogs.pick(choices, { title: 'Acknowledge Alert', placeholder: 'Alert' }));
}

async function chooseRemedy(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
): Promise<{ readonly host: Host; readonly remedy: Remedy } | undefined> {
  const given = targetAs(target, 'finding');
  if (given !== undefined) {
    if (given.remedy === null) throw new Error('this finding has no remedy');
    return { host: requireHost(hosts, given.host), remedy: given.remedy };
  }
  const choices = hosts.all.flatMap((host) =>
    (host.store.data === null ? [] : observationsOf(host.store.data)).flatMap(({ finding }) =>
      finding.remedy === undefined
        ? []
        : [
            {
              label: finding.remedy.title,
              description: host.name,
              detail: finding.message,
              value: { host, remedy: finding.remedy },
            },
          ],
    ),
  );
  if (choices.length === 0) throw new Error('no finding offers a remedy');
  return chosen(await dialogs.pick(choices, { title: 'Run Remedy', placeholder: 'Remedy' }));
}
