/** Diagnostics of the agent in the Problems panel, for the configuration that lies in this workspace. */
import * as vscode from 'vscode';
import type { Diagnostic } from '../agent/protocol/nouns.ts';
import type { Hosts } from './state/hosts.ts';
import { plain } from './views/text.ts';

export class ConfigurationProblems implements vscode.Disposable {
  readonly #collection = vscode.languages.createDiagnosticCollection('upkeep');
  readonly #unsubscribe: () => void;

  constructor(hosts: Hosts) {
    this.#unsubscribe = hosts.onData(({ host, change }) => {
      if (!host.isLocal || change.previous?.config === change.next.config) return;
      const { file, diagnostics } = change.next.config;
      this.#collection.clear();
      if (file === null || vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file)) === undefined) return;
      this.#collection.set(vscode.Uri.file(file), diagnostics.map(asEditorDiagnostic));
    });
  }

  dispose(): void {
    this.#unsubscribe();
    this.#collection.dispose();
  }
}

function asEditorDiagnostic(diagnostic: Diagnostic): vscode.Diagnostic {
  const line = Math.max(0, diagnostic.line - 1);
  const column = Math.max(0, diagnostic.column - 1);
  const range = new vscode.Range(line, column, line, Number.MAX_SAFE_INTEGER);
  const severity =
    diagnostic.severity === 'error' ? vscode.DiagnosticSeverity.Error : vscode.DiagnosticSeverity.Warning;
  const shown = new vscode.Diagnostic(range, plain(diagnostic.message), severity);
  shown.source = 'upkeep';
  shown.code = diagnostic.code;
  return shown;
}
