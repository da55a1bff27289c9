/** What the status bar and the badge say about all hosts together. */
import type { FindingLevel } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import type { HostData } from '../state/hostData.ts';
import { approvalsFor } from './approvals.ts';
import { observationsOf, openAlerts, type Observation } from './healthModel.ts';
import { worst } from './levels.ts';
import { phaseOf, windowTimeText } from './maintenanceModel.ts';
import { counted, plain, withoutIcons } from './text.ts';

export interface Status {
  /** May hold `$(icon)` of ours. */
  readonly text: string;
  readonly tooltip: readonly string[];
  /** For screen readers. */
  readonly spoken: string;
  readonly level: FindingLevel;
  /** The configuration of a host is refused or has errors. */
  readonly refused: boolean;
  /** Alerts that still stand; those that a window holds back are not counted. */
  readonly openAlerts: number;
  /** Runs that this person may approve. */
  readonly approvals: number;
  readonly view: 'health' | 'maintenance' | 'tasks';
}

export function statusModel(hosts: readonly HostView[], now: Date): Status {
  const wanted = hosts.filter((host) => host.connection.kind !== 'idle');
  const alerts = hosts
    .flatMap((host) => (host.data === null ? [] : openAlerts(host.data)))
    .filter((alert) => !alert.held);
  const offline = wanted.filter((host) => host.connection.kind === 'waiting' || host.connection.kind === 'failed');
  const online = wanted.filter((host) => host.connection.kind === 'online');
  const observed = online.flatMap((host) => (host.data === null ? [] : unheldObservations(host.data)));
  const level = worst([...observed.map((one) => one.finding.level), ...alerts.map((alert) => alert.level)]);
  const windows = hosts.flatMap((host) =>
    (host.data?.windows ?? []).filter((window) => phaseOf(window) === 'open').map((window) => ({ host, window })),
  );
  windows.sort((a, b) => a.window.endsAt.localeCompare(b.window.endsAt));
  const [first] = windows;
  const paused = online.filter((host) => (host.data?.paused ?? null) !== null);
  const approvals = approvalsFor(hosts);
  const notes = notesOf(paused.length, online.length, approvals.length);
  const windowText = first === undefined ? null : windowTimeText(first.window, now);
  const troubles = hosts.flatMap((host) => {
    const trouble = configurationProblem(host);
    return trouble === null ? [] : [{ host, ...trouble }];
  });
  const [trouble] = troubles;
  const seen = healthText(level, alerts.length, offline.length, wanted.length, online.length);
  const health = trouble === undefined ? seen : withTrouble(seen, trouble.short);
  return {
    text: [
      windowText === null
        ? `${health.icon} Upkeep${health.text}`
        : `$(tools) ${windowText} ${health.icon}${health.text}`,
      ...notes.map((note) => note.text),
    ].join('  '),
    tooltip: [
      `Upkeep: ${health.spoken}`,
      ...windows.map(
        ({ host, window }) => `Window on ${plain(host.name)}: ${plain(window.title)}, ${windowTimeText(window, now)}`,
      ),
      ...paused.map((host) => `Schedules on ${plain(host.name)} are paused by ${plain(host.data?.paused?.by ?? '')}`),
      ...approvals.map(({ host, run }) => `${plain(host.name)}: ${plain(run.task)} waits for your approval`),
      ...alerts.slice(0, 10).map((alert) => `Alert: ${plain(alert.title)}`),
      ...offline.map((host) => `${plain(host.name)} is not connected`),
      ...troubles.map(({ host, long }) => `${plain(host.name)}: ${long}`),
    ],
    spoken: [
      windowText === null ? `Upkeep: ${health.spoken}` : `Upkeep: maintenance window, ${windowText}; ${health.spoken}`,
      ...notes.map((note) => note.spoken),
    ].join('; '),
    level,
    refused: trouble !== undefined,
    openAlerts: alerts.length,
    approvals: approvals.length,
    view:
      trouble !== undefined || approvals.length > 0
        ? 'tasks'
        : first !== undefined
          ? 'maintenance'
          : wanted.length === 0 || offline.length > 0
            ? 'tasks'
            : 'health',
  };
}

/** Findings behind an alert that a window holds back do not count. */
function unheldObservations(data: HostData): readonly Observation[] {
  const held = new Set(data.alerts.filter((alert) => alert.held).map((alert) => alert.key));
  return observationsOf(data).filter(({ finding }) => !held.has(`finding:${finding.code}:${finding.subject}`));
}

function configurationProblem(host: HostView): { readonly short: string; readonly long: string } | null {
  const config = host.data?.config;
  if (config === undefined) return null;
  const errors = config.diagnostics.filter((one) => one.severity === 'error');
  const [first] = errors;
  if (!config.stale && first === undefined) return null;
  const where = first === undefined ? '' : ` (line ${first.line}: ${plain(first.message)})`;
  return config.stale
    ? { short: 'configuration refused', long: `the configuration is refused, the last good one is in force${where}` }
    : { short: 'configuration has errors', long: `the configuration has ${counted(errors.length, 'error')}${where}` };
}

function withTrouble(health: HealthText, trouble: string): HealthText {
  return {
    icon: health.icon === '$(error)' ? health.icon : '$(warning)',
    text: `${health.text === '' ? '' : `${health.text},`} ${trouble}`,
    spoken: `${health.spoken}, ${trouble}`,
  };
}

interface Note {
  readonly text: string;
  readonly spoken: string;
}

function notesOf(paused: number, online: number, approvals: number): readonly Note[] {
  const which = paused === online ? '' : ` on ${counted(paused, 'host')}`;
  return [
    ...(paused === 0 ? [] : [{ text: `$(debug-pause) paused${which}`, spoken: `schedules are paused${which}` }]),
    ...(approvals === 0
      ? []
      : [{ text: `$(account) ${approvals} to approve`, spoken: `${counted(approvals, 'run')} to approve` }]),
  ];
}

interface HealthText {
  readonly icon: string;
  readonly text: string;
  readonly spoken: string;
}

function healthText(level: FindingLevel, alerts: number, offline: number, wanted: number, online: number): HealthText {
  if (wanted === 0) return { icon: '$(vm-outline)', text: '', spoken: 'no host connected' };
  const count = alerts === 0 ? '' : ` ${counted(alerts, 'alert')}`;
  const away = offline === 0 ? '' : `, ${offline} of ${counted(wanted, 'host')} offline`;
  if (online === 0 && offline === 0) return { icon: '$(loading~spin)', text: '', spoken: 'connecting' };
  const icon = level === 'critical' ? '$(error)' : offline > 0 || level === 'warning' ? '$(warning)' : '$(pass)';
  const shown = offline > 0 && count === '' ? ` ${offline} offline` : count;
  const words = level === 'critical' ? 'critical' : level === 'warning' ? 'warnings' : 'all well';
  return {
    icon,
    text: withoutIcons(shown),
    spoken: `${online === 0 ? 'offline' : words}${count === '' ? '' : `,${count}`}${away}`,
  };
}
