/** Processes of the host as /proc shows them. Source: proc(5). Only what can be read tells; a failure to look is not "nobody there". */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { codeOf } from '../thrown.ts';

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly zombie: boolean;
}

/** So many are read before other work of the agent gets its turn. */
const atOnce = 200;
/** A process in the middle of exec shows no environment for a moment; one that was given none shows none for ever. */
const mostLooks = 4;
/** Parent of all kernel threads (kthreadd). */
const kernel = 2;

/**
 * Shows every process of the host but this one to `visit`, which answers `null` when it can not tell yet and wants to see it
 * once more. The list is read again until it holds no pid that was not visited: one that forked and ended before it was
 * visited has a successor, and that is found so, however short each of them lives.
 */
export async function visitProcesses(visit: (entry: ProcessEntry, last: boolean) => true | null): Promise<void> {
  const looks = new Map<string, number>();
  for (let count = 0, more = true; more;) {
    more = false;
    for (const name of readdirSync('/proc')) {
      const looked = looks.get(name) ?? 0;
      if (looked >= mostLooks || !/^\d+$/.test(name)) continue;
      more = true;
      count += 1;
      if (count % atOnce === 0) await breathe();
      const entry = readEntry(Number(name));
      const last = looked + 1 >= mostLooks;
      const known = entry === null || entry.pid === process.pid || entry.parent === kernel || visit(entry, last);
      looks.set(name, known === null ? looked + 1 : mostLooks);
    }
  }
}

export function readEntry(pid: number): ProcessEntry | null {
  const stat = readOr(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The name is in brackets and may itself hold brackets and blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, parent, group, session] = fields;
  return {
    pid,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    zombie: state === 'Z' || state === 'X',
  };
}

/** Whether the environment with which the process was started holds `NAME=value`; null when it shows none. */
export function carries(pid: number, variable: string): boolean | null {
  const environment = readOr(`/proc/${pid}/environ`);
  if (environment === '') return null;
  return environment !== null && `\0${environment}`.includes(`\0${variable}\0`);
}

/** True when its standard output or error is this file. */
export function writesTo(pid: number, file: string): boolean {
  return [1, 2].some((descriptor) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${descriptor}`) === file;
    } catch (error) {
      return rethrowUnless(error);
    }
  });
}

function readOr(file: string): string | null {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    rethrowUnless(error);
    return null;
  }
}

/** Gone, or another user's: no answer. Anything else (EMFILE) means that nothing is known. */
function rethrowUnless(error: unknown): false {
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'EPERM' || code === 'EINVAL') return false;
  throw error;
}
