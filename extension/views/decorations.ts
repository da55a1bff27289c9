/** Colours of tree labels: VS Code takes them from decorations of an item's resource. */
import * as vscode from 'vscode';
import { schemes } from '../ids.ts';
import type { Tone } from './node.ts';

const colours: Partial<Readonly<Record<Tone, string>>> = {
  bad: 'list.errorForeground',
  warning: 'list.warningForeground',
  muted: 'disabledForeground',
};

/** The resource of a label in this tone; `id` keeps the items apart. */
export function toneUri(tone: Tone, id: string): vscode.Uri {
  return vscode.Uri.from({ scheme: schemes.tone, path: `/${tone}`, query: id });
}

export function registerDecorations(): vscode.Disposable {
  return vscode.window.registerFileDecorationProvider({
    provideFileDecoration: (uri) => {
      if (uri.scheme !== schemes.tone) return undefined;
      const colour = colours[uri.path.slice(1) as Tone];
      return colour === undefined
        ? undefined
        : new vscode.FileDecoration(undefined, undefined, new vscode.ThemeColor(colour));
    },
  });
}
