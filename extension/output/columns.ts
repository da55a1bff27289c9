/** Runbooks on the left, the output of their blocks beside them: neither covers the other. */
import * as vscode from 'vscode';
import { schemes } from '../ids.ts';

/** Where the output of a block is shown: where outputs stand already, else beside the active editor. */
export function columnOfBlockOutput(): vscode.ViewColumn {
  return vscode.window.tabGroups.all.find(isForOutput)?.viewColumn ?? vscode.ViewColumn.Beside;
}

/** Where a runbook is opened: in the active column, unless that is the one for outputs. */
export function columnOfRunbook(): vscode.ViewColumn {
  return isForOutput(vscode.window.tabGroups.activeTabGroup) ? vscode.ViewColumn.One : vscode.ViewColumn.Active;
}

function isForOutput({ viewColumn, activeTab }: vscode.TabGroup): boolean {
  const input = activeTab?.input;
  return (
    viewColumn !== vscode.ViewColumn.One && input instanceof vscode.TabInputText && input.uri.scheme === schemes.output
  );
}
