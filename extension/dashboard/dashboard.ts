/** The dashboard panel: at most one, shown again rather than made again, and back after a restart of the editor. */
import { randomBytes } from 'node:crypto';
import * as vscode from 'vscode';
import type { Command } from '../../webview/dashboardSchema.ts';
import { parsePageState } from '../../webview/protocol.ts';
import { messageOf } from '../client/errors.ts';
import type { Log } from '../client/log.ts';
import type { Handlers } from '../registrar.ts';
import type { Hosts } from '../state/hosts.ts';
import { commandCall } from './commandCall.ts';
import { DashboardSession, type HostsPort } from './dashboardSession.ts';
import { pageHtml } from './page.ts';

const dashboardViewType = 'upkeep.dashboard';
const title = 'Upkeep Dashboard';

export interface DashboardParts {
  readonly extensionUri: vscode.Uri;
  readonly hosts: Hosts;
  readonly log: Log;
}

export class Dashboard implements vscode.WebviewPanelSerializer, vscode.Disposable {
  readonly #parts: DashboardParts;
  readonly #serializer: vscode.Disposable;
  #open: { readonly panel: vscode.WebviewPanel; readonly session: DashboardSession } | null = null;

  constructor(parts: DashboardParts) {
    this.#parts = parts;
    this.#serializer = vscode.window.registerWebviewPanelSerializer(dashboardViewType, this);
  }

  readonly handlers: Pick<Handlers, 'openDashboard'> = {
    openDashboard: (target) => {
      this.show(target !== undefined && 'host' in target ? target.host : null);
    },
  };

  /** Shows the dashboard; `host`: of this host. */
  show(host: string | null): void {
    if (this.#open === null) {
      const panel = vscode.window.createWebviewPanel(dashboardViewType, title, vscode.ViewColumn.Active);
      this.#attach(panel, host);
    } else {
      this.#open.panel.reveal();
      if (host !== null) this.#open.session.select(host);
    }
  }

  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    if (this.#open === null) this.#attach(panel, parsePageState(state).host);
    else panel.dispose();
    return Promise.resolve();
  }

  /** Ends what stands behind the panel; the panel itself is the editor's, which brings it back after a restart. */
  dispose(): void {
    this.#serializer.dispose();
    this.#open?.session.dispose();
    this.#open = null;
  }

  #attach(panel: vscode.WebviewPanel, host: string | null): void {
    const { extensionUri, hosts, log } = this.#parts;
    const { webview } = panel;
    const folder = vscode.Uri.joinPath(extensionUri, 'dist', 'webview');
    const uriOf = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(folder, name)).toString();
    const page = {
      post: (message: unknown) => void webview.postMessage(message),
      isVisible: () => panel.visible,
    };
    const session = new DashboardSession({ hosts: hostsPort(hosts), page, run: this.#run, log }, host);
    const subscriptions = [
      webview.onDidReceiveMessage((data: unknown) => {
        session.receive(data);
      }),
      panel.onDidChangeViewState(() => {
        session.visibilityChanged();
      }),
    ];
    panel.onDidDispose(() => {
      for (const subscription of subscriptions) subscription.dispose();
      session.dispose();
      if (this.#open?.session === session) this.#open = null;
    });
    this.#open = { panel, session };
    panel.iconPath = {
      light: vscode.Uri.joinPath(extensionUri, 'media', 'dashboard-light.svg'),
      dark: vscode.Uri.joinPath(extensionUri, 'media', 'dashboard-dark.svg'),
    };
    webview.options = { enableScripts: true, localResourceRoots: [folder] };
    webview.html = pageHtml({
      view: 'dashboard',
      title,
      language: vscode.env.language,
      nonce: randomBytes(16).toString('base64'),
      cspSource: webview.cspSource,
      scriptUri: uriOf('dashboard.entry.js'),
      styleUri: uriOf('dashboard.entry.css'),
    });
  }

  readonly #run = (command: Command): void => {
    const { id, target } = commandCall(command);
    vscode.commands.executeCommand(id, target).then(undefined, (error: unknown) => {
      this.#parts.log.error(`${id}: ${messageOf(error)}`);
    });
  };
}

function hostsPort(hosts: Hosts): HostsPort {
  return {
    views: () => hosts.views(),
    onDidChange: hosts.onDidChange,
    listRuns: async (name, params) => {
      const host = hosts.get(name);
      if (host === undefined) throw new Error(`there is no host "${name}" any more`);
      return host.request('runs.list', params);
    },
  };
}
