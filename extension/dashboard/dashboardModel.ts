/** The dashboard's model: what is known of all hosts → what the page draws of the selected one. Pure. */
import type { FindingLevel, Run } from '../../agent/protocol/nouns.ts';
import type { Body, Dashboard } from '../../webview/dashboardSchema.ts';
import type { HostView } from '../state/host.ts';
import { observationsOf, openAlerts } from '../views/healthModel.ts';
import { isShown } from '../views/hostNode.ts';
import { worst } from '../views/levels.ts';
import { toneOfLevel } from '../views/node.ts';
import { counted, plain } from '../views/text.ts';
import { alertRows } from './alertRows.ts';
import { allows } from './allowed.ts';
import { componentsOf } from './components.ts';
import { lifetimesOf } from './lifetimes.ts';
import { noticesOf, welcome } from './notices.ts';
import { tilesOf } from './tiles.ts';
import { timelineOf } from './timeline.ts';

export interface DashboardInput {
  readonly hosts: readonly HostView[];
  /** Name of the host that the person has chosen; null or gone: the first that has something to show. */
  readonly selected: string | null;
  /** Runs of the selected host, newest first; at least those that its data holds. */
  readonly runsOf: (host: HostView) => readonly Run[];
  readonly now: Date;
}

export function dashboardModel({ hosts, selected, runsOf, now }: DashboardInput): Dashboard {
  const shown = hosts.filter(isShown);
  const host = selectedHost(shown, selected);
  if (host === null) return emptyDashboard();
  const body = bodyOf(host, runsOf(host), now);
  const online = host.connection.kind === 'online';
  return {
    hosts: shown.map((one) => ({
      name: one.name,
      label: plain(one.name),
      tone: toneOfHost(one),
      text: summaryOf(one),
    })),
    selected: host.name,
    about: aboutOf(host),
    actions: body === null || !online ? [] : headerActions(host),
    notices: noticesOf(host, now),
    body,
    stale: body !== null && !online,
    spoken: `${plain(host.name)}: ${summaryOf(host)}`,
  };
}

function selectedHost(hosts: readonly HostView[], selected: string | null): HostView | null {
  const chosen = hosts.find((host) => host.name === selected);
  return chosen ?? hosts.find((host) => host.data !== null) ?? hosts[0] ?? null;
}

function emptyDashboard(): Dashboard {
  return {
    hosts: [],
    selected: null,
    about: '',
    actions: [],
    notices: [welcome],
    body: null,
    stale: false,
    spoken: 'No host yet',
  };
}

function bodyOf(host: HostView, runs: readonly Run[], now: Date): Body | null {
  const { data } = host;
  if (data === null) return null;
  const { lifetimes, note: lifetimesNote } = lifetimesOf(host, now);
  const { components, note: componentsNote } = componentsOf(data);
  const { alerts, note: alertsNote } = alertRows(host, data, now);
  return {
    tiles: tilesOf(host, data, runs, now),
    timeline: timelineOf(host.name, data, runs, now),
    lifetimes,
    components,
    alerts,
    notes: { lifetimes: lifetimesNote, components: componentsNote, alerts: alertsNote },
  };
}

function headerActions(host: HostView): Dashboard['actions'] {
  if (!allows(host, 'operator')) return [];
  return [
    {
      label: 'Run Checks',
      spoken: `Run the checks of ${plain(host.name)} now`,
      primary: false,
      command: { name: 'runChecks', host: host.name },
    },
  ];
}

/** `agent 0.1.0 on linux · you are operator` */
function aboutOf(host: HostView): string {
  const agent = host.data?.host;
  return [
    ...(agent === undefined ? [] : [`agent ${plain(agent.agentVersion)} on ${plain(agent.platform)}`]),
    ...(host.role === null || host.role === 'admin' ? [] : [`you are ${host.role}`]),
  ].join(' · ');
}

function toneOfHost(host: HostView): Dashboard['hosts'][number]['tone'] {
  if (host.connection.kind === 'connecting') return 'busy';
  if (host.connection.kind !== 'online') return 'muted';
  const level = levelOf(host);
  return level === null ? 'none' : toneOfLevel[level];
}

const words = { ok: 'all well', info: 'all well', warning: 'warnings', critical: 'critical' } as const;

/** `critical, 2 open alerts`, `all well`, `offline`. */
function summaryOf(host: HostView): string {
  const { connection, data } = host;
  if (connection.kind === 'connecting') return 'connecting';
  if (connection.kind !== 'online') return 'offline';
  if (data === null) return 'reading its state';
  const level = levelOf(host);
  if (level === null) return 'connected, nothing looked at yet';
  const alerts = openAlerts(data).length;
  return alerts === 0 ? words[level] : `${words[level]}, ${counted(alerts, 'open alert')}`;
}

/** Null when nothing has been looked at. */
function levelOf({ data }: HostView): FindingLevel | null {
  if (data === null) return null;
  const standing = openAlerts(data).filter((alert) => !alert.held);
  const levels = [...observationsOf(data).map((one) => one.finding.level), ...standing.map((alert) => alert.level)];
  return levels.length === 0 ? null : worst(levels);
}
