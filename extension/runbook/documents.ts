/** Which documents count as runbooks for CodeLens: Markdown of the workspace, and runbooks of hosts. */
import type * as vscode from 'vscode';
import { schemes } from '../ids.ts';

export const runbookSelector: vscode.DocumentSelector = [
  { language: 'markdown', scheme: 'file' },
  { language: 'markdown', scheme: 'vscode-remote' },
  { language: 'markdown', scheme: schemes.runbook },
];
