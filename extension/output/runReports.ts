/** Reports of runs as read-only documents: `upkeep-report:/HOST/RUN/NAME.md`. */
import * as vscode from 'vscode';
import { messageOf } from '../client/errors.ts';
import { schemes } from '../ids.ts';
import type { Hosts } from '../state/hosts.ts';
import { plain } from '../views/text.ts';
import { parseRunPath, runPath } from './runPath.ts';

export class RunReports implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #hosts: Hosts;
  readonly #registration: vscode.Disposable;

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
    this.#registration = vscode.workspace.registerTextDocumentContentProvider(schemes.report, this);
  }

  /** Also after a restart of the editor, for a tab that was left open. */
  async provideTextDocumentContent(uri: vscode.Uri): Promise<string> {
    const address = parseRunPath(uri.path);
    const host = address === null ? undefined : this.#hosts.get(address.host);
    if (address === null || host === undefined) return 'There is no such host any more.\n';
    try {
      return (await host.request('runs.report', { runId: address.runId })).text;
    } catch (error) {
      return `${host.name} does not give this report: ${plain(messageOf(error))}\n`;
    }
  }

  /** Markdown as its preview, in which no script runs; anything else as text. Throws what the agent says when there is none. */
  readonly open = async (hostName: string, runId: string): Promise<void> => {
    const host = this.#hosts.get(hostName);
    if (host === undefined) throw new Error(`there is no host "${hostName}" any more`);
    const { name, format } = await host.request('runs.report', { runId });
    const [, stem = name, ending = 'txt'] = /^(.*)\.(\w+)$/.exec(name) ?? [];
    const uri = vscode.Uri.from({ scheme: schemes.report, path: runPath(hostName, runId, stem, ending) });
    if (format === 'markdown') await vscode.commands.executeCommand('markdown.showPreview', uri);
    else await vscode.window.showTextDocument(await vscode.workspace.openTextDocument(uri), { preview: true });
  };

  dispose(): void {
    this.#registration.dispose();
  }
}
