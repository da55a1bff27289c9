/** Runbooks of hosts as read-only Markdown documents: `upkeep-runbook:/HOST/path/on/host.md`. */
import * as vscode from 'vscode';
import { messageOf } from '../client/errors.ts';
import { schemes } from '../ids.ts';
import type { Hosts } from '../state/hosts.ts';

export class HostRunbooks implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #hosts: Hosts;
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly #registration: vscode.Disposable;
  readonly #unsubscribe: () => void;
  readonly onDidChange = this.#changed.event;

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(schemes.runbook, this);
    this.#unsubscribe = hosts.onData(({ host, change }) => {
      if (change.previous?.runbooks !== change.next.runbooks) this.#refresh(host.name);
    });
  }

  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const address = parseRunbookUri(uri);
    const host = address === null ? undefined : this.#hosts.get(address.host);
    if (address === null || host === undefined) throw new Error(`There is no host for ${uri.path}.`);
    try {
      return (await host.request('runbooks.get', { path: address.path })).text;
    } catch (error) {
      throw new Error(`${host.name} does not give ${address.path}: ${messageOf(error)}`, { cause: error });
    }
  }

  dispose(): void {
    this.#unsubscribe();
    this.#registration.dispose();
    this.#changed.dispose();
  }

  #refresh(host: string): void {
    for (const { uri } of vscode.workspace.textDocuments)
      if (uri.scheme === schemes.runbook && parseRunbookUri(uri)?.host === host) this.#changed.fire(uri);
  }
}

/** `path` is absolute on the host. */
export function runbookUri(host: string, path: string): vscode.Uri {
  return vscode.Uri.from({ scheme: schemes.runbook, path: `/${encodeURIComponent(host)}${path}` });
}

export function parseRunbookUri(uri: vscode.Uri): { readonly host: string; readonly path: string } | null {
  const slash = uri.path.indexOf('/', 1);
  if (uri.scheme !== schemes.runbook || slash === -1) return null;
  try {
    return { host: decodeURIComponent(uri.path.slice(1, slash)), path: uri.path.slice(slash) };
  } catch {
    return null;
  }
}
