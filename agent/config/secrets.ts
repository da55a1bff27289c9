/** Secrets in the configuration: those written in clear are warned about, all of them are given out for masking. */
import { shortestSecret } from '../secrets/forms.ts';
import type { Remark } from './remark.ts';
import type { Tree } from './tree.ts';
import type { UsedVariable } from './variables.ts';

export interface ClearSecret {
  readonly offset: number;
  /** `databases[0].url` */
  readonly where: string;
  readonly value: string;
}

/** Looks at the tree before variables are replaced: whatever is found stands in the file itself. */
export function clearSecrets(tree: Tree, where = ''): ClearSecret[] {
  if (tree.kind === 'list') return tree.items.flatMap((item, index) => clearSecrets(item, `${where}[${index}]`));
  if (tree.kind === 'map') {
    return [...tree.entries].flatMap(([key, entry]) =>
      clearSecrets(entry.tree, where === '' ? key : `${where}.${key}`),
    );
  }
  const text = String(tree.value ?? '');
  if (text.includes('${')) return [];
  const key = /[^.[\]]*$/.exec(where.replace(/(?:\[\d+\])+$/, ''))?.[0] ?? '';
  const found = secretKey.test(key) && text.length > 3 ? [text] : [...urlPasswords(text), ...tokens(text)];
  return found.map((value) => ({ offset: tree.offset, where, value }));
}

/**
 * Passwords in the URLs of a text, as written and decoded. One that is the very name of the user or database
 * (`postgres://postgres:postgres@…`) is known to everybody, and hiding that word would make every output unreadable.
 */
export function urlPasswords(text: string): string[] {
  return [...text.matchAll(urlPassword)].flatMap(([, user, password, database]) => {
    if (password === undefined || password === user || password === database) return [];
    const decoded = decode(password);
    return decoded === password ? [password] : [password, decoded];
  });
}

export interface FoundSecrets {
  /** Values that no output may show. */
  readonly values: readonly string[];
  /** Those that a name leads to again: a variable, or a place in the file. */
  readonly named: ReadonlyMap<string, string>;
  readonly remarks: readonly Remark[];
}

/** `clear` are those of the file itself, `used` its variables, `tree` the file with its variables replaced. */
export function secretsOf(clear: readonly ClearSecret[], used: readonly UsedVariable[], tree: Tree): FoundSecrets {
  const named = new Map<string, string>();
  for (const { where, value } of clear) named.set(where, value);
  for (const { name, value } of used) if (isSecret(name, value)) named.set(name, value);
  const passwords = [...strings(tree)].flatMap(urlPasswords);
  return {
    values: [...new Set([...named.values(), ...passwords, ...webhooks(tree)])],
    named,
    remarks: [
      ...clear.map(({ offset, where }) => inClear(offset, where)),
      ...used.filter(({ name, value }) => secretName.test(name) && isShort(value)).map(tooShort),
    ],
  };
}

/**
 * Secrets in the command lines of tasks, which everybody on the host can read (proc(5), cmdline). `maintenance` is the file before
 * its variables are replaced.
 */
export function openSecrets(maintenance: Tree): Remark[] {
  const tasks = maintenance.kind === 'map' ? maintenance.entries.get('automated_tasks')?.tree : undefined;
  if (tasks?.kind !== 'list') return [];
  return tasks.items.flatMap((task) => {
    if (task.kind !== 'map') return [];
    const onAbort = task.entries.get('on_abort')?.tree;
    const commands = onAbort?.kind === 'map' ? [onAbort.entries.get('command')?.tree] : [];
    const lists = [task.entries.get('args')?.tree, task.entries.get('dry_run_args')?.tree, ...commands];
    const name = task.entries.get('name')?.tree;
    const title = name?.kind === 'scalar' && typeof name.value === 'string' ? name.value : null;
    return lists.flatMap((list) =>
      list?.kind === 'list' ? list.items.flatMap((item) => inArguments(item, title)) : [],
    );
  });
}

function inArguments(item: Tree, task: string | null): Remark[] {
  if (item.kind !== 'scalar' || typeof item.value !== 'string') return [];
  const variable = [...item.value.matchAll(/\$\{(\w+)/g)]
    .map((match) => match[1] ?? '')
    .find((name) => secretName.test(name));
  if (variable === undefined && urlPasswords(item.value).length === 0) return [];
  const what = variable === undefined ? 'a password' : `the secret \`${variable}\``;
  const message = `a command line holds ${what}, and everybody on this host can read it: put it into \`env\` and let the script take it from there`;
  return [{ offset: item.offset, severity: 'warning', code: 'secret-in-arguments', task, message }];
}

/** The address of a webhook is what lets anybody post there. */
function webhooks(tree: Tree): readonly string[] {
  const notifications = tree.kind === 'map' ? tree.entries.get('notifications')?.tree : undefined;
  if (notifications?.kind !== 'map') return [];
  return ['webhook', 'slack_webhook'].flatMap((key) => {
    const entry = notifications.entries.get(key)?.tree;
    if (entry?.kind !== 'scalar' || typeof entry.value !== 'string' || !URL.canParse(entry.value)) return [];
    const { pathname, search } = new URL(entry.value);
    return pathname.length + search.length < shortestPath ? [] : [entry.value, `${pathname}${search}`];
  });
}

/** All strings of a tree, for the passwords in URLs that came from variables. */
function* strings(tree: Tree): Generator<string> {
  if (tree.kind === 'scalar') {
    if (typeof tree.value === 'string') yield tree.value;
  } else if (tree.kind === 'list') for (const item of tree.items) yield* strings(item);
  else for (const entry of tree.entries.values()) yield* strings(entry.tree);
}

const secretKey =
  /(?:^|_|pg)(?:pass|pwd|password|passwd|passphrase|secret|token|credentials?|api_?key|access_?key|private_?key)$/i;
const secretName = /(?:password|passwd|passphrase|secret|token|api_?key|access_?key|private_?key)/i;
/** A webhook with less than this after its host is an address, not a secret. */
const shortestPath = 12;
/** Places and names of the machine: masking them in every output would only make it unreadable. */
const ordinary = new Set(['HOME', 'USER', 'LOGNAME', 'HOSTNAME', 'PWD', 'SHELL', 'TMPDIR', 'LANG', 'TZ', 'PATH']);
const urlPassword = /\b[a-z][a-z0-9+.-]{1,20}:\/\/([^\s:@/]*):([^\s@/]+)@(?:[^\s/?]*\/([^\s/?]+))?/gi;
/** Slack webhooks, private keys, JSON Web Tokens, and tokens with well-known beginnings (ours, AWS, GitHub, GitLab, Google, npm, Slack, Stripe). */
const token = new RegExp(
  [
    String.raw`https://hooks\.slack\.com/services/\S+`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----`,
    String.raw`\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*`,
    String.raw`\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|npm_\w{36}|xox[abprs]-[\w-]{10,}|[rs]k_(?:live|test)_\w{16,})`,
    String.raw`\b(?:AKIA[A-Z0-9]{16}|AIza[\w-]{35}|upkeep_[0-9a-f]{8}_[\w-]{43})`,
  ].join('|'),
  'g',
);

function tokens(text: string): string[] {
  return text.match(token) ?? [];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // Not percent-encoded after all.
    return text;
  }
}

function isSecret(name: string, value: string): boolean {
  if (ordinary.has(name) || name.startsWith('XDG_') || isShort(value)) return false;
  return !/^(?:true|false|localhost|\d{1,5})$/i.test(value);
}

function isShort(value: string): boolean {
  return Buffer.byteLength(value) < shortestSecret;
}

function inClear(offset: number, where: string): Remark {
  const message = `\`${where}\` holds a secret in clear: put it into the environment and write \${NAME} here`;
  return { offset, severity: 'warning', code: 'secret-in-clear', task: null, message };
}

function tooShort({ name, offset }: UsedVariable): Remark {
  const message = `the value of \`${name}\` is shorter than ${shortestSecret} characters, so it is not masked in any output: choose a longer one`;
  return { offset, severity: 'warning', code: 'short-secret', task: null, message };
}
