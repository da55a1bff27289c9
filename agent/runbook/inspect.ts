/** What a Markdown runbook holds: fenced blocks, checklist, title; exactly as CommonMark 0.31 reads it. */
import { createHash } from 'node:crypto';
import MarkdownIt, { type Token } from 'markdown-it';
import type { RunbookBlock } from '../protocol/nouns.ts';
import { blockProblem } from './blockProblem.ts';

export interface ChecklistItem {
  /** 1-based line of the item. */
  readonly line: number;
  readonly checked: boolean;
  /** Without Markdown's marks. */
  readonly text: string;
}

export interface InspectedRunbook {
  /** First heading of level 1, else the first heading, else empty. */
  readonly title: string;
  /** Every fenced block, also within lists and quotes, in the order of the text. Indented code and HTML comments are none. */
  readonly blocks: readonly RunbookBlock[];
  /** Task list items (GitHub Flavored Markdown §5.3). */
  readonly checklist: readonly ChecklistItem[];
}

/**
 * A block is runnable when it is a closed, non-empty shell block in which nothing misleads (see blockProblem.ts). Console blocks
 * mix prompts, commands and output, so they are for reading. An unclosed fence ends with the document or its container.
 */
export function inspectRunbook(text: string): InspectedRunbook {
  const source = withoutFrontMatter(text.replace(/^\uFEFF/, ''));
  const tokens = blockParser.parse(source, {});
  const blocks: RunbookBlock[] = [];
  const checklist: ChecklistItem[] = [];
  const titles: { readonly level: string; readonly text: string }[] = [];
  for (const [index, token] of tokens.entries()) {
    if (token.type === 'fence') blocks.push(blockOf(token, blocks.length, titles.at(-1)?.text ?? null));
    else if (token.type === 'heading_open') titles.push({ level: token.tag, text: inlineText(tokens[index + 1]) });
    else if (token.type === 'list_item_open') {
      const item = checklistItem(token, tokens[index + 1], tokens[index + 2]);
      if (item !== null) checklist.push(item);
    }
  }
  const title = titles.find(({ level }) => level === 'h1') ?? titles[0];
  return { title: title?.text ?? '', blocks, checklist };
}

/** SHA-256 of the UTF-8 bytes, lower-case hex. */
export function sha256Of(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

const parser = new MarkdownIt('commonmark', { maxNesting: 100 });
/** Blocks alone: inline text is parsed where it is wanted. */
const blockParser = new MarkdownIt('commonmark', { maxNesting: 100 });
blockParser.core.ruler.enableOnly(['normalize', 'block']);

const shells = new Set(['sh', 'bash', 'shell', 'zsh', 'ksh']);
const consoles = new Set(['console', 'shell-session', 'shellsession', 'sh-session', 'terminal']);

function blockOf(token: Token, index: number, heading: string | null): RunbookBlock {
  const [start, end] = token.map ?? [0, 0];
  const text = token.content;
  const language = languageOf(token.info);
  const kind = kindOf(language);
  const lines = text === '' ? 0 : text.replace(/\n$/, '').split('\n').length;
  const closed = end - start === lines + 2;
  const problem = kind === 'shell' ? blockProblem(text, closed) : null;
  return {
    index,
    language,
    kind,
    runnable: kind === 'shell' && problem === null,
    line: start + 1,
    endLine: end,
    heading,
    sha256: sha256Of(text),
    text,
    ...(problem === null ? {} : { problem }),
  };
}

/** The first word of the info string (CommonMark §4.5), without what tools append (`bash,ignore`, `{.bash}`, `sh:title`). */
function languageOf(info: string): string {
  const [word = ''] = parser.utils.unescapeAll(info).trim().split(/\s/, 1);
  return /^[{.]*([^{},:;]*)/.exec(word)?.[1] ?? '';
}

function kindOf(language: string): RunbookBlock['kind'] {
  if (language === '') return 'none';
  const word = language.toLowerCase();
  if (shells.has(word)) return 'shell';
  return consoles.has(word) ? 'console' : 'other';
}

function checklistItem(item: Token, paragraph: Token | undefined, inline: Token | undefined): ChecklistItem | null {
  if (paragraph?.type !== 'paragraph_open' || inline?.type !== 'inline') return null;
  const match = /^\[([ \txX])\][ \t]+(?=\S)/.exec(inline.content);
  if (match === null) return null;
  const text = plainText(inline.content.slice(match[0].length));
  return { line: (item.map?.[0] ?? 0) + 1, checked: /x/i.test(match[1] ?? ''), text };
}

function inlineText(token: Token | undefined): string {
  return token === undefined ? '' : plainText(token.content);
}

function plainText(markdown: string): string {
  const children = parser.parseInline(markdown, {})[0]?.children ?? [];
  const words = children.map((child) => (child.type.endsWith('break') ? ' ' : child.content));
  return words.join('').replace(/\s+/g, ' ').trim();
}

/**
 * YAML between `---` lines at the very top is metadata, not the heading that CommonMark would see. Its lines stay, empty, so that
 * line numbers hold. Only what looks like YAML throughout is taken for it: no block may hide there.
 */
function withoutFrontMatter(text: string): string {
  const match =
    /^---[ \t]*\r?\n((?:(?:[A-Za-z_][\w-]*:|[ \t]|- |#).*\r?\n|\r?\n)*?)(?:---|\.\.\.)[ \t]*(?:\r?\n|$)/.exec(text);
  if (match === null || match[0].includes('```') || match[0].includes('~~~')) return text;
  return match[0].replace(/[^\r\n]+/g, '') + text.slice(match[0].length);
}
