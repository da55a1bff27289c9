/** Keeps the end of a growing output in sight for as long as the cursor stands on its last line, as `tail -f` does. */
import * as vscode from 'vscode';
import { schemes } from '../ids.ts';

export class ScrollLock implements vscode.Disposable {
  readonly #following = new Set<string>();
  readonly #subscriptions: vscode.Disposable;

  constructor() {
    this.#subscriptions = vscode.Disposable.from(
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (document.uri.scheme === schemes.output && this.#following.has(document.uri.toString())) moveToEnd(document);
      }),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor, kind }) => {
        const { document } = textEditor;
        if (document.uri.scheme !== schemes.output || kind === undefined) return;
        if (textEditor.selection.active.line >= document.lineCount - 1) this.#following.add(document.uri.toString());
        else this.#following.delete(document.uri.toString());
      }),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#following.delete(uri.toString())),
    );
  }

  follow(document: vscode.TextDocument): void {
    this.#following.add(document.uri.toString());
    moveToEnd(document);
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }
}

function moveToEnd(document: vscode.TextDocument): void {
  const end = document.lineAt(document.lineCount - 1).range.end;
  for (const editor of vscode.window.visibleTextEditors) {
    if (editor.document !== document) continue;
    editor.selection = new vscode.Selection(end, end);
    editor.revealRange(new vscode.Range(end, end));
  }
}
