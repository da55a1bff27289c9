/** What zod says about a value → places in the tree and one sentence each, in the words of YAML. */
import type * as z from 'zod';
import { nearest } from './nearest.ts';
import type { MapTree, Tree } from './tree.ts';

/** One wrong thing. `path` leads to it from the validated tree; for a missing key to the mapping that lacks it. */
export interface Mistake {
  readonly path: readonly (string | number)[];
  readonly offset: number;
  readonly code: 'unknown-key' | 'missing-key' | 'invalid-value';
  /** Without an end: the caller adds what becomes of it. */
  readonly message: string;
}

/** Names the thing at a path in a sentence: `` `timeout` of task `x` ``, `` `thresholds.disk_usage_percent` ``. */
export type Describe = (path: readonly (string | number)[]) => string;

/** `known` gives the keys that the mapping at a path may have, for "did you mean". */
export function mistakesOf(
  issues: readonly z.core.$ZodIssue[],
  tree: Tree,
  describe: Describe,
  known: (path: readonly (string | number)[]) => readonly string[],
): Mistake[] {
  return issues.flatMap((issue) => {
    const path = issue.path.map((part) => (typeof part === 'number' ? part : String(part)));
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => unknownKey(key, path, tree, describe, known(path)));
    }
    if (issue.code === 'invalid_union' && path.length > 0 && follow(tree, path) !== null) {
      return [wrongValue(path, tree, describe, unionPhrase(issue))];
    }
    const container = path.length > 0 ? follow(tree, path.slice(0, -1)) : null;
    const key = path.at(-1);
    if (container?.kind === 'map' && typeof key === 'string' && !container.entries.has(key)) {
      return [missing(key, path, container, describe)];
    }
    return [wrongValue(path, tree, describe, issue.message)];
  });
}

/** The error map of every parse here: what the value must be, as a noun phrase; messages of the schema itself go before it. */
export const phrases: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return `${kinds[issue.expected] ?? issue.expected}${given(issue.input)}`;
    case 'too_big':
      return `at most ${String(issue.maximum)}${sizeUnit(issue.origin)}`;
    case 'too_small':
      return Number(issue.minimum) === 1 && issue.origin === 'string'
        ? 'more than nothing'
        : `at least ${String(issue.minimum)}${sizeUnit(issue.origin)}`;
    case 'invalid_value':
      return `one of ${issue.values.map((value) => `\`${String(value)}\``).join(', ')}`;
    case 'invalid_format':
      return (
        formats[issue.format] ??
        (issue.pattern === undefined ? `of the form ${issue.format}` : `of the form ${issue.pattern}`)
      );
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'unrecognized_keys':
    case 'invalid_union':
    case 'invalid_key':
    case 'invalid_element':
    case 'custom':
      return undefined;
  }
};

/** The node at a path, or null. */
export function follow(tree: Tree, path: readonly (string | number)[]): Tree | null {
  let node: Tree | undefined = tree;
  for (const part of path) {
    if (node?.kind === 'map') node = node.entries.get(String(part))?.tree;
    else if (node?.kind === 'list' && typeof part === 'number') node = node.items[part];
    else return null;
  }
  return node ?? null;
}

/** `a.b[2].c` */
export function written(path: readonly (string | number)[]): string {
  return path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[${part}]` : text === '' ? part : `${text}.${part}`),
    '',
  );
}

/** Adds what becomes of it, as the end of the sentence. */
export function withEffect(message: string, effect: string): string {
  return message.endsWith('?') ? `${message} (${effect})` : `${message}; ${effect}`;
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: '`true` or `false`',
  array: 'a list',
  object: 'a mapping (`key: value`)',
  record: 'a mapping (`key: value`)',
};

const formats: Readonly<Record<string, string>> = {
  email: 'an e-mail address',
  url: 'a URL such as https://example.org/path',
};

function given(input: unknown): string {
  if (input === null || input === undefined) return '; it is empty';
  if (Array.isArray(input)) return ', not a list';
  if (typeof input === 'object') return ', not a mapping';
  if (typeof input === 'string')
    return /^(?:yes|no|on|off)$/i.test(input) ? ` (YAML 1.2 reads \`${input}\` as text)` : ', not text';
  return typeof input === 'boolean' ? ', not true or false' : ', not a number';
}

function sizeUnit(origin: string): string {
  return origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';
}

function unionPhrase(issue: z.core.$ZodIssueInvalidUnion): string {
  const kinds = issue.errors.flatMap((errors) =>
    errors.filter(({ path }) => path.length === 0).map(({ message }) => message),
  );
  return [...new Set(kinds.map((kind) => kind.replace(/(?:,|;| \().*$/, '')))].join(' or ');
}

function unknownKey(
  key: string,
  path: readonly (string | number)[],
  tree: Tree,
  describe: Describe,
  known: readonly string[],
): Mistake {
  const holder = follow(tree, path);
  const offset =
    (holder?.kind === 'map' ? holder.entries.get(key)?.keyOffset : undefined) ?? holder?.offset ?? tree.offset;
  return { path: [...path, key], offset, code: 'unknown-key', message: unknownKeyMessage(key, describe(path), known) };
}

/** `the key X is not known in PLACE; did you mean Y?` */
export function unknownKeyMessage(key: string, place: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  const shown = key.length > 60 ? `${key.slice(0, 60)}…` : key;
  const advice =
    meant !== null
      ? `did you mean \`${meant}\`?`
      : known.length === 0
        ? 'remove it'
        : `known are ${known.map((name) => `\`${name}\``).join(', ')}`;
  return `the key \`${shown}\` is not known in ${place}; ${advice}`;
}

function missing(key: string, path: readonly (string | number)[], container: MapTree, describe: Describe): Mistake {
  const parent = path.slice(0, -1);
  const message = `\`${key}\` is missing in ${describe(parent)}: add it`;
  return { path: parent, offset: container.offset, code: 'missing-key', message };
}

function wrongValue(path: readonly (string | number)[], tree: Tree, describe: Describe, phrase: string): Mistake {
  // Validation can look into what a scalar was split into (email_list): then the scalar is the place.
  let offset = tree.offset;
  for (let length = path.length; length > 0; length -= 1) {
    const node = follow(tree, path.slice(0, length));
    if (node === null) continue;
    offset = node.offset;
    break;
  }
  return { path, offset, code: 'invalid-value', message: `${describe(path)} must be ${phrase}` };
}
