/** The five views, the badge and the status bar, drawn again when something has changed or time has passed. */
import * as vscode from 'vscode';
import { contextKeys, viewIds, type ContextKeyName, type ViewName } from '../ids.ts';
import type { Role } from '../../agent/protocol/nouns.ts';
import type { HostView } from '../state/host.ts';
import type { Hosts } from '../state/hosts.ts';
import { permissionWords, suffices } from '../state/permissions.ts';
import { awaitsApproval } from './approvals.ts';
import { archiveProcedures, hasProcedure } from './certificateActions.ts';
import { certificatesModel, certificatesSummary } from './certificatesModel.ts';
import { registerDecorations } from './decorations.ts';
import { healthModel } from './healthModel.ts';
import { maintenanceModel, phaseOf } from './maintenanceModel.ts';
import type { Target, TreeNode } from './node.ts';
import { runbooksModel, type WorkspaceRunbook } from './runbooksModel.ts';
import { StatusBar } from './statusBar.ts';
import { statusModel } from './statusModel.ts';
import { isSnoozed } from './taskNode.ts';
import { tasksModel } from './tasksModel.ts';
import { counted } from './text.ts';
import { Tree } from './tree.ts';
import type { Row } from './treeRows.ts';

/** Changes within this time are drawn together. */
const drawDelayMs = 100;
/** Ages and times left are drawn again this often. */
const tickMs = 5000;

/** Commands about certificates are there when a host has their procedure. */
const certificateKeys = {
  verifiesCertificates: 'verify-certificate',
  renewsCertificates: 'renew-certificate',
  deploysCertificates: 'deploy-certificate',
  backsUpCertificates: archiveProcedures.backUp,
  restoresCertificates: archiveProcedures.restore,
} as const satisfies Partial<Record<ContextKeyName, string>>;

interface View {
  readonly name: ViewName;
  readonly tree: Tree;
  readonly view: vscode.TreeView<Row>;
}

export class Views implements vscode.Disposable {
  readonly #hosts: Hosts;
  readonly #views: readonly View[];
  readonly #statusBar = new StatusBar();
  readonly #decorations = registerDecorations();
  readonly #unsubscribe: () => void;
  readonly #tick: NodeJS.Timeout;
  readonly #contexts = new Map<ContextKeyName, boolean>();
  #drawing: NodeJS.Timeout | undefined;

  constructor(hosts: Hosts, runbooks: () => readonly WorkspaceRunbook[]) {
    this.#hosts = hosts;
    const models: Readonly<Record<ViewName, () => readonly TreeNode[]>> = {
      tasks: () => tasksModel(hosts.views(), new Date()),
      health: () => healthModel(hosts.views(), new Date()),
      certificates: () => certificatesModel(hosts.views(), new Date()),
      maintenance: () => maintenanceModel(hosts.views(), new Date()),
      runbooks: () => runbooksModel(hosts.views(), runbooks()),
    };
    this.#views = (Object.keys(models) as ViewName[]).map((name) => {
      const tree = new Tree(models[name], (target) => permissionWords(roleFor(hosts, target)));
      const view = vscode.window.createTreeView(viewIds[name], { treeDataProvider: tree, showCollapseAll: true });
      view.onDidChangeVisibility(({ visible }) => {
        if (visible) tree.refresh();
      });
      return { name, tree, view };
    });
    this.#unsubscribe = hosts.onDidChange(() => {
      this.refresh();
    });
    this.#tick = setInterval(() => {
      this.#draw();
    }, tickMs);
  }

  /** Soon, and once for all changes until then. */
  refresh(): void {
    this.#drawing ??= setTimeout(() => {
      this.#draw();
    }, drawDelayMs);
  }

  /** Opens the view at the node of that id; the view alone when there is no such node. */
  async reveal(name: ViewName, id: string): Promise<void> {
    await vscode.commands.executeCommand(`${viewIds[name]}.focus`);
    const found = this.#views.find((one) => one.name === name);
    const row = found?.tree.find(id);
    if (row !== undefined) await found?.view.reveal(row, { select: true, focus: true, expand: true });
  }

  dispose(): void {
    clearInterval(this.#tick);
    clearTimeout(this.#drawing);
    this.#unsubscribe();
    vscode.Disposable.from(this.#statusBar, this.#decorations).dispose();
    for (const { tree, view } of this.#views) vscode.Disposable.from(view, tree).dispose();
  }

  #draw(): void {
    clearTimeout(this.#drawing);
    this.#drawing = undefined;
    for (const { view, tree } of this.#views) if (view.visible) tree.refresh();
    const hosts = this.#hosts.views();
    const now = new Date();
    const status = statusModel(hosts, now);
    this.#statusBar.show(status);
    for (const { name, view } of this.#views) {
      if (name === 'health') showBadge(view, status.openAlerts, counted(status.openAlerts, 'open alert'));
      if (name === 'tasks') showBadge(view, status.approvals, `${counted(status.approvals, 'run')} to approve`);
    }
    const certificates = certificatesSummary(hosts, now);
    this.#describe('certificates', certificates);
    this.#setContext('hasCertificates', certificates !== '');
    this.#setContext('hasHosts', hosts.length > 0);
    this.#setContext(
      'online',
      hosts.some((host) => host.connection.kind === 'online'),
    );
    const online = hosts.filter((host) => host.connection.kind === 'online');
    const some = (name: ContextKeyName, fits: (host: HostView) => boolean): void => {
      this.#setContext(name, online.some(fits));
    };
    some('canOperate', (host) => suffices(host.role, 'operator'));
    some('canAdminister', (host) => suffices(host.role, 'admin'));
    some('scheduled', (host) => host.data?.paused === null);
    some('paused', (host) => (host.data?.paused ?? null) !== null);
    some('snoozed', (host) => host.data?.tasks.some((task) => isSnoozed(task, now)) === true);
    some('approvals', (host) => host.data?.runs.some(awaitsApproval) === true);
    for (const [name, procedure] of Object.entries(certificateKeys) as [ContextKeyName, string][])
      some(name, (host) => host.data !== null && hasProcedure(host.data, procedure));
    this.#setContext(
      'windowOpen',
      hosts.some((host) => host.data?.windows.some((window) => phaseOf(window) === 'open') === true),
    );
  }

  /** Words beside the title of a view, to be read while it is folded too. */
  #describe(name: ViewName, text: string): void {
    const view = this.#views.find((one) => one.name === name)?.view;
    if (view !== undefined && (view.description ?? '') !== text) view.description = text;
  }

  #setContext(name: ContextKeyName, value: boolean): void {
    if (this.#contexts.get(name) === value) return;
    this.#contexts.set(name, value);
    void vscode.commands.executeCommand('setContext', contextKeys[name], value);
  }
}

/** The role of the person on the host of a target; null for targets of no host. */
function roleFor(hosts: Hosts, target: Target): Role | null {
  return 'host' in target && target.host !== null ? (hosts.get(target.host)?.role ?? null) : null;
}

function showBadge(view: vscode.TreeView<Row>, value: number, tooltip: string): void {
  if ((view.badge?.value ?? 0) === value) return;
  view.badge = value === 0 ? undefined : { value, tooltip };
}
