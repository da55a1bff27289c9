/** logrotate's state file (version 1 and 2): when each log was rotated last, in local time. */
import { readIfThere } from '../../readIfThere.ts';

/** Last rotation by absolute path of the log. A log that was only seen, never rotated, has the time it was first seen. */
export function parseState(text: string): ReadonlyMap<string, Date> {
  const times = new Map<string, Date>();
  for (const line of text.split('\n').slice(1)) {
    const match =
      /^(?:"((?:[^"\\]|\\.)*)"|(\S+)) (\d{1,4})-(\d{1,2})-(\d{1,2})(?:-(\d{1,2}):(\d{1,2}):(\d{1,2}))?$/.exec(line);
    if (match === null) continue;
    const name = match[1] === undefined ? (match[2] ?? '') : unescape(match[1]);
    const [year, month, day, hour, minute, second] = match
      .slice(3, 9)
      .map((part) => Number((part as string | undefined) ?? 0));
    times.set(name, new Date(year ?? 0, (month ?? 1) - 1, day, hour, minute, second));
  }
  return times;
}

/** Reads a state file; one that does not exist yet knows nothing. */
export async function readState(file: string): Promise<ReadonlyMap<string, Date>> {
  const text = await readIfThere(file);
  return text === null ? new Map() : parseState(text);
}

function unescape(text: string): string {
  return text.replaceAll(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
