/**
 * `${NAME}` in scalar values of the configuration, after parsing: what a variable holds is never read as YAML, nor searched
 * for further variables. `${NAME:-text}` has a default, `$${` stands for a plain `${`.
 */
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Fault, Tree } from './tree.ts';

export type Environment = Readonly<Record<string, string | undefined>>;
/** The value of a variable; undefined when it is not set or empty. */
export type Lookup = (name: string) => string | undefined;

export interface Substitution {
  readonly text: string;
  /** Values that came from outside, by name. */
  readonly used: readonly { readonly name: string; readonly value: string }[];
  readonly problem: { readonly code: 'unset-variable' | 'invalid-variable'; readonly message: string } | null;
}

/** The environment first, then systemd's credentials (systemd.exec(5), LoadCredential=): files named like the variable. */
export function variablesFrom(env: Environment): Lookup {
  return (name) => {
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value !== undefined && value !== '') return value;
    const credentials = Object.hasOwn(env, 'CREDENTIALS_DIRECTORY') ? env['CREDENTIALS_DIRECTORY'] : undefined;
    return credentials === undefined || credentials === '' ? undefined : credential(path.join(credentials, name));
  };
}

export function substitute(text: string, lookup: Lookup): Substitution {
  const used: { name: string; value: string }[] = [];
  let problem: Substitution['problem'] = null;
  let result = '';
  let at = 0;
  for (let start = text.indexOf('${'); start >= 0; start = text.indexOf('${', at)) {
    const escaped = start > at && text[start - 1] === '$';
    result += text.slice(at, escaped ? start - 1 : start);
    const end = escaped ? -1 : text.indexOf('}', start);
    at = end < 0 ? start + 2 : end + 1;
    if (escaped) result += '${';
    if (escaped) continue;
    const found = end < 0 ? malformed('${') : replacement(text.slice(start, end + 1), text, lookup);
    if ('problem' in found) problem ??= found.problem;
    else result += found.value;
    if ('name' in found) used.push({ name: found.name, value: found.value });
    if (end < 0) break;
  }
  return { text: result + text.slice(at), used, problem };
}

/** A variable that was replaced, at the scalar that names it. */
export interface UsedVariable {
  readonly name: string;
  readonly value: string;
  readonly offset: number;
}

/** A copy of the tree with every variable replaced; scalars whose variable is missing carry a fault. What was replaced is added to `used`. */
export function substituteTree(tree: Tree, lookup: Lookup, used: UsedVariable[]): Tree {
  switch (tree.kind) {
    case 'list':
      return { ...tree, items: tree.items.map((item) => substituteTree(item, lookup, used)) };
    case 'map': {
      const entries = [...tree.entries].map(
        ([key, entry]) => [key, { ...entry, tree: substituteTree(entry.tree, lookup, used) }] as const,
      );
      return { ...tree, entries: new Map(entries) };
    }
    case 'scalar': {
      if (typeof tree.value !== 'string' || !tree.value.includes('${')) return tree;
      const { text, used: here, problem } = substitute(tree.value, lookup);
      for (const { name, value } of here) used.push({ name, value, offset: tree.offset });
      const fault: Fault | null = problem === null ? tree.fault : { ...problem, offset: tree.offset };
      return { ...tree, value: text, source: text, substituted: true, fault };
    }
  }
}

const variable = /^\$\{([A-Za-z_][A-Za-z0-9_]{0,199})(?::-([^}]*))?\}$/;
const form = '`${NAME}` or `${NAME:-default}`; write `$${` where the text itself shall hold `${`';

type Replacement =
  | { readonly name: string; readonly value: string }
  | { readonly value: string }
  | { readonly problem: NonNullable<Substitution['problem']> };

function replacement(written: string, text: string, lookup: Lookup): Replacement {
  const match = variable.exec(written);
  const [, name, standard] = match ?? [];
  if (name === undefined || standard?.includes('${') === true) return malformed(written);
  const value = lookup(name);
  if (value !== undefined) return { name, value };
  if (standard !== undefined) return { value: standard };
  return { problem: { code: 'unset-variable', message: unset(name, text) } };
}

function malformed(written: string): Replacement {
  return { problem: { code: 'invalid-variable', message: `\`${written.slice(0, 60)}\` is not of the form ${form}` } };
}

function unset(name: string, text: string): string {
  // Within other text it may be meant for a shell.
  const literal = text === `\${${name}}` ? '' : `, or \`$\${${name}}\` for the text itself`;
  return `the variable \`${name}\` is not set: set it for the agent, or write \`\${${name}:-default}\`${literal}`;
}

function credential(file: string): string | undefined {
  try {
    const text = fs.readFileSync(file, 'utf8').replace(/\r?\n$/, '');
    return text === '' ? undefined : text;
  } catch {
    // No such credential: the variable counts as not set, and that is reported with its line.
    return undefined;
  }
}
