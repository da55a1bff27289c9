/** The four headlines: worst health, open alerts, next task, maintenance window. */
import type { Alert, MaintenanceWindow, Run } from '../../agent/protocol/nouns.ts';
import type { Action, Command, Tile } from '../../webview/dashboardSchema.ts';
import type { HostView } from '../state/host.ts';
import type { HostData } from '../state/hostData.ts';
import { observationsOf, openAlerts } from '../views/healthModel.ts';
import { isProblem, worst } from '../views/levels.ts';
import { phaseOf, windowTimeText } from '../views/maintenanceModel.ts';
import { toneOfLevel } from '../views/node.ts';
import { counted, localTime, plain, relative } from '../views/text.ts';
import { allows } from './allowed.ts';
import { markOfLevel } from './components.ts';

export function tilesOf(host: HostView, data: HostData, runs: readonly Run[], now: Date): Tile[] {
  return [healthTile(data, now), alertsTile(data, now), nextTile(data, runs, now), windowTile(host, data, now)];
}

function healthTile(data: HostData, now: Date): Tile {
  const observed = observationsOf(data);
  const level = worst(observed.map((one) => one.finding.level));
  const problems = observed.filter((one) => isProblem(one.finding.level));
  const newest = observed.reduce((latest, one) => (one.at > latest ? one.at : latest), '');
  const seen = newest === '' ? '' : ` · looked ${relative(newest, now)}`;
  const base = { id: 'health', title: 'Health', share: null, actions: [show('health', 'Show Health')] } as const;
  if (observed.length === 0)
    return {
      ...base,
      tone: 'muted',
      mark: 'info',
      value: 'Unknown',
      detail: 'nothing has been looked at yet',
      actions: [],
    };
  const words = { ok: 'All well', info: 'All well', warning: 'Warning', critical: 'Critical' };
  return {
    ...base,
    tone: level === 'info' ? 'good' : toneOfLevel[level],
    mark: level === 'info' ? 'pass' : markOfLevel[level],
    value: words[level],
    detail: `${problems.length === 0 ? counted(observed.length, 'finding') : `${counted(problems.length, 'problem')} in ${counted(observed.length, 'finding')}`}${seen}`,
    actions: [...base.actions],
  };
}

function alertsTile(data: HostData, now: Date): Tile {
  const open = openAlerts(data);
  const standing = open.filter((alert) => !alert.held);
  const firing = standing.filter((alert) => alert.state === 'firing');
  const level = worst(firing.map((alert) => alert.level));
  return {
    id: 'alerts',
    title: 'Open alerts',
    tone: firing.length > 0 ? toneOfLevel[level] : open.length > 0 ? 'muted' : 'good',
    mark: firing.length > 0 ? 'bell' : open.length > standing.length ? 'bellOff' : 'pass',
    value: open.length === 0 ? 'None' : String(open.length),
    detail: alertsDetail(open, standing, firing, now),
    share: null,
    actions: [],
  };
}

function alertsDetail(open: readonly Alert[], standing: readonly Alert[], firing: readonly Alert[], now: Date): string {
  if (open.length === 0) return 'nobody needs to be woken';
  const held = open.length - standing.length;
  const seen = standing.length - firing.length;
  const [first] = firing;
  return [
    ...(first === undefined ? [] : [`${plain(first.title)}, ${relative(first.since, now)}`]),
    ...(seen === 0 ? [] : [`${seen} acknowledged`]),
    ...(held === 0 ? [] : [`${held} held by a window`]),
  ].join(' · ');
}

function nextTile(data: HostData, runs: readonly Run[], now: Date): Tile {
  const running = runs.filter((run) => run.state === 'running' || run.state === 'stopping').length;
  const active = running === 0 ? '' : `${counted(running, 'run')} under way`;
  const coming = data.tasks
    .flatMap((task) => (task.problem === null && task.nextRun !== null ? [{ name: task.name, at: task.nextRun }] : []))
    .sort((a, b) => a.at.localeCompare(b.at));
  const [next] = coming;
  const base = {
    id: 'next',
    title: 'Next task',
    tone: running > 0 ? 'busy' : 'none',
    mark: running > 0 ? 'running' : 'clock',
    share: null,
    actions: [show('tasks', 'Show Tasks')],
  } satisfies Partial<Tile>;
  if (next === undefined) return { ...base, value: 'None planned', detail: active || 'no task has a schedule' };
  const due = Date.parse(next.at) <= now.getTime() ? 'due now' : relative(next.at, now);
  const detail = [`${due}, at ${clockTime(next.at, now)}`, active].filter((part) => part !== '').join(' · ');
  return { ...base, value: plain(next.name), detail };
}

function windowTile(host: HostView, data: HostData, now: Date): Tile {
  const open = data.windows
    .filter((one) => phaseOf(one) === 'open')
    .sort((a, b) => a.endsAt.localeCompare(b.endsAt))[0];
  if (open !== undefined) return openWindowTile(host, open, now);
  const coming = data.windows
    .filter((one) => phaseOf(one) === 'coming')
    .sort((a, b) => a.startsAt.localeCompare(b.startsAt))[0];
  const start: Action = {
    label: 'Start Window…',
    spoken: `Start a maintenance window on ${plain(host.name)}`,
    primary: false,
    command: { name: 'startWindow', host: host.name },
  };
  return {
    id: 'window',
    title: 'Maintenance window',
    tone: 'none',
    mark: coming === undefined ? 'tools' : 'calendar',
    value: coming === undefined ? 'None open' : capital(relative(coming.startsAt, now)),
    detail:
      coming === undefined
        ? 'alerts are sent, tasks run by their schedule'
        : `${plain(coming.title)}, from ${clockTime(coming.startsAt, now)}`,
    share: null,
    actions: allows(host, 'operator') ? [start] : [],
  };
}

function openWindowTile(host: HostView, window: MaintenanceWindow, now: Date): Tile {
  const from = Date.parse(window.startsAt);
  const to = Date.parse(window.endsAt);
  const over = to < now.getTime() || window.state === 'overrun';
  const problem = window.mode.problem;
  const id = { host: host.name, windowId: window.id };
  const detail = [
    plain(window.title),
    problem === null ? `until ${clockTime(window.endsAt, now)}` : `maintenance mode: ${plain(problem)}`,
    ...(window.heldAlerts === 0 ? [] : [`${counted(window.heldAlerts, 'alert')} held`]),
  ].join(' · ');
  return {
    id: 'window',
    title: 'Maintenance window',
    tone: over || problem !== null ? 'warning' : 'busy',
    mark: over || problem !== null ? 'warning' : 'tools',
    value: windowTimeText(window, now),
    detail,
    share: to <= from ? 1 : Math.min(1, Math.max(0, (now.getTime() - from) / (to - from))),
    actions: allows(host, 'operator')
      ? [
          button('Extend…', `Extend the window ${plain(window.title)}`, { name: 'extendWindow', ...id }),
          button('End', `End the window ${plain(window.title)}`, { name: 'endWindow', ...id }),
        ]
      : [],
  };
}

/** `14:00`; of another day `2026-03-02 14:00`. */
function clockTime(instant: string, now: Date): string {
  const text = localTime(instant).slice(0, 16);
  return text.startsWith(localTime(now.toISOString()).slice(0, 10)) ? text.slice(11) : text;
}

function show(view: 'tasks' | 'health', label: string): Action {
  return button(label, label, { name: 'showView', view });
}

function button(label: string, spoken: string, command: Command): Action {
  return { label, spoken, primary: false, command };
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
