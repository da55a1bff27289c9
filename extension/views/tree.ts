/** The one tree of this extension: turns nodes into tree items, whichever view they belong to. */
import * as vscode from 'vscode';
import { commandIds, type CommandName } from '../ids.ts';
import { toneUri } from './decorations.ts';
import { tooltipLines, type Target, type Tone, type TreeNode } from './node.ts';

export class Tree implements vscode.TreeDataProvider<TreeNode>, vscode.Disposable {
  readonly #model: () => readonly TreeNode[];
  readonly #words: (target: Target) => readonly string[];
  readonly #parents = new WeakMap<TreeNode, TreeNode>();
  readonly #changed = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.#changed.event;

  /** `words`: what the person may do with a target, for `when` clauses. */
  constructor(model: () => readonly TreeNode[], words: (target: Target) => readonly string[]) {
    this.#model = model;
    this.#words = words;
  }

  refresh(): void {
    this.#changed.fire(undefined);
  }

  getChildren(node?: TreeNode): TreeNode[] {
    if (node === undefined) return [...this.#model()];
    const children = [...(node.children?.() ?? [])];
    for (const child of children) this.#parents.set(child, node);
    return children;
  }

  getTreeItem(node: TreeNode): vscode.TreeItem {
    const item = new vscode.TreeItem(node.label, collapsibleState(node));
    item.id = node.id;
    item.contextValue = [node.context, ...this.#words(node.target)].join(' ');
    item.iconPath = new vscode.ThemeIcon(node.icon, colourOf[node.tone]);
    if (node.description !== undefined) item.description = node.description;
    if (node.highlighted === true) item.resourceUri = toneUri(node.tone, node.id);
    if (node.action !== undefined) item.command = clickCommand(node.action, node);
    item.accessibilityInformation = {
      label: node.spoken ?? [node.label, node.description].filter((part) => part !== undefined).join(', '),
    };
    return item;
  }

  /** Called for the item under the pointer: a thousand tooltips that nobody reads are not made. */
  resolveTreeItem(item: vscode.TreeItem, node: TreeNode): vscode.TreeItem {
    const lines = tooltipLines(node);
    if (lines.length > 0) item.tooltip = tooltip(lines);
    return item;
  }

  getParent(node: TreeNode): TreeNode | undefined {
    return this.#parents.get(node);
  }

  /** The node of that id, at the top or below the nodes whose ids it begins with; undefined when there is none now. */
  find(id: string): TreeNode | undefined {
    for (let nodes = this.getChildren(); ;) {
      const next = nodes.find((node) => id === node.id || id.startsWith(`${node.id}/`));
      if (next === undefined || next.id === id) return next;
      nodes = this.getChildren(next);
    }
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

function clickCommand(action: NonNullable<TreeNode['action']> & CommandName, node: TreeNode): vscode.Command {
  return { command: commandIds[action], title: titles[action], arguments: [node.target] };
}

function collapsibleState(node: TreeNode): vscode.TreeItemCollapsibleState {
  if (node.children === undefined) return vscode.TreeItemCollapsibleState.None;
  return node.expanded === true ? vscode.TreeItemCollapsibleState.Expanded : vscode.TreeItemCollapsibleState.Collapsed;
}

/** Values come from hosts: only `appendText` touches them, and no link or icon in them works. */
function tooltip(lines: readonly string[]): vscode.MarkdownString {
  const markdown = new vscode.MarkdownString();
  markdown.isTrusted = false;
  markdown.supportHtml = false;
  markdown.supportThemeIcons = false;
  const [heading = '', ...rest] = lines;
  markdown.appendMarkdown('**').appendText(heading.trim()).appendMarkdown('**');
  let begins = true;
  for (const line of rest) {
    if (line !== '') {
      if (begins) markdown.appendMarkdown('\n\n');
      else markdown.appendMarkdown('  \n');
      appendLine(markdown, line);
    }
    begins = line === '';
  }
  return markdown;
}

/**
 * `appendText` makes no-break spaces of all blanks, so that long lines would break within words. The first one of a line stays such
 * a space: without a blank behind it nothing at its beginning ("1.") begins a list.
 */
function appendLine(markdown: vscode.MarkdownString, line: string): void {
  const [first = '', second, ...words] = line.split(' ');
  markdown.appendText(second === undefined ? first : `${first} ${second}`);
  for (const word of words) markdown.appendMarkdown(' ').appendText(word);
}

const colourOf: Readonly<Record<Tone, vscode.ThemeColor | undefined>> = {
  good: new vscode.ThemeColor('testing.iconPassed'),
  busy: new vscode.ThemeColor('charts.blue'),
  warning: new vscode.ThemeColor('problemsWarningIcon.foreground'),
  bad: new vscode.ThemeColor('problemsErrorIcon.foreground'),
  muted: new vscode.ThemeColor('disabledForeground'),
  none: undefined,
};
