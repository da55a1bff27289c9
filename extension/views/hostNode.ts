/** The node of a host, the same in every view: its connection in icon and words. */
import type { HostView } from '../state/host.ts';
import type { TreeNode } from './node.ts';
import { duration, plain } from './text.ts';

/** `children`: what the view shows of the host; `description`: what it says while the host is connected. */
export function hostNode(
  host: HostView,
  description: string,
  children: () => readonly TreeNode[],
  now: Date,
): TreeNode {
  const { connection } = host;
  const base = {
    id: `host/${host.name}`,
    label: plain(host.name),
    target: { kind: 'host', host: host.name },
    context: ['host', connection.kind, host.url === 'local' ? 'local' : 'remote', ...scheduleWords(host)].join(' '),
    tooltip: tooltipOf(host),
    expanded: true,
    children,
  } as const;
  switch (connection.kind) {
    case 'online':
      return { ...base, icon: 'vm-active', tone: 'none', description };
    case 'idle':
      return { ...base, icon: 'vm-outline', tone: 'muted', description: 'not connected' };
    case 'connecting':
      return { ...base, icon: 'loading~spin', tone: 'none', description: 'connecting …' };
    case 'waiting': {
      const wait = duration(Math.max(1000, connection.retryAt - now.getTime()));
      const text = `offline, next attempt in ${wait}: ${plain(connection.problem.message)}`;
      return { ...base, icon: 'vm-outline', tone: 'warning', description: text };
    }
    case 'failed':
      return { ...base, icon: 'vm-outline', tone: 'bad', description: plain(connection.problem.message) };
  }
}

/** None for an agent that knows no pause. */
function scheduleWords({ data }: HostView): readonly string[] {
  if (data?.paused === undefined) return [];
  return [data.paused === null ? 'scheduled' : 'paused'];
}

/** With one host the level of the host is left out, except while it has something to say. */
export function byHost(
  hosts: readonly HostView[],
  describe: (host: HostView) => string,
  childrenOf: (host: HostView) => readonly TreeNode[],
  now: Date,
): readonly TreeNode[] {
  const [only] = hosts;
  if (hosts.length === 1 && only?.connection.kind === 'online') return childrenOf(only);
  return hostNodes(hosts, describe, childrenOf, now);
}

/** Of each host that something is known of. */
export function hostNodes(
  hosts: readonly HostView[],
  describe: (host: HostView) => string,
  childrenOf: (host: HostView) => readonly TreeNode[],
  now: Date,
): readonly TreeNode[] {
  return hosts.filter(isShown).map((host) => hostNode(host, describe(host), () => childrenOf(host), now));
}

/** Not one that nobody has connected to. */
export function isShown({ connection, data }: HostView): boolean {
  return connection.kind !== 'idle' || data !== null;
}

function tooltipOf(host: HostView): readonly string[] {
  const lines = [plain(host.name), `Address: ${plain(host.url)}`];
  const agent = host.data?.host;
  if (agent !== undefined)
    lines.push(
      `Agent: ${plain(agent.agentVersion)} on ${plain(agent.platform)} (${plain(agent.name)}, process ${agent.pid})`,
    );
  if (host.role !== null) lines.push(`Your role: ${host.role}`);
  const { connection } = host;
  if (connection.kind === 'waiting' || connection.kind === 'failed') lines.push(plain(connection.problem.message));
  return lines;
}
