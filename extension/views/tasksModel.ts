/** Tasks view: host → group → task → its last runs. */
import type { Task } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import type { HostData } from '../state/hostData.ts';
import { hostNodes } from './hostNode.ts';
import type { TreeNode } from './node.ts';
import { runNode } from './runText.ts';
import { taskNode } from './taskNode.ts';
import { counted, grouped, plain, relative } from './text.ts';

const shownRuns = 20;
/** Names under which runs are kept that belong to no task of the configuration. */
const otherRunsLabel = 'Runbooks and remedies';

export function tasksModel(hosts: readonly HostView[], now: Date): readonly TreeNode[] {
  return hostNodes(hosts, describe, (host) => childrenOf(host, now), now);
}

function describe(host: HostView): string {
  if (host.data === null) return '';
  if (host.data.config.file === null) return 'no configuration';
  const paused = (host.data.paused ?? null) === null ? '' : ' · schedules paused';
  return `${counted(host.data.tasks.length, 'task')}${paused}`;
}

function childrenOf(host: HostView, now: Date): readonly TreeNode[] {
  const { data } = host;
  if (data === null) return [];
  const groups = grouped(data.tasks, (task) => task.group ?? '');
  const named = [...groups]
    .filter(([group]) => group !== '')
    .map(([group, tasks]) => groupNode(host, group, tasks, data, now));
  const loose = (groups.get('') ?? []).map((task) => taskNode(host, task, data, now));
  return [...configurationNode(host), ...pauseNode(host, now), ...named, ...loose, ...otherRuns(host.name, data, now)];
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

function pauseNode(host: HostView, now: Date): readonly TreeNode[] {
  const paused = host.data?.paused ?? null;
  if (paused === null) return [];
  const reason = paused.reason === null || paused.reason === '' ? '' : `: ${plain(paused.reason)}`;
  const since = `by ${plain(paused.by)} ${relative(paused.since, now)}${reason}`;
  return [
    {
      id: `host/${host.name}/paused`,
      label: 'Schedules are paused',
      description: since,
      tooltip: [
        'Schedules are paused',
        since,
        'Tasks can be run by hand; what is due meanwhile is skipped and recorded',
      ],
      icon: 'debug-pause',
      tone: 'warning',
      highlighted: true,
      context: 'pause',
      target: { kind: 'host', host: host.name },
    },
  ];
}

function groupNode(host: HostView, group: string, tasks: readonly Task[], data: HostData, now: Date): TreeNode {
  return {
    id: `host/${host.name}/group/${group}`,
    label: plain(group),
    description: counted(tasks.length, 'task'),
    icon: 'folder',
    tone: 'none',
    context: 'group',
    target: { kind: 'group', host: host.name },
    expanded: true,
    children: () => tasks.map((task) => taskNode(host, task, data, now)),
  };
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
      children: () => runs.slice(0, shownRuns).map((run) => runNode(run, host, now, id, { named: true })),
    },
  ];
}
