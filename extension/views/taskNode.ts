/** A task in the Tasks view: how it stands, what holds it back, what waits, and its last runs. */
import type { Run, Task } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import type { HostData } from '../state/hostData.ts';
import { approvalProblem, awaitsApproval } from './approvals.ts';
import type { TreeNode } from './node.ts';
import { lookOfRun, runNode, timesOfRun } from './runText.ts';
import { localTime, plain, relative, untilText } from './text.ts';

const shownRuns = 10;

export function taskNode(host: HostView, task: Task, data: HostData, now: Date): TreeNode {
  const runs = data.runs.filter((run) => run.kind === 'task' && run.task === task.name);
  const open = openRun(runs);
  const last = runs.find((run) => run.state === 'ended');
  const id = `host/${host.name}/task/${task.name}`;
  const held = holdsOf(task, data, now);
  const look = lookOfTask(task, open ?? last, open === undefined && held.length > 0);
  return {
    id,
    label: plain(task.name),
    description: describeTask(task, { open, last, held }, now),
    tooltip: tooltipOf(task, last, data, now),
    ...look,
    highlighted: look.tone === 'bad',
    context: wordsOfTask(task, open, host, now).join(' '),
    target: { kind: 'task', host: host.name, task: task.name },
    children: () =>
      runs.slice(0, shownRuns).map((run) => runNode(run, host.name, now, id, { words: approvalWords(run, host) })),
  };
}

/** The one that a person must know of first: what runs, else what waits for people, else what waits. */
function openRun(runs: readonly Run[]): Run | undefined {
  const open = runs.filter((run) => run.state !== 'ended');
  return open.find((run) => run.state !== 'queued') ?? open.find(awaitsApproval) ?? open[0];
}

function wordsOfTask(task: Task, open: Run | undefined, host: HostView, now: Date): readonly string[] {
  const words = ['task', task.problem === null ? 'runnable' : 'refused'];
  if (task.problem === null && task.supportsDryRun) words.push('dryRunnable');
  if (open !== undefined) words.push('running', ...approvalWords(open, host));
  if (isSnoozed(task, now)) words.push('snoozed');
  else if (canSnooze(task)) words.push('snoozable');
  return words;
}

/** A schedule that can be held back, on an agent that knows how. */
export function canSnooze(task: Task): boolean {
  return task.problem === null && task.schedule !== null && task.snoozedUntil !== undefined;
}

export function isSnoozed({ snoozedUntil }: Task, now: Date): boolean {
  return snoozedUntil !== null && snoozedUntil !== undefined && Date.parse(snoozedUntil) > now.getTime();
}

function approvalWords(run: Run, host: HostView): readonly string[] {
  if (!awaitsApproval(run)) return [];
  return approvalProblem(run, host) === null ? ['rejectable', 'approvable'] : ['rejectable'];
}

/** What keeps its schedule from starting it, each in a few words. */
function holdsOf(task: Task, data: HostData, now: Date): readonly string[] {
  if (task.problem !== null) return [];
  const scheduled = task.schedule !== null;
  const { snoozedUntil, blackout } = task;
  const inBlackout =
    blackout !== null &&
    blackout !== undefined &&
    (blackout.until === null || Date.parse(blackout.until) > now.getTime());
  return [
    ...(scheduled && (data.paused ?? null) !== null ? ['paused'] : []),
    ...(isSnoozed(task, now) ? [`snoozed until ${untilText(snoozedUntil ?? '', now)}`] : []),
    ...(inBlackout
      ? [
          `in the blackout ${blackout.names.map(plain).join(', ')}${blackout.until === null ? '' : ` until ${untilText(blackout.until, now)}`}`,
        ]
      : []),
  ];
}

function lookOfTask(task: Task, run: Run | undefined, held: boolean): Pick<TreeNode, 'icon' | 'tone'> {
  if (task.problem !== null) return { icon: 'error', tone: 'bad' };
  const look = run === undefined ? { icon: 'circle-outline', tone: 'muted' as const } : lookOfRun(run);
  // What went wrong stays in sight.
  if (held && look.tone !== 'bad' && look.tone !== 'warning') return { icon: 'debug-pause', tone: 'muted' };
  return { icon: look.icon, tone: look.tone };
}

interface Standing {
  readonly open: Run | undefined;
  readonly last: Run | undefined;
  readonly held: readonly string[];
}

function describeTask(task: Task, { open, last, held }: Standing, now: Date): string {
  if (task.problem !== null) return plain(task.problem);
  if (open !== undefined) return [timesOfRun(open, now), ...held].join(' · ');
  const parts = [...held];
  if (last !== undefined) parts.push(`${lookOfRun(last).text} ${timesOfRun(last, now)}`);
  if (task.nextRun !== null) {
    if (!held.includes('paused')) parts.push(`next ${relative(task.nextRun, now)}`);
  } else if (task.schedule === null && last === undefined) parts.push('by hand');
  return parts.join(' · ');
}

function tooltipOf(task: Task, last: Run | undefined, data: HostData, now: Date): readonly string[] {
  const lines = [plain(task.name)];
  if (task.description !== null) lines.push(plain(task.description));
  if (task.problem !== null) lines.push(`Refused: ${plain(task.problem)}`);
  lines.push(`${task.kind === 'procedure' ? 'Procedure' : 'Script'}: ${plain(task.target)}`);
  if (task.schedule !== null) lines.push(`Schedule: ${plain(task.schedule)} (${plain(task.zone)})`);
  for (const hold of holdsOf(task, data, now)) lines.push(`Held back: ${hold}`);
  if (task.nextRun !== null) {
    const resumed = task.schedule !== null && (data.paused ?? null) !== null ? ', once the schedules run again' : '';
    lines.push(`Next run: ${localTime(task.nextRun)}${resumed}`);
  }
  if (last !== undefined) {
    const reason = last.outcomeReason === null ? '' : `, ${plain(last.outcomeReason)}`;
    lines.push(`Last run: ${localTime(last.startedAt ?? last.queuedAt)}, ${lookOfRun(last).text}${reason}`);
  }
  if (task.alertOnFailure) lines.push('Raises an alert when it fails');
  return lines;
}
