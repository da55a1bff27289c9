/** Health view: open alerts on top, then component → check → finding. */
import type { Alert, Certificate, Finding, Remedy } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import type { HostData } from '../state/hostData.ts';
import { lifetimeAt } from './certificateLifetime.ts';
import { certificateSource, nameOf } from './foundCertificates.ts';
import { byHost } from './hostNode.ts';
import { isProblem, severity, worst } from './levels.ts';
import { iconOfLevel, toneOfLevel, type TreeNode } from './node.ts';
import { counted, grouped, localTime, plain, relative, shortPath } from './text.ts';

/** A finding and the time of the report that it comes from. */
export interface Observation {
  /** Its own among those of a host, and the same from report to report: `database.disk/shop`, `database.disk/shop/2`. */
  readonly key: string;
  readonly finding: Finding;
  readonly at: string;
  /** The certificate that the finding is about. */
  readonly certificate: Certificate | null;
  /** Null also when this agent has no such procedure. */
  readonly remedy: Remedy | null;
}

export function healthModel(hosts: readonly HostView[], now: Date): readonly TreeNode[] {
  return byHost(hosts, describe, (host) => childrenOf(host, now), now);
}

/** Alerts that still stand, worst first, then newest first; those that a window holds back last. */
export function openAlerts(data: HostData): readonly Alert[] {
  return data.alerts
    .filter((alert) => alert.state !== 'resolved')
    .sort(
      (a, b) =>
        Number(a.held) - Number(b.held) || severity(b.level) - severity(a.level) || b.since.localeCompare(a.since),
    );
}

/** Of each thing that was looked at what the newest report says: one finding, or several (each disk of a database). */
export function observationsOf(data: HostData): readonly Observation[] {
  const newest = new Map<string, readonly Observation[]>();
  const known = new Set(data.procedures.map(({ name }) => name));
  for (const report of [...data.reports].sort((a, b) => a.at.localeCompare(b.at)))
    for (const [thing, findings] of grouped(report.findings, ({ code, subject }) => `${code}/${subject}`))
      newest.set(
        thing,
        findings.map((finding, index) => ({
          key: index === 0 ? thing : `${thing}/${index + 1}`,
          finding,
          at: report.at,
          certificate: report.certificates?.find((one) => one.source === finding.subject) ?? null,
          remedy: finding.remedy !== undefined && known.has(finding.remedy.procedure) ? finding.remedy : null,
        })),
      );
  return [...newest.values()].flat();
}

function describe(host: HostView): string {
  if (host.data === null) return '';
  const level = worst(observationsOf(host.data).map((one) => one.finding.level));
  const open = openAlerts(host.data);
  const held = open.filter((alert) => alert.held).length;
  return [
    level,
    ...(open.length === held ? [] : [counted(open.length - held, 'open alert')]),
    ...(held === 0 ? [] : [`${held} held`]),
  ].join(' · ');
}

function childrenOf(host: HostView, now: Date): readonly TreeNode[] {
  const { data } = host;
  if (data === null) return [];
  const components = grouped(observationsOf(data), (one) => componentOf(one.finding.code));
  return [
    ...openAlerts(data).map((alert) => alertNode(host.name, alert, now)),
    ...[...components]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([component, observations]) => componentNode(host.name, component, observations, now)),
  ];
}

function alertNode(host: string, alert: Alert, now: Date): TreeNode {
  const seen = alert.state === 'acknowledged';
  const words = ['alert', seen ? 'acknowledged' : 'firing'];
  if (alert.runId !== null) words.push('withRun');
  if (certificateSource(alert) !== null) words.push('ofCertificate');
  const state = alert.held ? 'held by a window' : seen ? `seen by ${plain(alert.acknowledgedBy ?? 'someone')}` : null;
  return {
    id: `host/${host}/alert/${alert.id}`,
    label: plain(alert.title),
    description: [state, plain(alert.message), relative(alert.since, now)].filter((part) => part !== null).join(' · '),
    tooltip: [
      `Alert: ${plain(alert.title)}`,
      plain(alert.message),
      `Since: ${localTime(alert.since)} (${counted(alert.count, 'time')})`,
      ...(state === null ? [] : [`State: ${state}`]),
    ],
    icon: alert.held ? 'bell-slash' : seen ? 'bell' : 'bell-dot',
    tone: alert.held || seen ? 'muted' : toneOfLevel[alert.level],
    highlighted: !alert.held && !seen,
    context: words.join(' '),
    target: { kind: 'alert', host, alertId: alert.id, runId: alert.runId },
  };
}

function componentNode(host: string, component: string, observations: readonly Observation[], now: Date): TreeNode {
  const id = `host/${host}/component/${component}`;
  const level = worst(observations.map((one) => one.finding.level));
  const problems = observations.filter((one) => isProblem(one.finding.level)).length;
  const checks = grouped(observations, (one) => one.finding.code);
  return {
    id,
    label: titled(component),
    description: problems === 0 ? level : `${counted(problems, 'problem')} of ${observations.length}`,
    icon: iconOfLevel[level],
    tone: toneOfLevel[level],
    context: 'component',
    target: { kind: 'group', host },
    expanded: problems > 0,
    children: () =>
      [...checks].sort(([a], [b]) => a.localeCompare(b)).map(([code, found]) => checkNode(host, id, code, found, now)),
  };
}

/** A check with one finding is that finding; with several they are below it, worst first. */
function checkNode(
  host: string,
  parent: string,
  code: string,
  observations: readonly Observation[],
  now: Date,
): TreeNode {
  const title = titled(code.slice(code.indexOf('.') + 1));
  const [only] = observations;
  if (observations.length === 1 && only !== undefined) {
    const label = only.certificate === null ? title : `${title}: ${subjectOf(only)}`;
    return findingNode(host, parent, only, now, label);
  }
  const level = worst(observations.map((one) => one.finding.level));
  const id = `${parent}/${code}`;
  return {
    id,
    label: title,
    description: counted(observations.length, 'finding'),
    icon: iconOfLevel[level],
    tone: toneOfLevel[level],
    context: 'check',
    target: { kind: 'group', host },
    expanded: isProblem(level),
    children: () =>
      [...observations]
        .sort((a, b) => severity(b.finding.level) - severity(a.finding.level))
        .map((one) => findingNode(host, id, one, now, subjectOf(one))),
  };
}

function findingNode(host: string, parent: string, observation: Observation, now: Date, label: string): TreeNode {
  const { key, finding, at, remedy } = observation;
  const unit = finding.unit ?? '';
  return {
    id: `${parent}/${key}`,
    label,
    description: describeFinding(observation, now),
    tooltip: [
      plain(finding.message),
      `Subject: ${plain(finding.subject)}`,
      `Check: ${plain(finding.code)}`,
      ...(finding.value === undefined ? [] : [`Value: ${finding.value} ${plain(unit)}`]),
      ...(finding.threshold === undefined ? [] : [`Threshold: ${finding.threshold} ${plain(unit)}`]),
      ...(finding.remedy === undefined ? [] : [remedyText(finding.remedy, remedy !== null)]),
      `Seen: ${localTime(at)}`,
    ],
    icon: iconOfLevel[finding.level],
    tone: toneOfLevel[finding.level],
    highlighted: isProblem(finding.level),
    context: [
      'finding',
      ...(remedy === null ? [] : ['remediable']),
      ...(observation.certificate === null ? [] : ['ofCertificate']),
    ].join(' '),
    target: { kind: 'finding', host, finding, remedy },
  };
}

function remedyText({ title, procedure }: Remedy, offered: boolean): string {
  return `Remedy: ${plain(title)}${offered ? '' : ` (this agent has no procedure ${plain(procedure)})`}`;
}

/** What was looked at, in short: a certificate by its name, a file by the end of its path. */
function subjectOf({ finding, certificate }: Observation): string {
  return certificate === null ? plain(shortPath(finding.subject)) : nameOf(certificate);
}

function describeFinding({ finding, certificate }: Observation, now: Date): string {
  const message = plain(finding.message);
  if (certificate === null) return message;
  const place = plain(shortPath(finding.subject));
  const dated = certificate.daysLeft === null ? [] : [lifetimeAt(certificate, now).text];
  return [...dated, ...(place === nameOf(certificate) ? [] : [place]), message].join(' · ');
}

export function componentOf(code: string): string {
  const dot = code.indexOf('.');
  return dot === -1 ? code : code.slice(0, dot);
}

const acronyms: Readonly<Record<string, string>> = {
  cpu: 'CPU',
  wal: 'WAL',
  tls: 'TLS',
  http: 'HTTP',
  tcp: 'TCP',
  io: 'I/O',
};

/** `dead_tuples` → `Dead tuples`, `cpu` → `CPU` */
export function titled(word: string): string {
  const words = plain(word)
    .split(/[\s_.-]+/)
    .filter((one) => one !== '');
  const spaced = words.map((one) => acronyms[one.toLowerCase()] ?? one).join(' ');
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
