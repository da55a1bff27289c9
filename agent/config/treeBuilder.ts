/** Document nodes of the `yaml` package → trees (see tree.ts): aliases and merge keys expanded, bounded, no prototype touched. */
import { isAlias, isMap, isScalar, isSeq, Scalar, type Alias, type YAMLMap } from 'yaml';
import { TextError } from './text.ts';
import { tooDeep, type Entry, type Fault, type ListTree, type MapTree, type ScalarTree, type Tree } from './tree.ts';

export class TreeBuilder {
  private readonly anchors = new Map<string, unknown>();
  /** What an alias meant when the text came to it: a later anchor of the same name does not change it. */
  private readonly targets = new Map<Alias, unknown>();
  /** Nodes being built: an alias to one of them would never end. */
  private readonly open = new Set<unknown>();
  private expanding = 0;
  private expanded = 0;

  build(node: unknown): Tree {
    if (this.open.size > maxDepth) throw tooDeep(offsetOf(node));
    if (isAlias(node)) return this.alias(node);
    if (this.expanding > 0) this.countExpanded(node);
    else if (isScalar(node) || isMap(node) || isSeq(node)) this.register(node);
    if (isScalar(node)) return scalar(node);
    if (!isMap(node) && !isSeq(node)) return nothing(offsetOf(node));
    this.open.add(node);
    try {
      return isMap(node) ? this.map(node) : this.list(node);
    } finally {
      this.open.delete(node);
    }
  }

  private register(node: { readonly anchor?: string | undefined }): void {
    if (node.anchor !== undefined) this.anchors.set(node.anchor, node);
  }

  private countExpanded(node: unknown): void {
    this.expanded += 1;
    if (this.expanded > maxExpanded) {
      throw new TextError('too-many-aliases', 'the aliases (`*name`) expand to too much: write it out', offsetOf(node));
    }
  }

  private alias(node: Alias): Tree {
    const target = this.targets.get(node) ?? this.anchors.get(node.source);
    const offset = offsetOf(node);
    if (target === undefined) {
      return nothing(offset, { offset, code: 'yaml-syntax', message: `there is no anchor \`&${node.source}\` before` });
    }
    if (this.open.has(target)) {
      return nothing(offset, {
        offset,
        code: 'alias-loop',
        message: `\`*${node.source}\` contains itself: write it out`,
      });
    }
    this.targets.set(node, target);
    this.expanding += 1;
    try {
      return this.build(target);
    } finally {
      this.expanding -= 1;
    }
  }

  private list(node: { readonly items: readonly unknown[] }): ListTree {
    return { kind: 'list', offset: offsetOf(node), fault: null, items: node.items.map((item) => this.build(item)) };
  }

  private map(node: YAMLMap): MapTree {
    const entries = new Map<string, Entry>();
    const merged: MapTree[] = [];
    let fault: Fault | null = null;
    for (const pair of node.items) {
      const key = keyOf(pair.key);
      const offset = offsetOf(pair.key);
      const tree = this.build(pair.value);
      if (key === mergeKey) {
        const maps = mergeSources(tree);
        if (maps === null)
          fault ??= { offset, code: 'merge', message: '`<<` takes an alias of a mapping, or a list of such' };
        merged.push(...(maps ?? []));
      } else if (typeof key !== 'string') {
        fault ??= { offset, code: 'invalid-key', message: 'a key must be text' };
      } else if (key === '__proto__') {
        const fault = { offset, code: 'unknown-key', message: 'the key `__proto__` is not allowed' };
        entries.set(key, { keyOffset: offset, tree: { ...tree, fault } });
      } else if (entries.has(key)) {
        // Which of the two was meant is unknown: what has this key is refused.
        const fault = {
          offset,
          code: 'duplicate-key',
          message: `the key \`${key.slice(0, 60)}\` is there twice: keep one`,
        };
        entries.set(key, { keyOffset: offset, tree: { ...tree, fault } });
      } else entries.set(key, { keyOffset: offset, tree });
    }
    for (const source of merged) {
      fault ??= source.fault;
      for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
    }
    return { kind: 'map', offset: offsetOf(node), fault, entries };
  }
}

const maxDepth = 64;
const maxExpanded = 20_000;
const mergeKey = Symbol('<<');

function keyOf(key: unknown): string | typeof mergeKey | null {
  if (!isScalar(key)) return null;
  if (typeof key.value === 'string') return key.value === '<<' && key.type === Scalar.PLAIN ? mergeKey : key.value;
  // YAML 1.1 documents read `<<` as a merge symbol already.
  if (typeof key.value === 'symbol' || key.source === '<<') return mergeKey;
  return key.source === undefined || key.source === '' ? null : key.source;
}

function mergeSources(tree: Tree): MapTree[] | null {
  if (tree.kind === 'map') return [tree];
  if (tree.kind !== 'list') return null;
  const maps = tree.items.filter((item): item is MapTree => item.kind === 'map');
  return maps.length === tree.items.length ? maps : null;
}

function scalar(node: Scalar): ScalarTree {
  const { value } = node;
  const source = node.source ?? '';
  const simple = value === null || ['string', 'number', 'boolean'].includes(typeof value);
  return {
    kind: 'scalar',
    offset: offsetOf(node),
    fault: null,
    // Dates, big integers and the like exist only under directives and tags that this file does not need: they stay text.
    value: simple ? (value as ScalarTree['value']) : source,
    source,
    plain: node.type === Scalar.PLAIN,
    substituted: false,
  };
}

function nothing(offset: number, fault: Fault | null = null): ScalarTree {
  return { kind: 'scalar', offset, fault, value: null, source: '', plain: true, substituted: false };
}

function offsetOf(node: unknown): number {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return 0;
  return Number(node.range[0]);
}
