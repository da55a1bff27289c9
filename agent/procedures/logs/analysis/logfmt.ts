/** One line of logfmt, as Go programs write it (logrus, go-kit, slog): `time="2026-11-26T03:00:00Z" level=error msg="no route"`. */
import type { Level } from './levels.ts';
import { levelOf } from './levels.ts';
import { timeOf } from './jsonRecord.ts';

export interface LogfmtLine {
  /** null = guess it from the message. */
  readonly level: Level | null;
  /** Milliseconds since the epoch; NaN = none. */
  readonly time: number;
  readonly message: string;
}

const longest = 16 * 1024;
const head = /^(?:time|ts|t|timestamp|level|lvl|severity|msg|caller|logger)=\S/;
const pair = /(?:^| )([\w.@-]{1,60})=(?:"((?:[^"\\]|\\.){0,4000})"|([^ "]*))/g;

/** null when the line is something else: it must begin with one of the usual names, and have a level or a message. */
export function readLogfmt(line: string): LogfmtLine | null {
  if (!head.test(line)) return null;
  const fields = new Map<string, string>();
  for (const [, name = '', quoted, bare] of line.slice(0, longest).matchAll(pair)) {
    if (!fields.has(name)) fields.set(name, quoted === undefined ? (bare ?? '') : unescaped(quoted));
  }
  const named = (names: readonly string[]): string | undefined =>
    names.map((name) => fields.get(name)).find((value) => value !== undefined && value !== '');
  const [level, said] = [named(['level', 'lvl', 'severity']), named(['msg', 'message', 'event'])];
  const error = named(['err', 'error']);
  if (level === undefined && said === undefined) return null;
  const parts = [said, error].filter((part) => part !== undefined);
  const time = timeOf(named(['time', 'ts', 'timestamp', 't']));
  return { level: levelOf(level), time, message: parts.length === 0 ? line : [...new Set(parts)].join(' | ') };
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
