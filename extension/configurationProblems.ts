/** Diagnostics of agents on this machine in the Problems panel, for the configuration that lies in this workspace. */
import * as vscode from 'vscode';
import type { ConfigState, Diagnostic } from '../agent/protocol/nouns.ts';
import { withoutDuplicates, type ForeignProblem } from './diagnostics.ts';
import type { Hosts } from './state/hosts.ts';
import { plain } from './views/text.ts';

const source = 'upkeep';

export class ConfigurationProblems implements vscode.Disposable {
  readonly #hosts: Hosts;
  readonly #collection = vscode.languages.createDiagnosticCollection(source);
  readonly #parts: readonly { readonly dispose: () => unknown }[];
  /** What is shown, by file; so that nothing is set twice. */
  readonly #shown = new Map<string, string>();

  constructor(hosts: Hosts) {
    this.#hosts = hosts;
    const unsubscribe = [
      hosts.onData(({ host, change }) => {
        if (host.isHere && change.previous?.config !== change.next.config) this.#show();
      }),
      // A host that was removed has no problems any more.
      hosts.onDidChange(() => {
        if (this.#shown.size > this.#configurations().size) this.#show();
      }),
    ];
    this.#parts = [
      ...unsubscribe.map((dispose) => ({ dispose })),
      vscode.languages.onDidChangeDiagnostics(({ uris }) => {
        if (uris.some((uri) => this.#shown.has(uri.toString()))) this.#show();
      }),
    ];
  }

  dispose(): void {
    for (const part of this.#parts) part.dispose();
    this.#collection.dispose();
  }

  #show(): void {
    const configurations = this.#configurations();
    for (const key of [...this.#shown.keys()].filter((one) => !configurations.has(one))) {
      this.#shown.delete(key);
      this.#collection.delete(vscode.Uri.parse(key));
    }
    for (const [key, diagnostics] of configurations) {
      const uri = vscode.Uri.parse(key);
      const left = withoutDuplicates(diagnostics, problemsOfOthers(uri));
      const text = JSON.stringify(left);
      if (this.#shown.get(key) === text) continue;
      // Before it is set: setting it tells of a change, too.
      this.#shown.set(key, text);
      this.#collection.set(uri, left.map(asEditorDiagnostic));
    }
  }

  /** Diagnostics by the file of this workspace that they are about. */
  #configurations(): ReadonlyMap<string, readonly Diagnostic[]> {
    const found = new Map<string, readonly Diagnostic[]>();
    for (const host of this.#hosts.all.filter((one) => one.isHere)) {
      const uri = fileOf(host.store.data?.config);
      if (uri === null) continue;
      found.set(uri, [...(found.get(uri) ?? []), ...(host.store.data?.config.diagnostics ?? [])]);
    }
    return found;
  }
}

function fileOf(config: ConfigState | undefined): string | null {
  const file = config?.file ?? null;
  if (file === null) return null;
  const uri = vscode.Uri.file(file);
  return vscode.workspace.getWorkspaceFolder(uri) === undefined ? null : uri.toString();
}

function problemsOfOthers(uri: vscode.Uri): readonly ForeignProblem[] {
  return vscode.languages
    .getDiagnostics(uri)
    .filter((one) => one.source !== undefined && one.source !== source)
    .map(({ source: other, range }) => ({
      source: other ?? '',
      startLine: range.start.line,
      startColumn: range.start.character,
      endLine: range.end.line,
      endColumn: range.end.character,
    }));
}

function asEditorDiagnostic(diagnostic: Diagnostic): vscode.Diagnostic {
  const line = Math.max(0, diagnostic.line - 1);
  const column = Math.max(0, diagnostic.column - 1);
  const range = new vscode.Range(line, column, line, Number.MAX_SAFE_INTEGER);
  const severity =
    diagnostic.severity === 'error' ? vscode.DiagnosticSeverity.Error : vscode.DiagnosticSeverity.Warning;
  const shown = new vscode.Diagnostic(range, plain(diagnostic.message), severity);
  shown.source = source;
  shown.code = diagnostic.code;
  return shown;
}
