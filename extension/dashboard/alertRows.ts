/** Alerts of a host: those that stand, worst first, then those that were resolved in the last day. */
import type { Alert } from '../../agent/protocol/nouns.ts';
import type { Action, AlertRow, Mark, Tone } from '../../webview/dashboardSchema.ts';
import type { HostView } from '../state/host.ts';
import type { HostData } from '../state/hostData.ts';
import { openAlerts } from '../views/healthModel.ts';
import { toneOfLevel } from '../views/node.ts';
import { counted, plain, relative } from '../views/text.ts';
import { allows } from './allowed.ts';

const shownAlerts = 12;
const recentMs = 24 * 3_600_000;

export function alertRows(host: HostView, data: HostData, now: Date): { alerts: AlertRow[]; note: string } {
  const open = openAlerts(data);
  const resolved = data.alerts
    .filter((alert) => alert.state === 'resolved' && now.getTime() - Date.parse(alert.updatedAt) < recentMs)
    .sort((a, b) => b.updatedAt.localeCompare(a.updatedAt));
  const all = [...open, ...resolved];
  const more = all.length - shownAlerts;
  return {
    alerts: all.slice(0, shownAlerts).map((alert) => alertRow(host, alert, now)),
    note: all.length === 0 ? 'No alert stands or stood in the last 24 hours.' : more > 0 ? `${more} more` : '',
  };
}

function alertRow(host: HostView, alert: Alert, now: Date): AlertRow {
  const title = plain(alert.title);
  return {
    id: alert.id,
    title,
    message: plain(alert.message),
    ...lookOf(alert),
    state: stateText(alert),
    when: whenText(alert, now),
    open: alert.state !== 'resolved',
    actions: actionsOf(host, alert, title),
  };
}

function lookOf(alert: Alert): { readonly tone: Tone; readonly mark: Mark } {
  if (alert.state === 'resolved') return { tone: 'good', mark: 'pass' };
  if (alert.held) return { tone: 'muted', mark: 'bellOff' };
  if (alert.state === 'acknowledged') return { tone: 'muted', mark: 'bell' };
  return { tone: toneOfLevel[alert.level], mark: alert.level === 'critical' ? 'error' : 'warning' };
}

function stateText(alert: Alert): string {
  if (alert.state === 'resolved') return 'resolved';
  if (alert.held) return 'held by a window';
  if (alert.state === 'acknowledged') return `seen by ${plain(alert.acknowledgedBy ?? 'someone')}`;
  return alert.level;
}

function whenText(alert: Alert, now: Date): string {
  if (alert.state === 'resolved') return relative(alert.updatedAt, now);
  const times = alert.count > 1 ? `, ${counted(alert.count, 'time')}` : '';
  return `${relative(alert.since, now)}${times}`;
}

function actionsOf(host: HostView, alert: Alert, title: string): Action[] {
  const actions: Action[] = [];
  if (alert.state === 'firing' && allows(host, 'operator'))
    actions.push({
      label: 'Acknowledge',
      spoken: `Acknowledge ${title}`,
      primary: false,
      command: { name: 'acknowledgeAlert', host: host.name, alertId: alert.id },
    });
  if (alert.runId !== null)
    actions.push({
      label: 'Open Output',
      spoken: `Open the output of the run behind ${title}`,
      primary: false,
      command: { name: 'openOutput', host: host.name, runId: alert.runId },
    });
  return actions;
}
