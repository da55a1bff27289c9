/** Trees against zod schemas: values read as the schema wants them, mistakes with their place, known keys for "did you mean". */
import * as z from 'zod';
import { follow, mistakesOf, phrases, type Describe, type Mistake } from './issues.ts';
import type { Fault, Tree } from './tree.ts';

export type Validated<T> =
  | { readonly ok: true; readonly value: T; readonly tree: Tree }
  | { readonly ok: false; readonly mistakes: readonly Mistake[] };

/**
 * Parses the tree's plain value. YAML reads `0644` as a number and a replaced `${PORT}` as text: where the schema wants the
 * other, the scalar is read again as that. A single value where options want a list becomes a list of one (`wrapLists`).
 */
export function validate<S extends z.ZodType>(
  schema: S,
  tree: Tree,
  describe: Describe,
  options: { readonly wrapLists?: boolean } = {},
): Validated<z.infer<S>> {
  let current = tree;
  for (let round = 0; ; round += 1) {
    const result = schema.safeParse(plainValue(current), { error: phrases, reportInput: true });
    if (result.success) return { ok: true, value: result.data, tree: current };
    const { issues } = result.error;
    const again = round < maxRounds ? readAgain(current, issues, options.wrapLists ?? false) : null;
    if (again === null) {
      return { ok: false, mistakes: mistakesOf(issues, current, describe, (path) => knownKeys(schema, path)) };
    }
    current = again;
  }
}

/** The JavaScript value of a tree. Mappings have no prototype, so that no key can mean anything but itself. */
export function plainValue(tree: Tree): unknown {
  switch (tree.kind) {
    case 'scalar':
      return tree.value;
    case 'list':
      return tree.items.map(plainValue);
    case 'map': {
      const value = Object.create(null) as Record<string, unknown>;
      for (const [key, entry] of tree.entries) value[key] = plainValue(entry.tree);
      return value;
    }
  }
}

/** Every fault in a tree, with the path that leads to it. */
export function faultsOf(tree: Tree): { readonly path: readonly (string | number)[]; readonly fault: Fault }[] {
  const here = tree.fault === null ? [] : [{ path: [], fault: tree.fault }];
  const children: [string | number, Tree][] =
    tree.kind === 'list'
      ? tree.items.map((item, index) => [index, item])
      : tree.kind === 'map'
        ? [...tree.entries].map(([key, entry]) => [key, entry.tree])
        : [];
  const below = children.flatMap(([part, child]) =>
    faultsOf(child).map(({ path, fault }) => ({ path: [part, ...path], fault })),
  );
  return [...here, ...below];
}

/** The keys of the mapping at a path of a schema; none when it is not a mapping with fixed keys. */
export function knownKeys(schema: z.ZodType, path: readonly (string | number)[]): readonly string[] {
  const shape = shapeOf(path.reduce<z.core.$ZodType | null>(step, schema));
  return shape === null ? [] : Object.keys(shape);
}

const maxRounds = 3;

function step(schema: z.core.$ZodType | null, part: string | number): z.core.$ZodType | null {
  const inner = schema === null ? null : unwrapped(schema);
  if (inner instanceof z.ZodArray) return inner.element;
  const shape = shapeOf(inner);
  return shape !== null && Object.hasOwn(shape, part) ? (shape[part] ?? null) : null;
}

function shapeOf(schema: z.core.$ZodType | null): Readonly<Record<string, z.core.$ZodType>> | null {
  const inner = schema === null ? null : unwrapped(schema);
  return inner instanceof z.ZodObject ? inner.shape : null;
}

/** Without the wrappers optional, nullable, default, prefault and the end of a pipe. */
function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  for (;;) {
    if (inner instanceof z.ZodPipe) inner = inner.in;
    else if (
      inner instanceof z.ZodOptional ||
      inner instanceof z.ZodNullable ||
      inner instanceof z.ZodDefault ||
      inner instanceof z.ZodPrefault
    ) {
      inner = inner.unwrap();
    } else return inner;
  }
}

function readAgain(tree: Tree, issues: readonly z.core.$ZodIssue[], wrapLists: boolean): Tree | null {
  let changed = tree;
  for (const issue of issues) {
    if (issue.code !== 'invalid_type') continue;
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    const node = follow(changed, path);
    const read = node === null ? null : readAs(node, issue.expected, wrapLists);
    if (read !== null) changed = replaced(changed, path, read);
  }
  return changed === tree ? null : changed;
}

function readAs(node: Tree, expected: string, wrapLists: boolean): Tree | null {
  if (node.kind !== 'scalar' || node.value === null) return null;
  if (expected === 'array') return wrapLists ? { kind: 'list', offset: node.offset, fault: null, items: [node] } : null;
  if (expected === 'string' && typeof node.value !== 'string' && node.plain) return { ...node, value: node.source };
  if (!node.substituted || !node.plain || typeof node.value !== 'string') return null;
  if ((expected === 'number' || expected === 'int') && /^-?\d{1,15}(?:\.\d+)?$/.test(node.value)) {
    return { ...node, value: Number(node.value) };
  }
  if (expected === 'boolean' && /^(?:true|false)$/.test(node.value)) return { ...node, value: node.value === 'true' };
  return null;
}

function replaced(tree: Tree, path: readonly (string | number)[], by: Tree): Tree {
  const [part, ...rest] = path;
  if (part === undefined) return by;
  if (tree.kind === 'list') {
    return { ...tree, items: tree.items.map((item, index) => (index === part ? replaced(item, rest, by) : item)) };
  }
  if (tree.kind !== 'map') return tree;
  const entries = [...tree.entries].map(
    ([key, entry]) => [key, key === part ? { ...entry, tree: replaced(entry.tree, rest, by) } : entry] as const,
  );
  return { ...tree, entries: new Map(entries) };
}
