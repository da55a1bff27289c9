/** How grave a record is: five levels, and how the words, numbers and priorities of log formats map to them. */
import { isDigit } from './bytes.ts';
import { withoutColours } from './colours.ts';

export const levels = ['fatal', 'error', 'warning', 'info', 'debug'] as const;
export type Level = (typeof levels)[number];

const words: Readonly<Record<Level, string>> = {
  fatal: 'fatal panic dpanic emerg emergency alert crit critical f',
  error: 'error err severe eror e',
  warning: 'warn warning w',
  info: 'info information informational notice log success i',
  debug: 'debug debug1 debug2 debug3 debug4 debug5 trace verbose fine finer finest silly d',
};
const byWord: ReadonlyMap<string, Level> = new Map(
  levels.flatMap((level) => words[level].split(' ').map((word) => [word, level] as const)),
);

/** Names, syslog keywords, and the numbers of pino and bunyan (60 = fatal … 10 = trace); null = unknown. */
export function levelOf(value: unknown): Level | null {
  if (typeof value === 'string') {
    const word = withoutColours(value).trim().toLowerCase();
    return byWord.get(word) ?? numbered(Number(word));
  }
  return typeof value === 'number' ? numbered(value) : null;
}

function numbered(value: number): Level | null {
  if (!Number.isFinite(value) || value < 10) return null;
  if (value >= 60) return 'fatal';
  if (value >= 50) return 'error';
  if (value >= 40) return 'warning';
  return value >= 30 ? 'info' : 'debug';
}

/** Severity of syslog, RFC 5424 section 6.2.1: 0 emergency … 7 debug. */
export function levelOfSeverity(severity: number): Level {
  if (severity <= 2) return 'fatal';
  if (severity === 3) return 'error';
  if (severity === 4) return 'warning';
  return severity <= 6 ? 'info' : 'debug';
}

export function levelOfStatus(status: number): Level {
  return status >= 500 ? 'error' : status >= 400 ? 'warning' : 'info';
}

export interface GuessedLevel {
  readonly level: Level;
  /** A word that stands for a level (`ERROR`, `[warn]`, `level=info`), not one of the text. */
  readonly explicit: boolean;
}

const lookedAt = 400;
/** A word of a level in capitals, in brackets, before a colon at the start, or after `level=`. */
const explicitWord =
  /\b(?:level|lvl|severity)=["']?([a-z]{1,12})\b|\[\s{0,4}([a-z]{3,9}\d?)\s{0,4}\]|\b(FATAL|PANIC|EMERG|ALERT|CRIT|CRITICAL|ERROR|ERR|SEVERE|WARN|WARNING|NOTICE|INFO|DEBUG|TRACE)\b|^\s{0,4}(error|warning|fatal|info|debug)(?=:)/gi;
/** As words of a sentence: `liberror-perl` and `/srv/error/x` are names. */
const spokenFatal = spoken('fatal|panic(?:ked)?|emergency|out of memory|segfault|segmentation fault');
const spokenError = spoken('errors?|exceptions?|fail(?:ed|ure|s)?|traceback|abort(?:ed)?|refused|denied');
/** `KeyError`, `java.lang.IllegalStateException`. */
const namedError = /[A-Za-z]{1,60}(?:Error|Exception)\b/;
const spokenWarning = spoken('warn(?:ing)?s?|deprecated|timed? ?out');

function spoken(words: string): RegExp {
  return new RegExp(String.raw`(?<![\w./=-])(?:${words})(?![\w/-]|\.\w)`, 'i');
}

/** By the first word that stands for a level, else by what the text says; `info` when nothing hints at more. */
export function guessLevel(bytes: Buffer, start: number, end: number): GuessedLevel {
  const text = bytes.toString('latin1', start, Math.min(end, start + lookedAt));
  explicitWord.lastIndex = 0;
  for (let match = explicitWord.exec(text); match !== null; match = explicitWord.exec(text)) {
    const [whole, named, bracketed, capitals, leading] = match;
    // The flag `i` lets words in small letters through that stand alone; those are text.
    if (capitals !== undefined && whole !== whole.toUpperCase()) continue;
    const level = levelOf(named ?? bracketed ?? capitals ?? leading);
    if (level !== null) return { level, explicit: true };
  }
  return { level: spokenLevel(text), explicit: false };
}

function spokenLevel(text: string): Level {
  if (spokenFatal.test(text)) return 'fatal';
  if (spokenError.test(text) || namedError.test(text)) return 'error';
  return spokenWarning.test(text) ? 'warning' : 'info';
}

/** `<165>` at `at` → 165, or -1. */
export function priorityAt(bytes: Buffer, at: number, limit: number): number {
  if (bytes[at] !== 60) return -1;
  let value = 0;
  let position = at + 1;
  for (; position < limit && position < at + 4 && isDigit(bytes[position]); position += 1) {
    value = value * 10 + (bytes[position] ?? 48) - 48;
  }
  return position > at + 1 && bytes[position] === 62 && value < 192 ? value : -1;
}
