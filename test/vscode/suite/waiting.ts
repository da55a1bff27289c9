/** Waiting for what VS Code tells by events. */
import * as vscode from 'vscode';

/** Resolves with the first value that `look` finds, now or after one of the events. */
export function when<T>(look: () => T | undefined, ...events: readonly vscode.Event<never>[]): Promise<T> {
  return new Promise((resolve) => {
    const now = look();
    if (now !== undefined) {
      resolve(now);
      return;
    }
    const subscriptions = events.map((event) =>
      (event as vscode.Event<unknown>)(() => {
        const value = look();
        if (value === undefined) return;
        for (const subscription of subscriptions) subscription.dispose();
        resolve(value);
      }),
    );
  });
}

/** Text of the open document whose name fits, once it fits `pattern`. */
export function textOf(name: RegExp, pattern: RegExp): Promise<string> {
  return when(
    () =>
      vscode.workspace.textDocuments
        .filter((document) => name.test(document.uri.path))
        .map((document) => document.getText())
        .find((text) => pattern.test(text)),
    vscode.workspace.onDidChangeTextDocument as vscode.Event<never>,
    vscode.workspace.onDidOpenTextDocument as vscode.Event<never>,
  );
}

export function inWorkspace(name: string): vscode.Uri {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  if (folder === undefined) throw new Error('the tests need a folder');
  return vscode.Uri.joinPath(folder.uri, name);
}

export async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
