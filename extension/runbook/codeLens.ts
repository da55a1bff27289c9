/** "Run on HOST" over the shell blocks of Markdown documents. Looking at a document runs nothing. */
import * as vscode from 'vscode';
import type { RunbookBlock } from '../../agent/protocol/nouns.ts';
import { hiddenCharacters } from '../../agent/runbook/hiddenCharacters.ts';
import { inspectRunbook } from '../../agent/runbook/inspect.ts';
import { commandIds, schemes } from '../ids.ts';
import type { Hosts } from '../state/hosts.ts';
import { permits } from '../state/permissions.ts';
import { withoutIcons } from '../views/text.ts';
import type { Target } from '../views/node.ts';
import { parseRunbookUri } from './hostRunbooks.ts';

/** With more hosts than this there is one lens that asks. */
const mostLenses = 3;
/** Larger documents are no runbooks. */
const longestDocument = 1024 * 1024;

export class RunbookLenses implements vscode.CodeLensProvider, vscode.Disposable {
  readonly #hosts: Hosts;
  readonly #enabled: () => boolean;
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCodeLenses = this.#changed.event;

  constructor(hosts: Hosts, enabled: () => boolean) {
    this.#hosts = hosts;
    this.#enabled = enabled;
  }

  refresh(): void {
    this.#changed.fire();
  }

  dispose(): void {
    this.#changed.dispose();
  }

  provideCodeLenses(document: vscode.TextDocument): vscode.CodeLens[] {
    if (!this.#enabled() || !vscode.workspace.isTrusted) return [];
    const text = document.getText();
    if (text.length > longestDocument) return [];
    const names = this.#hostsFor(document.uri);
    if (names.length === 0) return [];
    return inspectRunbook(text)
      .blocks.filter((block) => block.runnable || isSuspicious(block))
      .flatMap((block) => this.#lenses(document.uri, block, names));
  }

  /** A runbook of a host is for that host; hosts on which the person may not run it have no lens. */
  #hostsFor(uri: vscode.Uri): readonly string[] {
    const own = uri.scheme === schemes.runbook ? parseRunbookUri(uri)?.host : undefined;
    const online = this.#hosts.all
      .filter((host) => host.client.state.kind === 'online' && permits(host.role, 'runbooks.runBlock'))
      .map((host) => host.name);
    return own === undefined ? online : online.filter((name) => name === own);
  }

  #lenses(uri: vscode.Uri, block: RunbookBlock, names: readonly string[]): readonly vscode.CodeLens[] {
    const range = new vscode.Range(block.line - 1, 0, block.line - 1, 0);
    const lens = (title: string, host: string | null): vscode.CodeLens => {
      const target: Target = { kind: 'block', uri: uri.toString(), line: block.line, host };
      return new vscode.CodeLens(range, { command: commandIds.runBlock, title, arguments: [target] });
    };
    if (isSuspicious(block)) return [lens('$(warning)\u00A0This block holds hidden characters', null)];
    if (names.length > mostLenses) return [lens('$(play)\u00A0Run on…', null)];
    return names.map((name) => lens(`$(play)\u00A0Run on ${withoutIcons(name)}`, name));
  }
}

function isSuspicious(block: RunbookBlock): boolean {
  return block.kind === 'shell' && hiddenCharacters(block.text).length > 0;
}
