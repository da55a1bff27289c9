/**
 * What VS Code holds of a view, and what of that has to be drawn again. A row that is drawn again loses what is under the pointer
 * and, with all rows below it, is asked for anew; so only what looks otherwise than it was given out is named. Without VS Code.
 */
import { tooltipLines, type Target, type TreeNode } from './node.ts';

/** A node as VS Code knows it: the same object as long as its id is in its place, whatever the node says meanwhile. */
export class Row {
  readonly parent: Row | null;
  readonly below = new Branch();
  node: TreeNode;
  /** The node as it was given out, with the words for `when` clauses; null while VS Code is about to ask. */
  given: { readonly node: TreeNode; readonly context: string } | null = null;
  /** The tooltip that was read, in one text, and when; null while nobody has. */
  told: { readonly text: string; readonly at: number } | null = null;

  constructor(node: TreeNode, parent: Row | null) {
    this.node = node;
    this.parent = parent;
  }

  /** Commands receive rows, and take this. */
  get target(): Target {
    return this.node.target;
  }
}

/** The rows on one level. */
class Branch {
  rows: ReadonlyMap<string, Row> = new Map();
  /** Their ids as VS Code knows them, in its order; null while it does not, or is about to ask. */
  listed: readonly string[] | null = null;
}

/** Nobody reads a tooltip for longer: only then is one that says something else by now taken away. */
const readingMs = 60_000;

export class Rows {
  readonly #model: () => readonly TreeNode[];
  readonly #contextOf: (node: TreeNode) => string;
  readonly #top = new Branch();

  /** `contextOf`: the words of a node for `when` clauses, which depend on more than the node. */
  constructor(model: () => readonly TreeNode[], contextOf: (node: TreeNode) => string) {
    this.#model = model;
    this.#contextOf = contextOf;
  }

  /** The rows on a level as they are now; VS Code knows them from here on. */
  list(parent: Row | null): readonly Row[] {
    const branch = parent?.below ?? this.#top;
    const rows = this.#read(branch, parent);
    branch.listed = rows.map(({ node }) => node.id);
    return rows;
  }

  /** What VS Code shows of the row from here on; returns its words for `when` clauses. */
  give(row: Row): string {
    const context = this.#contextOf(row.node);
    row.given = { node: row.node, context };
    row.told = null;
    return context;
  }

  /** The lines under the pointer, which VS Code keeps until the row is drawn again. */
  tell(row: Row, now: Date): readonly string[] {
    const lines = tooltipLines(row.node);
    row.told = { text: lines.join('\n'), at: now.getTime() };
    return lines;
  }

  /** The row of that id, at the top or below the rows whose ids it begins with; undefined when there is none now. */
  find(id: string): Row | undefined {
    for (let parent: Row | null = null; ;) {
      const rows: readonly Row[] = this.#read(parent?.below ?? this.#top, parent);
      const next = rows.find(({ node }) => id === node.id || id.startsWith(`${node.id}/`));
      if (next === undefined || next.node.id === id) return next;
      parent = next;
    }
  }

  /** The rows to be drawn again, each with all below it; `all` when that is the whole view. VS Code is taken to ask for them. */
  changes(now: Date): readonly Row[] | 'all' {
    const found: Changes = { rows: [], added: new Set(), removed: new Set(), now: now.getTime() };
    const whole = this.#compare(this.#top, null, found);
    // What moved from one place to another would be in both until the latter is drawn.
    if (!whole && [...found.added].every((id) => !found.removed.has(id))) return found.rows;
    forget(this.#top);
    return 'all';
  }

  /** True when rows of this very level came, went or changed places: then its parent has to be drawn again. */
  #compare(branch: Branch, parent: Row | null, found: Changes): boolean {
    const { listed, rows: before } = branch;
    if (listed === null) return false;
    const rows = this.#read(branch, parent);
    if (rows.length !== listed.length || rows.some(({ node }, index) => node.id !== listed[index])) {
      for (const { node } of rows) if (!before.has(node.id)) found.added.add(node.id);
      for (const row of before.values()) if (branch.rows.get(row.node.id) !== row) addIds(row, found.removed);
      return true;
    }
    for (const row of rows) {
      const changed = this.#looksOtherwise(row, found.now);
      // Rows below one that is drawn again need not be named.
      const wholeBelow = this.#compare(row.below, row, changed ? { ...found, rows: [] } : found);
      if (!wholeBelow && !changed) continue;
      found.rows.push(row);
      row.given = null;
      row.told = null;
      forget(row.below);
    }
    return false;
  }

  #looksOtherwise({ node, given, told }: Row, now: number): boolean {
    if (given === null) return false;
    if (!sameLook(node, given.node) || this.#contextOf(node) !== given.context) return true;
    return told !== null && now - told.at >= readingMs && tooltipLines(node).join('\n') !== told.text;
  }

  #read(branch: Branch, parent: Row | null): readonly Row[] {
    const nodes = parent === null ? this.#model() : (parent.node.children?.() ?? []);
    const rows = nodes.map((node) => {
      const row = branch.rows.get(node.id) ?? new Row(node, parent);
      row.node = node;
      return row;
    });
    branch.rows = new Map(rows.map((row) => [row.node.id, row]));
    return rows;
  }
}

interface Changes {
  readonly rows: Row[];
  readonly added: Set<string>;
  readonly removed: Set<string>;
  readonly now: number;
}

/** Whether a row is open is the person's affair once it is there, so `expanded` does not count. */
function sameLook(one: TreeNode, other: TreeNode): boolean {
  return (
    one.label === other.label &&
    one.description === other.description &&
    one.spoken === other.spoken &&
    one.icon === other.icon &&
    one.tone === other.tone &&
    one.highlighted === other.highlighted &&
    one.action === other.action &&
    (one.children === undefined) === (other.children === undefined)
  );
}

function forget(branch: Branch): void {
  branch.listed = null;
  for (const row of branch.rows.values()) {
    row.given = null;
    row.told = null;
    forget(row.below);
  }
}

function addIds(row: Row, ids: Set<string>): void {
  ids.add(row.node.id);
  for (const below of row.below.rows.values()) addIds(below, ids);
}
