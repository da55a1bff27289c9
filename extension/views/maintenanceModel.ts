/** Maintenance view: open windows with their time left, coming ones, past ones. */
import type { MaintenanceWindow } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import type { HostData } from '../state/hostData.ts';
import type { Tone, TreeNode } from './node.ts';
import { lookOfRun, runNode } from './runText.ts';
import { counted, duration, localTime, plain, relative, timeLeft } from './text.ts';

type Phase = 'coming' | 'open' | 'past';

const phases: Readonly<Record<MaintenanceWindow['state'], Phase>> = {
  scheduled: 'coming',
  announced: 'coming',
  preparing: 'open',
  active: 'open',
  verifying: 'open',
  overrun: 'open',
  closed: 'past',
  aborted: 'past',
};

interface Placed {
  readonly host: HostView;
  readonly data: HostData;
  readonly window: MaintenanceWindow;
}

export function maintenanceModel(hosts: readonly HostView[], now: Date): readonly TreeNode[] {
  const placed = hosts.flatMap((host) => {
    const { data } = host;
    return data === null ? [] : data.windows.map((window) => ({ host, data, window }));
  });
  const of = (phase: Phase): Placed[] => placed.filter((one) => phaseOf(one.window) === phase);
  const open = of('open').sort((a, b) => a.window.endsAt.localeCompare(b.window.endsAt));
  const coming = of('coming').sort((a, b) => a.window.startsAt.localeCompare(b.window.startsAt));
  const past = of('past').sort((a, b) => b.window.startsAt.localeCompare(a.window.startsAt));
  return [
    ...open.map((one) => openNode(one, now)),
    ...coming.map((one) => comingNode(one, now)),
    ...(past.length === 0 ? [] : [pastGroup(past)]),
  ];
}

export function phaseOf(window: MaintenanceWindow): Phase {
  return phases[window.state];
}

/** `42 min left`, or how long it is over its time. */
export function windowTimeText(window: MaintenanceWindow, now: Date): string {
  const left = Date.parse(window.endsAt) - now.getTime();
  return left >= 0 ? `${timeLeft(left)} left` : `${duration(-left)} over its time`;
}

function idOf({ host, window }: Placed): string {
  return `host/${host.name}/window/${window.id}`;
}

function openNode(placed: Placed, now: Date): TreeNode {
  const { host, window } = placed;
  const over = Date.parse(window.endsAt) < now.getTime() || window.state === 'overrun';
  const unwell = over || window.mode.problem !== null;
  return {
    id: idOf(placed),
    label: `${windowTimeText(window, now)}: ${plain(window.title)}`,
    description: [plain(host.name), ...(window.state === 'active' ? [] : [window.state])].join(' · '),
    tooltip: [
      `Maintenance window: ${plain(window.title)}`,
      ...factsOf(placed).map(([name, text]) => `${name}: ${text}`),
    ],
    icon: 'tools',
    tone: unwell ? 'warning' : 'busy',
    highlighted: unwell,
    context: 'window open',
    target: { kind: 'window', host: host.name, windowId: window.id },
    expanded: true,
    children: () => [...planNodes(placed, now), ...factNodes(placed)],
  };
}

function comingNode(placed: Placed, now: Date): TreeNode {
  const { host, window } = placed;
  return {
    id: idOf(placed),
    label: plain(window.title),
    description: `${relative(window.startsAt, now)} · ${plain(host.name)}`,
    tooltip: [
      `Maintenance window: ${plain(window.title)}`,
      ...factsOf(placed).map(([name, text]) => `${name}: ${text}`),
    ],
    icon: 'calendar',
    tone: 'none',
    context: 'window coming',
    target: { kind: 'window', host: host.name, windowId: window.id },
    children: () => factNodes(placed),
  };
}

function pastGroup(past: readonly Placed[]): TreeNode {
  return {
    id: 'past',
    label: 'Past windows',
    description: counted(past.length, 'window'),
    icon: 'history',
    tone: 'none',
    context: 'group',
    target: { kind: 'text', text: 'Past windows' },
    children: () => past.map(pastNode),
  };
}

function pastNode(placed: Placed): TreeNode {
  const { host, window } = placed;
  const length = Date.parse(window.closedAt ?? window.endsAt) - Date.parse(window.startsAt);
  const tone: Tone = window.mode.problem !== null ? 'warning' : 'muted';
  return {
    id: idOf(placed),
    label: plain(window.title),
    description: [
      localTime(window.startsAt),
      duration(length),
      plain(host.name),
      plain(window.closedReason ?? window.state),
    ].join(' · '),
    tooltip: [
      `Maintenance window: ${plain(window.title)}`,
      ...factsOf(placed).map(([name, text]) => `${name}: ${text}`),
    ],
    icon: window.state === 'aborted' ? 'circle-slash' : 'check',
    tone,
    context: 'window past',
    target: { kind: 'window', host: host.name, windowId: window.id },
    children: () => factNodes(placed),
  };
}

function factsOf({ window }: Placed): readonly (readonly [name: string, text: string])[] {
  const mode =
    window.mode.flagFile === null
      ? window.mode.problem === null
        ? 'no flag file configured'
        : 'off'
      : `${window.mode.on ? 'on' : 'off'} (${plain(window.mode.flagFile)})`;
  return [
    ...(window.reason === window.title ? [] : [['Reason', plain(window.reason)] as const]),
    ['Opened by', plain(window.openedBy.replace(/^unix:/, ''))],
    ['From', localTime(window.startsAt)],
    ['Until', localTime(window.closedAt ?? window.endsAt)],
    ...(window.closedReason === null ? [] : [['Closed', plain(window.closedReason)] as const]),
    ['Maintenance mode', mode],
    ...(window.mode.problem === null ? [] : [['Problem', plain(window.mode.problem)] as const]),
    ['Alerts held', String(window.heldAlerts)],
  ];
}

function factNodes(placed: Placed): readonly TreeNode[] {
  return factsOf(placed).map(([name, text]) => ({
    id: `${idOf(placed)}/${name}`,
    label: name,
    description: text,
    icon: name === 'Problem' ? 'warning' : 'dash',
    tone: name === 'Problem' ? 'warning' : 'muted',
    highlighted: name === 'Problem',
    context: 'detail',
    target: { kind: 'text', text },
  }));
}

/** The tasks of the plan in their order; those that have begun show their run. */
function planNodes(placed: Placed, now: Date): readonly TreeNode[] {
  const { host, data, window } = placed;
  const runs = window.planRuns.map((id) => data.runs.find((run) => run.id === id));
  return window.plan.map((task, index) => {
    const run = runs.find((one) => one?.task === task);
    const id = `${idOf(placed)}/plan/${index}`;
    if (run !== undefined)
      return { ...runNode(run, host.name, now, id, { named: true }), description: lookOfRun(run).text };
    return {
      id,
      label: plain(task),
      description: 'planned',
      icon: 'circle-outline',
      tone: 'muted',
      context: 'detail',
      target: { kind: 'task', host: host.name, task },
    };
  });
}
