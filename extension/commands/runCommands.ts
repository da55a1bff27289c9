/** Look at runs; acknowledge alerts. */
import type { Alert } from '../../agent/protocol/nouns.ts';
import { chosen } from '../dialogs.ts';
import type { Handlers } from '../registrar.ts';
import type { Host } from '../state/host.ts';
import { permits } from '../state/permissions.ts';
import { openAlerts } from '../views/healthModel.ts';
import type { Target } from '../views/node.ts';
import { hasReport } from '../views/runText.ts';
import { chooseRun, requireHost, requirePermission, targetAs, type Asking } from './choose.ts';

export interface RunDocuments {
  readonly openOutput: (host: string, runId: string, task: string) => Promise<void>;
  readonly openBlockOutput: (host: string, runId: string, name: string) => Promise<void>;
  readonly openDetails: (host: string, runId: string, task: string) => Promise<void>;
}

export function runCommands(
  asking: Asking,
  documents: RunDocuments,
  openReport: (host: string, runId: string) => Promise<void>,
): Pick<Handlers, 'openOutput' | 'openReport' | 'showRunDetails' | 'acknowledgeAlert'> {
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

    openReport: async (target) => {
      const choice = await chooseRun(asking, target, 'Open Report', hasReport);
      if (choice === undefined) return;
      requirePermission(choice.host, 'runs.report');
      await openReport(choice.host.name, choice.runId);
    },

    showRunDetails: async (target) => {
      const choice = await chooseRun(asking, target, 'Show Run Details', () => true);
      if (choice !== undefined) await documents.openDetails(choice.host.name, choice.runId, choice.task);
    },

    acknowledgeAlert: async (target) => {
      const choice = await chooseAlert(asking, target);
      if (choice === undefined) return;
      requirePermission(choice.host, 'alerts.acknowledge');
      const { alert } = await choice.host.request('alerts.acknowledge', { alertId: choice.alertId });
      await choice.host.seen((data) =>
        data.alerts.some((one) => one.id === alert.id && one.updatedAt >= alert.updatedAt),
      );
    },
  };
}

async function chooseAlert(
  { hosts, dialogs }: Asking,
  target: Target | undefined,
): Promise<{ readonly host: Host; readonly alertId: string } | undefined> {
  const given = targetAs(target, 'alert');
  if (given !== undefined) return { host: requireHost(hosts, given.host), alertId: given.alertId };
  const permitted = hosts.all.filter((host) => permits(host.role, 'alerts.acknowledge'));
  const firing = permitted.flatMap((host) =>
    (host.store.data === null ? [] : openAlerts(host.store.data))
      .filter((alert: Alert) => alert.state === 'firing')
      .map((alert) => ({ host, alert })),
  );
  if (firing.length === 0) throw new Error('no alert waits for you to acknowledge it');
  const choices = firing.map(({ host, alert }) => ({
    label: alert.title,
    description: host.name,
    detail: alert.message,
    value: { host, alertId: alert.id },
  }));
  return chosen(await dialogs.pick(choices, { title: 'Acknowledge Alert', placeholder: 'Alert' }));
}
