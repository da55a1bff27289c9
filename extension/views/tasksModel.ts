/** Tasks view: host → group → task → its last runs. */
import type { Run, Task } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import type { HostData } from '../state/hostData.ts';
import { hostNode } from './hostNode.ts';
import type { TreeNode } from './node.ts';
import { lookOfRun, runNode, timesOfRun } from './runText.ts';
import { counted, grouped, localTime, plain, relative } from './text.ts';

const shownRuns = 10;
/** Names under which runs are kept that belong to no task of the configuration. */
const otherRunsLabel = 'Runbooks and remedies';

export function tasksModel(hosts: readonly HostView[], now: Date): readonly TreeNode[] {
  return hosts
    .filter((host) => host.connection.kind !== 'idle' || host.data !== null)
    .map((host) => hostNode(host, describe(host), () => childrenOf(host, now), now));
}

function describe(host: HostView): string {
  if (host.data === null) return '';
  if (host.data.config.file === null) return 'no configuration';
  return counted(host.data.tasks.length, 'task');
}

function childrenOf(host: HostView, now: Date): readonly TreeNode[] {
  const { data } = host;
  if (data === null) return [];
  const groups = grouped(data.tasks, (task) => task.group ?? '');
  const named = [...groups]
    .filter(([group]) => group !== '')
    .map(([group, tasks]) => groupNode(host.name, group, tasks, data, now));
  const loose = (groups.get('') ?? []).map((task) => taskNode(host.name, task, data, now));
  return [...configurationNode(host), ...named, ...loose, ...otherRuns(host.name, data, now)];
}

function configurationNode(host: HostView): readonly TreeNode[] {
  const config = host.data?.config;
  if (config === undefined) return [];
  const errors = config.diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  if (!config.stale && errors.length === 0) return [];
  const label = config.stale
    ? 'Configuration is refused; the last good one is in force'
    : `Configuration has ${counted(errors.length, 'error')}`;
  return [
    {
      id: `host/${host.name}/configuration`,
      label,
      description: plain(errors[0]?.message ?? ''),
      tooltip: [label, ...config.diagnostics.map((one) => `Line ${one.line}: ${plain(one.message)}`)],
      icon: 'warning',
      tone: 'warning',
      highlighted: true,
      context: 'configuration',
      target: { kind: 'host', host: host.name },
      action: 'openConfiguration',
    },
  ];
}

function groupNode(host: string, group: string, tasks: readonly Task[], data: HostData, now: Date): TreeNode {
  return {
    id: `host/${host}/group/${group}`,
    label: plain(group),
    description: counted(tasks.length, 'task'),
    icon: 'folder',
    tone: 'none',
    context: 'group',
    target: { kind: 'group', host },
    expanded: true,
    children: () => tasks.map((task) => taskNode(host, task, data, now)),
  };
}

function taskNode(host: string, task: Task, data: HostData, now: Date): TreeNode {
  const runs = data.runs.filter((run) => run.kind === 'task' && run.task === task.name);
  const open = runs.find((run) => run.state !== 'ended');
  const last = runs.find((run) => run.state === 'ended');
  const id = `host/${host}/task/${task.name}`;
  const look = lookOfTask(task, open ?? last);
  const words = ['task', task.problem === null ? 'runnable' : 'refused'];
  if (task.problem === null && task.supportsDryRun) words.push('dryRunnable');
  if (open !== undefined) words.push('running');
  return {
    id,
    label: plain(task.name),
    description: describeTask(task, open, last, now),
    tooltip: tooltipOf(task, last),
    ...look,
    highlighted: look.tone === 'bad',
    context: words.join(' '),
    target: { kind: 'task', host, task: task.name },
    children: () => runs.slice(0, shownRuns).map((run) => runNode(run, host, now, id)),
  };
}

function lookOfTask(task: Task, run: Run | undefined): Pick<TreeNode, 'icon' | 'tone'> {
  if (task.problem !== null) return { icon: 'error', tone: 'bad' };
  if (run === undefined) return { icon: 'circle-outline', tone: 'muted' };
  const { icon, tone } = lookOfRun(run);
  return { icon, tone };
}

function describeTask(task: Task, open: Run | undefined, last: Run | undefined, now: Date): string {
  if (task.problem !== null) return plain(task.problem);
  if (open !== undefined) return timesOfRun(open, now);
  const parts: string[] = [];
  if (last !== undefined) parts.push(`${lookOfRun(last).text} ${timesOfRun(last, now)}`);
  if (task.nextRun !== null) parts.push(`next ${relative(task.nextRun, now)}`);
  else if (task.schedule === null && last === undefined) parts.push('by hand');
  return parts.join(' · ');
}

function tooltipOf(task: Task, last: Run | undefined): readonly string[] {
  const lines = [plain(task.name)];
  if (task.description !== null) lines.push(plain(task.description));
  if (task.problem !== null) lines.push(`Refused: ${plain(task.problem)}`);
  lines.push(`${task.kind === 'procedure' ? 'Procedure' : 'Script'}: ${plain(task.target)}`);
  if (task.schedule !== null) lines.push(`Schedule: ${plain(task.schedule)} (${plain(task.zone)})`);
  if (task.nextRun !== null) lines.push(`Next run: ${localTime(task.nextRun)}`);
  if (last !== undefined) {
    const reason = last.outcomeReason === null ? '' : `, ${plain(last.outcomeReason)}`;
    lines.push(`Last run: ${localTime(last.startedAt ?? last.queuedAt)}, ${lookOfRun(last).text}${reason}`);
  }
  if (task.alertOnFailure) lines.push('Raises an alert when it fails');
  return lines;
}

function otherRuns(host: string, data: HostData, now: Date): readonly TreeNode[] {
  const names = new Set(data.tasks.map((task) => task.name));
  const runs = data.runs.filter((run) => run.trigger !== 'check' && (run.kind !== 'task' || !names.has(run.task)));
  if (runs.length === 0) return [];
  const id = `host/${host}/other`;
  return [
    {
      id,
      label: otherRunsLabel,
      description: counted(runs.length, 'run'),
      icon: 'history',
      tone: 'none',
      context: 'group',
      target: { kind: 'group', host },
      children: () => runs.slice(0, 2 * shownRuns).map((run) => runNode(run, host, now, id, true)),
    },
  ];
}
