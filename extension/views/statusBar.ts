/** The one item of the status bar: worst health, and the open window with its time left. */
import * as vscode from 'vscode';
import { statusBarId, viewIds } from '../ids.ts';
import type { Status } from './statusModel.ts';

export class StatusBar implements vscode.Disposable {
  readonly #item: vscode.StatusBarItem;

  constructor() {
    this.#item = vscode.window.createStatusBarItem(statusBarId, vscode.StatusBarAlignment.Left, 50);
    this.#item.name = 'Upkeep';
  }

  show(status: Status): void {
    this.#item.text = status.text;
    this.#item.tooltip = status.tooltip.join('\n');
    this.#item.accessibilityInformation = { label: status.spoken };
    this.#item.command = `${viewIds[status.view]}.focus`;
    this.#item.backgroundColor =
      status.level === 'critical' && status.openAlerts > 0
        ? new vscode.ThemeColor('statusBarItem.errorBackground')
        : status.refused
          ? new vscode.ThemeColor('statusBarItem.warningBackground')
          : undefined;
    this.#item.show();
  }

  dispose(): void {
    this.#item.dispose();
  }
}
