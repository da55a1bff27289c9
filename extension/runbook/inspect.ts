/** Fenced blocks and checklist of a Markdown runbook, as CommonMark reads it. */
import { createHash } from 'node:crypto';
import MarkdownIt from 'markdown-it';
import type { RunbookBlock } from '../../agent/protocol/nouns.ts';

export interface InspectedRunbook {
  readonly title: string | null;
  /** Every fenced block. */
  readonly blocks: readonly RunbookBlock[];
  readonly checklist: { readonly checked: number; readonly total: number };
}

const shellLanguages = new Set(['bash', 'sh', 'shell', 'zsh', 'ksh']);
const consoleLanguages = new Set(['console', 'shell-session', 'shellsession', 'sh-session', 'terminal']);
const markdown = new MarkdownIt('commonmark');

export function inspectRunbook(text: string): InspectedRunbook {
  const lines = text.split(/\r\n|\n|\r/);
  const tokens = markdown.parse(text, {});
  const blocks: RunbookBlock[] = [];
  let title: string | null = null;
  let heading: string | null = null;
  tokens.forEach((token, index) => {
    if (token.type === 'heading_open') {
      heading = tokens[index + 1]?.content ?? null;
      title ??= heading;
    }
    if (token.type !== 'fence' || token.map === null) return;
    const [first, last] = token.map;
    const language = languageOf(token.info);
    const kind = kindOf(language);
    const closed = isClosing(lines[last - 1] ?? '', token.markup) && last - 1 > first;
    blocks.push({
      index: blocks.length,
      language,
      kind,
      runnable: kind === 'shell' && closed && token.content.trim() !== '',
      line: first + 1,
      endLine: last,
      heading,
      sha256: sha256Of(token.content),
      text: token.content,
    });
  });
  return { title, blocks, checklist: checklistOf(lines, blocks) };
}

/** SHA-256 of the UTF-8 bytes, lower-case hex. */
export function sha256Of(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

function languageOf(info: string): string {
  return (/^[^\s{]+/.exec(info.trim())?.[0] ?? '').toLowerCase();
}

function kindOf(language: string): RunbookBlock['kind'] {
  if (language === '') return 'none';
  if (shellLanguages.has(language)) return 'shell';
  return consoleLanguages.has(language) ? 'console' : 'other';
}

/** CommonMark §4.5: a block whose fence is never closed runs to the end of the file; such a block is not runnable. */
function isClosing(line: string, fence: string): boolean {
  const found = /(`{3,}|~{3,})[ \t]*$/.exec(line)?.[1] ?? '';
  return found.length >= fence.length && found.startsWith(fence.charAt(0));
}

function checklistOf(
  lines: readonly string[],
  blocks: readonly RunbookBlock[],
): { readonly checked: number; readonly total: number } {
  let checked = 0;
  let total = 0;
  lines.forEach((line, index) => {
    const mark = /^\s*(?:[-*+]|\d{1,9}[.)])\s+\[([ xX])\]\s/.exec(`${line} `)?.[1];
    if (mark === undefined || blocks.some((block) => block.line <= index + 1 && index + 1 <= block.endLine)) return;
    total += 1;
    if (mark !== ' ') checked += 1;
  });
  return { checked, total };
}
