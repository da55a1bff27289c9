/** What ran in the last 24 hours, a row a task; windows as bands; what comes in the next two hours. */
import type { MaintenanceWindow, Run, Task } from '../../agent/protocol/nouns.ts';
import type { Row, Timeline } from '../../webview/dashboardSchema.ts';
import type { HostData } from '../state/hostData.ts';
import { phaseOf } from '../views/maintenanceModel.ts';
import { lookOfRun } from '../views/runText.ts';
import { counted, localTime, plain, relative } from '../views/text.ts';
import { barOf, markOfRun } from './runBars.ts';

export const pastMs = 24 * 3_600_000;
const aheadMs = 2 * 3_600_000;
const tickHours = 3;
/** Rows and bars that one page draws. */
const shownRows = 40;
const shownBarsPerRow = 400;
/** From so many rows on, tasks that have nothing to show are left out. */
const manyRows = 12;
const otherName = 'Runbooks and remedies';

interface Range {
  readonly from: number;
  readonly now: number;
  readonly to: number;
}

/** `runs`: newest first. */
export function timelineOf(host: string, data: HostData, runs: readonly Run[], now: Date): Timeline {
  const at = now.getTime();
  const range: Range = { from: at - pastMs, now: at, to: at + aheadMs };
  const shown = runs.filter((run) => run.trigger !== 'check' && overlaps(range, startOf(run), endOf(run, at)));
  const names = new Set(data.tasks.map((task) => task.name));
  const ofTask = (run: Run): string | null => (run.kind === 'task' && names.has(run.task) ? run.task : null);
  const rows = [
    ...data.tasks.map((task) =>
      taskRow(
        host,
        task,
        shown.filter((run) => ofTask(run) === task.name),
        lastEnded(runs, task),
        range,
      ),
    ),
    ...otherRow(
      host,
      shown.filter((run) => ofTask(run) === null),
      range,
    ),
  ];
  const busy = rows.length > manyRows ? rows.filter((row) => row.bars.length > 0 || row.next !== null) : rows;
  return {
    ...range,
    ticks: ticksOf(range),
    bands: data.windows.flatMap((window) => bandOf(window, range)),
    rows: busy.slice(0, shownRows),
    note: noteOf(rows, busy),
  };
}

function taskRow(host: string, task: Task, runs: readonly Run[], last: Run | undefined, range: Range): Row {
  const next = task.nextRun === null || task.problem !== null ? null : nextMark(task.nextRun, range);
  const open = runs.find((run) => run.state !== 'ended');
  const shown = open ?? last;
  const look = shown === undefined ? null : lookOfRun(shown);
  return {
    name: plain(task.name),
    tone: task.problem !== null ? 'bad' : (look?.tone ?? 'muted'),
    mark: task.problem !== null ? 'error' : shown === undefined ? null : markOfRun(shown),
    text: textOf(task, look?.text, range),
    bars: barsOf(host, runs, range),
    next,
  };
}

function textOf(task: Task, last: string | undefined, range: Range): string {
  if (task.problem !== null) return plain(task.problem);
  const next =
    task.nextRun === null
      ? task.schedule === null
        ? 'by hand'
        : ''
      : `next ${relative(task.nextRun, new Date(range.now))}`;
  return [last ?? 'not run yet', next].filter((part) => part !== '').join(', ');
}

function otherRow(host: string, runs: readonly Run[], range: Range): Row[] {
  const [newest] = runs;
  if (newest === undefined) return [];
  const look = lookOfRun(newest);
  return [
    {
      name: otherName,
      tone: look.tone,
      mark: markOfRun(newest),
      text: counted(runs.length, 'run'),
      bars: barsOf(host, runs, range),
      next: null,
    },
  ];
}

function barsOf(host: string, runs: readonly Run[], range: Range): Row['bars'] {
  return runs
    .slice(0, shownBarsPerRow)
    .map((run) => barOf(host, run, startOf(run), endOf(run, range.now)))
    .sort((a, b) => a.from - b.from || a.to - b.to);
}

function lastEnded(runs: readonly Run[], task: Task): Run | undefined {
  return runs.find((run) => run.kind === 'task' && run.task === task.name && run.state === 'ended');
}

function nextMark(nextRun: string, range: Range): Row['next'] {
  const at = Date.parse(nextRun);
  if (at < range.now || at > range.to) return null;
  return { at, text: `next run ${localTime(nextRun).slice(11, 16)}` };
}

function bandOf(window: MaintenanceWindow, range: Range): Timeline['bands'] {
  const from = Date.parse(window.startsAt);
  const open = phaseOf(window) === 'open';
  const planned = Date.parse(window.closedAt ?? window.endsAt);
  const to = open ? Math.max(planned, range.now) : planned;
  if (!overlaps(range, from, to)) return [];
  const times = `${localTime(window.startsAt).slice(11, 16)} – ${localTime(window.closedAt ?? window.endsAt).slice(11, 16)}`;
  return [
    {
      from: Math.max(from, range.from),
      to: Math.min(to, range.to),
      label: `${plain(window.title)} (${times}, ${window.state})`,
      open,
    },
  ];
}

/** Full hours of the editor's zone that can be divided by three; across a change of the clock they stay that. */
function ticksOf(range: Range): Timeline['ticks'] {
  const ticks: Timeline['ticks'] = [];
  const hour = new Date(range.from);
  hour.setMinutes(0, 0, 0);
  for (let at = hour.getTime(); at <= range.to; at += 3_600_000) {
    const date = new Date(at);
    if (at < range.from || date.getHours() % tickHours !== 0 || date.getMinutes() !== 0) continue;
    ticks.push({ at, label: localTime(date.toISOString()).slice(11, 16) });
  }
  return ticks;
}

function noteOf(rows: readonly Row[], busy: readonly Row[]): string {
  if (rows.length === 0) return 'No task is configured.';
  const quiet = rows.length - busy.length;
  const beyond = Math.max(0, busy.length - shownRows);
  return [
    ...(quiet === 0 ? [] : [`${counted(quiet, 'task')} without runs in this time`]),
    ...(beyond === 0 ? [] : [`${counted(beyond, 'more task')} with runs`]),
  ].join(' · ');
}

function overlaps(range: Range, from: number, to: number): boolean {
  return to >= range.from && from <= range.to;
}

/** A run that never started (missed, skipped) stands at its time. */
function startOf(run: Run): number {
  return Date.parse(run.startedAt ?? run.scheduledFor ?? run.queuedAt);
}

function endOf(run: Run, now: number): number {
  if (run.state !== 'ended') return Math.max(now, startOf(run));
  return Math.max(startOf(run), Date.parse(run.endedAt ?? run.queuedAt));
}
