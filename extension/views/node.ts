/** What a view shows, without VS Code: models make nodes, `tree.ts` turns them into tree items. */
import type { Finding, FindingLevel, Remedy } from '../../agent/protocol/nouns.ts';

/** What a node stands for: commands receive it. */
export type Target =
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'group'; readonly host: string }
  | { readonly kind: 'task'; readonly host: string; readonly task: string }
  | { readonly kind: 'run'; readonly host: string; readonly runId: string }
  | { readonly kind: 'alert'; readonly host: string; readonly alertId: string; readonly runId: string | null }
  | { readonly kind: 'finding'; readonly host: string; readonly finding: Finding; readonly remedy: Remedy | null }
  | { readonly kind: 'certificate'; readonly host: string; readonly source: string }
  | { readonly kind: 'window'; readonly host: string; readonly windowId: string }
  /** A runbook of a host. */
  | { readonly kind: 'runbook'; readonly host: string; readonly path: string }
  /** A runbook of the workspace, or a line in one; `uri` as text. */
  | { readonly kind: 'document'; readonly uri: string; readonly line: number }
  /** A fenced block of an open document; `line` is 1-based, of the opening fence; without `host` the person is asked. */
  | { readonly kind: 'block'; readonly uri: string; readonly line: number; readonly host: string | null }
  | { readonly kind: 'text'; readonly text: string };
export type TargetKind = Target['kind'];
export type TargetOf<K extends TargetKind> = Extract<Target, { readonly kind: K }>;

/** Colours by meaning; `tree.ts` maps them to theme colours. */
export type Tone = 'good' | 'busy' | 'warning' | 'bad' | 'muted' | 'none';

export interface TreeNode {
  /** Unique in its view and stable, so that what is open stays open. */
  readonly id: string;
  readonly label: string;
  readonly description?: string;
  /** Lines of plain text: a heading, then `name: value` or sentences; an empty one separates. As a function it is made when it is shown. */
  readonly tooltip?: readonly string[] | (() => readonly string[]);
  /** What a screen reader says, where that is more than label and description. */
  readonly spoken?: string;
  /** Name of a codicon. */
  readonly icon: string;
  readonly tone: Tone;
  /** The label is coloured too. */
  readonly highlighted?: boolean;
  /** Words that `when` clauses look for: `task runnable`. */
  readonly context: string;
  readonly target: Target;
  /** A click does this. */
  readonly action?: 'openOutput' | 'openRunbook' | 'openConfiguration';
  readonly expanded?: boolean;
  /** Absent: a leaf. Called when the node is opened. */
  readonly children?: () => readonly TreeNode[];
}

export const toneOfLevel: Readonly<Record<FindingLevel, Tone>> = {
  ok: 'good',
  info: 'none',
  warning: 'warning',
  critical: 'bad',
};
export const iconOfLevel: Readonly<Record<FindingLevel, string>> = {
  ok: 'pass',
  info: 'info',
  warning: 'warning',
  critical: 'error',
};

const targetKinds: Readonly<Record<TargetKind, true>> = {
  host: true,
  group: true,
  task: true,
  run: true,
  alert: true,
  finding: true,
  certificate: true,
  window: true,
  runbook: true,
  document: true,
  block: true,
  text: true,
};

export function tooltipLines({ tooltip }: Pick<TreeNode, 'tooltip'>): readonly string[] {
  return typeof tooltip === 'function' ? tooltip() : (tooltip ?? []);
}

/** What a command was given: a node of a tree, a target, or something else (then undefined). */
export function targetOf(argument: unknown): Target | undefined {
  if (typeof argument !== 'object' || argument === null) return undefined;
  if ('target' in argument) return targetOf(argument.target);
  if (!('kind' in argument) || typeof argument.kind !== 'string') return undefined;
  return Object.hasOwn(targetKinds, argument.kind) ? (argument as Target) : undefined;
}
