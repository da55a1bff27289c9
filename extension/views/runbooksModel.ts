/** Runbooks view: those of the workspace, then those of each host. */
import type { Runbook } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import type { TreeNode } from './node.ts';
import { counted, localTime, plain } from './text.ts';

/** A Markdown runbook of the workspace, as the editor sees it. */
export interface WorkspaceRunbook {
  readonly uri: string;
  /** Path on this machine. */
  readonly file: string;
  /** Path within the workspace. */
  readonly path: string;
  readonly title: string;
  /** Of the bytes of the file, lower-case hex. */
  readonly sha256: string;
  readonly blocks: readonly WorkspaceBlock[];
  readonly checklist: { readonly checked: number; readonly total: number };
}
export interface WorkspaceBlock {
  /** 1-based line of the opening fence. */
  readonly line: number;
  readonly heading: string | null;
  readonly firstLine: string;
  readonly runnable: boolean;
}

export function runbooksModel(hosts: readonly HostView[], workspace: readonly WorkspaceRunbook[]): readonly TreeNode[] {
  const here = new Set(workspace.map((runbook) => runbook.file));
  const texts = new Set(workspace.map((runbook) => runbook.sha256));
  const ofHosts = hosts
    .map((host) => ({
      host,
      runbooks: (host.data?.runbooks ?? []).filter((one) => !isHere(host, one.path, here) && !texts.has(one.sha256)),
    }))
    .filter(({ runbooks }) => runbooks.length > 0);
  const own = workspace.map((runbook) => workspaceNode(runbook, hostsWith(runbook, hosts)));
  if (ofHosts.length === 0) return own;
  return [
    ...(own.length === 0 ? [] : [workspaceGroup(own)]),
    ...ofHosts.map(({ host, runbooks }) => hostGroup(host, runbooks)),
  ];
}

function workspaceGroup(children: readonly TreeNode[]): TreeNode {
  return {
    id: 'workspace',
    label: 'Workspace',
    description: counted(children.length, 'runbook'),
    icon: 'folder-library',
    tone: 'none',
    context: 'group',
    target: { kind: 'text', text: 'Workspace' },
    expanded: true,
    children: () => children,
  };
}

/** Other places where the very same text lies. */
function hostsWith(runbook: WorkspaceRunbook, hosts: readonly HostView[]): readonly string[] {
  return hosts
    .filter((host) =>
      host.data?.runbooks.some(
        (one) => one.sha256 === runbook.sha256 && !(host.url === 'local' && one.path === runbook.file),
      ),
    )
    .map((host) => plain(host.name));
}

function workspaceNode(runbook: WorkspaceRunbook, hosts: readonly string[]): TreeNode {
  const id = `document/${runbook.uri}`;
  const runnable = runbook.blocks.filter((block) => block.runnable);
  return {
    id,
    label: plain(runbook.title),
    description: [
      describe(runnable.length, runbook.checklist, plain(runbook.path)),
      ...(hosts.length === 0 ? [] : [`also on ${hosts.join(', ')}`]),
    ].join(' · '),
    tooltip: [
      plain(runbook.title),
      `File: ${plain(runbook.path)}`,
      counted(runnable.length, 'runnable block'),
      ...(hosts.length === 0 ? [] : [`The same text is on ${hosts.join(', ')}`]),
    ],
    icon: 'book',
    tone: 'none',
    context: 'runbook document',
    target: { kind: 'document', uri: runbook.uri, line: 1 },
    action: 'openRunbook',
    children: () =>
      runnable.map((block) => ({
        id: `${id}/${block.line}`,
        label: plain(block.heading ?? block.firstLine),
        description: block.heading === null ? `line ${block.line}` : plain(block.firstLine),
        icon: 'terminal',
        tone: 'none',
        context: 'block',
        target: { kind: 'document', uri: runbook.uri, line: block.line },
        action: 'openRunbook',
      })),
  };
}

/** A runbook that the local agent and the workspace both know is shown once. */
function isHere(host: HostView, path: string, here: ReadonlySet<string>): boolean {
  return host.url === 'local' && here.has(path);
}

function hostGroup(host: HostView, runbooks: readonly Runbook[]): TreeNode {
  return {
    id: `host/${host.name}`,
    label: plain(host.name),
    description: counted(runbooks.length, 'runbook'),
    icon: 'vm',
    tone: 'none',
    context: 'group',
    target: { kind: 'host', host: host.name },
    expanded: true,
    children: () =>
      runbooks.map((runbook) => ({
        id: `host/${host.name}/runbook/${runbook.path}`,
        label: plain(runbook.title),
        description: describe(runbook.blocks, runbook.checklist, plain(runbook.path)),
        tooltip: [plain(runbook.title), `File: ${plain(runbook.path)}`, `Changed: ${localTime(runbook.modifiedAt)}`],
        icon: 'book',
        tone: 'none',
        context: 'runbook onHost',
        target: { kind: 'runbook', host: host.name, path: runbook.path },
        action: 'openRunbook',
      })),
  };
}

function describe(
  blocks: number,
  checklist: { readonly checked: number; readonly total: number },
  path: string,
): string {
  const list = checklist.total === 0 ? [] : [`${checklist.checked} of ${checklist.total} done`];
  return [counted(blocks, 'block'), ...list, path].join(' · ');
}
