/** Heads of syslog lines: RFC 5424, RFC 3164 (RSYSLOG_TraditionalFileFormat) and the ISO dates that rsyslog writes today. */
import { fourDigits, isDigit, space, startsWith } from './bytes.ts';
import { levelOf, levelOfSeverity, priorityAt } from './levels.ts';
import type { Level } from './levels.ts';
import type { TimeReader } from './times.ts';

export interface SyslogHead {
  readonly format: 'syslog-3164' | 'syslog-5424';
  readonly time: number;
  readonly level: Level | null;
  /** Where the message begins. */
  readonly start: number;
}

export function readSyslog(bytes: Buffer, start: number, end: number, times: TimeReader): SyslogHead | null {
  const priority = priorityAt(bytes, start, end);
  const level = priority < 0 ? null : levelOfSeverity(priority % 8);
  let at = start;
  if (priority >= 0) {
    while (bytes[at] !== 62) at += 1;
    at += 1;
    if (bytes[at] === 49 && bytes[at + 1] === space) return rfc5424(bytes, at + 2, end, level, times);
  }
  const named = (bytes[at] ?? 0) >= 65;
  const time = times.read(bytes, at, end);
  if (Number.isNaN(time) || bytes[times.end] !== space) return null;
  const host = times.end + 1;
  // Where the year is written it is the date of another format.
  if (named && fourDigits(bytes, times.end - 4) > 1970 && bytes[times.end - 5] === space) return null;
  const tag = wordEnd(bytes, host, end) + 1;
  if (tag > end || tag === host + 1) return null;
  // `2024-03-01 12:00:00 app: …` and `2024-03-01T12:00:00Z INFO app: …` are logs of applications.
  if (
    !named &&
    (bytes[at + 10] !== 84 || levelOf(bytes.toString('latin1', host, Math.min(tag - 1, host + 16))) !== null)
  ) {
    return null;
  }
  const message = behindTag(bytes, tag, end);
  if (message < 0) return named || priority >= 0 ? { format: 'syslog-3164', time, level, start: tag } : null;
  return { format: 'syslog-3164', time, level, start: message };
}

/** `2024-03-01T12:00:00.003Z host app 123 ID47 [data x="1"] message`; a dash stands for what is missing. */
function rfc5424(bytes: Buffer, from: number, end: number, level: Level | null, times: TimeReader): SyslogHead | null {
  let at = from;
  let time = Number.NaN;
  if (bytes[at] !== 45) {
    time = times.read(bytes, at, end);
    if (Number.isNaN(time)) return null;
  }
  for (let field = 0; field < 5; field += 1) {
    at = wordEnd(bytes, at, end) + 1;
    if (at > end) return null;
  }
  while (bytes[at] === 91 && at < end) {
    for (let quoted = false; at < end && (quoted || bytes[at] !== 93); at += 1) {
      if (bytes[at] === 92) at += 1;
      else if (bytes[at] === 34) quoted = !quoted;
    }
    at += 1;
  }
  if (bytes[at] === 45) at += 1;
  if (bytes[at] === space) at += 1;
  if (startsWith(bytes, at, end, '\u00ef\u00bb\u00bf')) at += 3;
  return { format: 'syslog-5424', time, level, start: Math.min(at, end) };
}

function wordEnd(bytes: Buffer, at: number, end: number): number {
  let position = at;
  while (position < end && bytes[position] !== space) position += 1;
  return position;
}

/** Behind `sshd[123]: `, `kernel: `; -1 when there is no such tag. */
function behindTag(bytes: Buffer, at: number, end: number): number {
  let position = at;
  const stop = Math.min(end, at + 64);
  while (position < stop && isTagByte(bytes[position] ?? 0)) position += 1;
  if (position === at) return -1;
  if (bytes[position] === 91) {
    position += 1;
    while (position < stop && isDigit(bytes[position])) position += 1;
    if (bytes[position] !== 93) return -1;
    position += 1;
  }
  if (bytes[position] !== 58) return -1;
  return bytes[position + 1] === space ? position + 2 : position + 1;
}

function isTagByte(byte: number): boolean {
  return byte > space && byte !== 58 && byte !== 91 && byte < 127;
}
