/** SQL of others, made fit to show: without its literals, which may be passwords or people's data, on one line, cut. */
import { printable } from './names.ts';

/**
 * Text and numbers that stand for values become `?`; comments go; identifiers stay. What breaks off in a literal (the
 * server cuts at track_activity_query_size) ends there. PostgreSQL manual: "Lexical Structure" (sql-syntax-lexical).
 */
export function shownStatement(statement: string, limit = 200): string {
  const text = statement.slice(0, longest);
  let shown = '';
  for (let at = 0; at < text.length;) {
    const { end, instead } = tokenAt(text, at);
    shown += instead ?? text.slice(at, end);
    at = end;
  }
  const line = printable(shown.replace(/\s+/gu, ' ').trim());
  return line.length <= limit ? line : `${line.slice(0, limit - 1)}…`;
}

interface Token {
  readonly end: number;
  /** What to show for it; null = itself. */
  readonly instead: string | null;
}

function tokenAt(text: string, at: number): Token {
  for (const [pattern, instead] of rules) {
    pattern.lastIndex = at;
    if (pattern.test(text)) return { end: pattern.lastIndex, instead };
  }
  dollarQuote.lastIndex = at;
  const tag = dollarQuote.exec(text)?.[0];
  if (tag !== undefined) {
    const end = text.indexOf(tag, at + tag.length);
    return { end: end < 0 ? text.length : end + tag.length, instead: '?' };
  }
  if (text.startsWith('/*', at)) return { end: commentEnd(text, at), instead: ' ' };
  return { end: at + 1, instead: null };
}

const rules: readonly (readonly [RegExp, string | null])[] = [
  // With E the backslash takes the next character along, else only a doubled quote does.
  [/[Ee]'(?:[^'\\]|''|\\[\s\S])*(?:'|\\?$)/y, '?'],
  [/(?:[BbXxNn]|[Uu]&)?'(?:[^']|'')*(?:'|$)/y, '?'],
  [/"(?:[^"]|"")*(?:"|$)/y, null],
  [/--[^\n]*/y, ' '],
  [/\$\d+/y, null],
  // Digits in a name are part of it.
  [/[\p{L}_][\p{L}\p{N}_$]*/uy, null],
  [/(?:\d[\d_]*(?:\.[\d_]*)?|\.\d+)(?:[eE][+-]?\d+)?/y, '?'],
];
const dollarQuote = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;

/** Comments nest. */
function commentEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length - 1; at++) {
    const opens = text.startsWith('/*', at);
    if (!opens && !text.startsWith('*/', at)) continue;
    depth += opens ? 1 : -1;
    at++;
    if (depth === 0) return at + 1;
  }
  return text.length;
}

const longest = 20_000;
