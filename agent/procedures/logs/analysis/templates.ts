/**
 * Groups messages that differ only in their values, as Drain does (He, Zhu, Zheng and Lyu, ICWS 2017): values are masked, a
 * tree of fixed depth (number of words, first words) leads to few candidates, and the most similar one takes the message.
 */
import type { Level } from './levels.ts';
import { maskMessage } from './mask.ts';

export interface Group {
  /** Words, `<*>` where they differ. */
  words: string[];
  level: Level;
  count: number;
  /** Milliseconds since the epoch; NaN = the log shows no times. */
  firstSeen: number;
  lastSeen: number;
  /** When an earlier run, or this one, first knew of it; NaN = this run. */
  known: number;
  /** The same, as earlier runs wrote it: a template that grew more general is still the same. */
  knownAs: string | null;
}

const wildcard = '<*>';
const wordsUsed = 60;
const depth = 2;
/** Share of equal words from which two messages are one group. */
const similarity = 0.6;
const mostChildren = 60;
const mostGroups = 2000;
const mostRemembered = 8192;

export class Templates {
  readonly #leaves = new Map<string, Group[]>();
  readonly #children = new Map<string, Set<string>>();
  /** Masked text → its group: most messages have come before. */
  readonly #seen = new Map<string, Group>();
  readonly groups: Group[] = [];
  /** Messages beyond the number of groups that are kept. */
  other = 0;
  /** Messages that hold one of the texts to be ignored. */
  ignored = 0;
  readonly #ignore: readonly Buffer[];

  constructor(ignore: readonly string[] = []) {
    this.#ignore = ignore.map((text) => Buffer.from(text));
  }

  /** Counts a message; `time` may be NaN. Only its beginning is looked at. */
  add(level: Level, bytes: Buffer, start: number, end: number, time: number): void {
    if (this.#ignore.length > 0 && this.#isIgnored(bytes.subarray(start, end))) {
      this.ignored += 1;
      return;
    }
    const text = maskMessage(bytes, start, end);
    const key = `${level} ${text}`;
    let group = this.#seen.get(key);
    if (group === undefined) {
      group = this.#groupOf(level, text.split(' ', wordsUsed));
      if (group === undefined) {
        this.other += 1;
        return;
      }
      if (this.#seen.size >= mostRemembered) this.#seen.clear();
      this.#seen.set(key, group);
    }
    group.count += 1;
    if (Number.isNaN(time)) return;
    if (!(group.firstSeen <= time)) group.firstSeen = time;
    if (!(group.lastSeen >= time)) group.lastSeen = time;
  }

  /** A group of an earlier run, so that the same messages find the same group. */
  remember(level: Level, template: string, known: number): void {
    const group = this.#groupOf(level, template.split(' ', wordsUsed));
    if (group === undefined) return;
    group.known = Number.isNaN(group.known) ? known : Math.min(group.known, known);
    group.knownAs ??= template;
  }

  #isIgnored(message: Buffer): boolean {
    return this.#ignore.some((text) => message.includes(text));
  }

  #groupOf(level: Level, words: string[]): Group | undefined {
    const leaf = this.#leafOf(level, words);
    let best: Group | undefined;
    let bestShare = 0;
    for (const group of leaf) {
      const share = shareOfEqual(group.words, words);
      if (share > bestShare) [best, bestShare] = [group, share];
    }
    if (best !== undefined && bestShare >= similarity) {
      for (const [index, word] of words.entries()) if (best.words[index] !== word) best.words[index] = wildcard;
      return best;
    }
    if (this.groups.length >= mostGroups) return undefined;
    const times = { firstSeen: Number.NaN, lastSeen: Number.NaN, known: Number.NaN };
    const group: Group = { words, level, count: 0, ...times, knownAs: null };
    leaf.push(group);
    this.groups.push(group);
    return group;
  }

  #leafOf(level: Level, words: readonly string[]): Group[] {
    let path = `${level} ${words.length}`;
    for (let index = 0; index < Math.min(depth, words.length - 1); index += 1) {
      const word = words[index] ?? '';
      const children = this.#children.get(path) ?? new Set();
      this.#children.set(path, children);
      const child = isValue(word) || (children.size >= mostChildren && !children.has(word)) ? wildcard : word;
      children.add(child);
      path = `${path} ${child}`;
    }
    const leaf = this.#leaves.get(path) ?? [];
    this.#leaves.set(path, leaf);
    return leaf;
  }
}

/** Masked, or in quotes: it must not lead to a group of its own, where Drain's tree would. */
function isValue(word: string): boolean {
  return word.includes('<') || /^["'`]./.test(word);
}

export function templateOf(group: Group): string {
  return group.words.join(' ');
}

function shareOfEqual(template: readonly string[], words: readonly string[]): number {
  let equal = 0;
  for (let index = 0; index < words.length; index += 1) if (template[index] === words[index]) equal += 1;
  return equal / Math.max(1, words.length);
}
