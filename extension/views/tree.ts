/** The one tree of this extension: turns nodes into tree items, whichever view they belong to. */
import * as vscode from 'vscode';
import { commandIds, type CommandName } from '../ids.ts';
import { toneUri } from './decorations.ts';
import type { Target, Tone, TreeNode } from './node.ts';
import { asMarkdownText } from './text.ts';
import { Rows, type Row } from './treeRows.ts';

export class Tree implements vscode.TreeDataProvider<Row>, vscode.Disposable {
  readonly #rows: Rows;
  readonly #changed = new vscode.EventEmitter<Row[] | undefined>();
  readonly onDidChangeTreeData = this.#changed.event;

  /** `words`: what the person may do with a target, for `when` clauses. */
  constructor(model: () => readonly TreeNode[], words: (target: Target) => readonly string[]) {
    this.#rows = new Rows(model, ({ context, target }) => [context, ...words(target)].join(' '));
  }

  /** Draws again what has changed, and that alone: what is under the pointer stays. */
  refresh(): void {
    const changes = this.#rows.changes(new Date());
    if (changes === 'all') this.#changed.fire(undefined);
    else if (changes.length > 0) this.#changed.fire([...changes]);
  }

  getChildren(row?: Row): Row[] {
    return [...this.#rows.list(row ?? null)];
  }

  getTreeItem(row: Row): vscode.TreeItem {
    const { node } = row;
    const item = new vscode.TreeItem(node.label, collapsibleState(node));
    item.id = node.id;
    item.contextValue = this.#rows.give(row);
    item.iconPath = new vscode.ThemeIcon(node.icon, colourOf[node.tone]);
    if (node.description !== undefined) item.description = node.description;
    if (node.highlighted === true) item.resourceUri = toneUri(node.tone, node.id);
    if (node.action !== undefined) item.command = clickCommand(node.action, row);
    item.accessibilityInformation = {
      label: node.spoken ?? [node.label, node.description].filter((part) => part !== undefined).join(', '),
    };
    return item;
  }

  /** Called for the item under the pointer: a thousand tooltips that nobody reads are not made. */
  resolveTreeItem(item: vscode.TreeItem, row: Row): vscode.TreeItem {
    const lines = this.#rows.tell(row, new Date());
    if (lines.length > 0) item.tooltip = tooltip(lines);
    return item;
  }

  getParent(row: Row): Row | null {
    return row.parent;
  }

  /** The row of that node, whether VS Code has asked for it or not; undefined when there is none now. */
  find(id: string): Row | undefined {
    return this.#rows.find(id);
  }

  dispose(): void {
    this.#changed.dispose();
  }
}

const titles: Readonly<Record<NonNullable<TreeNode['action']>, string>> = {
  openOutput: 'Open Output',
  openRunbook: 'Open Runbook',
  openConfiguration: 'Open Configuration',
};

function clickCommand(action: NonNullable<TreeNode['action']> & CommandName, row: Row): vscode.Command {
  return { command: commandIds[action], title: titles[action], arguments: [row] };
}

function collapsibleState(node: TreeNode): vscode.TreeItemCollapsibleState {
  if (node.children === undefined) return vscode.TreeItemCollapsibleState.None;
  return node.expanded === true ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed;
}

/** Values come from hosts: `asMarkdownText` makes them text, and nothing else is trusted either. */
function tooltip(lines: readonly string[]): vscode.MarkdownString {
  const markdown = new vscode.MarkdownString();
  markdown.isTrusted = false;
  markdown.supportHtml = false;
  markdown.supportThemeIcons = false;
  const [heading = '', ...rest] = lines;
  markdown.appendMarkdown('**').appendMarkdown(asMarkdownText(heading)).appendMarkdown('**');
  let begins = true;
  for (const line of rest) {
    if (line !== '') {
      if (begins) markdown.appendMarkdown('\n\n');
      else markdown.appendMarkdown('  \n');
      markdown.appendMarkdown(asMarkdownText(line));
    }
    begins = line === '';
  }
  return markdown;
}

const colourOf: Readonly<Record<Tone, vscode.ThemeColor | undefined>> = {
  good: new vscode.ThemeColor('testing.iconPassed'),
  busy: new vscode.ThemeColor('charts.blue'),
  warning: new vscode.ThemeColor('problemsWarningIcon.foreground'),
  bad: new vscode.ThemeColor('problemsErrorIcon.foreground'),
  muted: new vscode.ThemeColor('disabledForeground'),
  none: undefined,
};
