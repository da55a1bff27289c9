/** Secrets in the configuration: those written in clear are warned about, all of them are given out for masking. */
import type { Tree } from './tree.ts';

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

/** Passwords in the URLs of a text, as written and decoded. */
export function urlPasswords(text: string): string[] {
  return [...text.matchAll(urlPassword)].flatMap(([, password]) => {
    if (password === undefined || password === '') return [];
    const decoded = decode(password);
    return decoded === password ? [password] : [password, decoded];
  });
}

/** All strings of a tree, for the passwords in URLs that came from variables. */
export function* strings(tree: Tree): Generator<string> {
  if (tree.kind === 'scalar') {
    if (typeof tree.value === 'string') yield tree.value;
  } else if (tree.kind === 'list') for (const item of tree.items) yield* strings(item);
  else for (const entry of tree.entries.values()) yield* strings(entry.tree);
}

const secretKey = /(?:^|_)(?:password|passwd|secret|token|api_?key|private_?key)$/i;
const urlPassword = /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s:@/]*:([^\s@/]+)@/gi;
/** Slack webhooks, and tokens with well-known beginnings (GitHub, GitLab, Slack, AWS), and private keys. */
const token =
  /https:\/\/hooks\.slack\.com\/services\/\S+|\b(?:gh[pousr]_\w{20,}|glpat-[\w-]{20,}|xox[abprs]-[\w-]{10,}|AKIA[A-Z0-9]{16})\b|-----BEGIN [A-Z ]*PRIVATE KEY-----/g;

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
