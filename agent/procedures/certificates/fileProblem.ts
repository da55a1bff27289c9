import { codeOf, messageOf } from '../../thrown.ts';
import type { Problem } from './analyse.ts';
import { plain } from './names.ts';
import { obstacleTo } from './obstacle.ts';

/** Why a file yielded no certificate. */
export function fileProblem(
  path: string,
  error: unknown,
): { readonly status: 'unreadable' | 'unparsable'; readonly problem: Problem } {
  const source = plain(path);
  const name = error instanceof Error ? error.name : '';
  if (name === 'WrongPasswordError') {
    const message = `The file ${source} is encrypted; set the right certificates.password.`;
    return { status: 'unreadable', problem: { aspect: 'source', reason: 'needs_password', level: 'warning', message } };
  }
  if (name === 'UnparsableError') {
    const message = `The file ${source} can not be used: ${detail(error)}; put a sound certificate there or correct the path (certificates.paths, --path, --cert).`;
    return { status: 'unparsable', problem: { aspect: 'source', reason: null, level: 'critical', message } };
  }
  const code = codeOf(error);
  if (code === 'ENOENT' || code === 'ENOTDIR') return missing(path, 'There is no file');
  const obstacle = code === 'EACCES' || code === 'EPERM' ? obstacleTo(path) : null;
  if (obstacle !== null) return denied(path, obstacle);
  const message = `The file ${source} can not be read: ${unreadable[code] ?? `${detail(error)}; see to it that the agent can read it.`}`;
  return { status: 'unreadable', problem: { aspect: 'source', reason: null, level: 'critical', message } };
}

/** `obstacle`: see obstacleTo. */
export function denied(path: string, obstacle: string): { readonly status: 'unreadable'; readonly problem: Problem } {
  const way = obstacle.includes(`${path} `) ? '' : `, on the way to ${path}`;
  const message = `${plain(`T${obstacle.slice(1)}${way}`)}; give that user access, or run the check as one who has it.`;
  return { status: 'unreadable', problem: { aspect: 'source', reason: null, level: 'critical', message } };
}

/** Nothing is there. `source` goes on after `what`. */
export function missing(source: string, what: string): { readonly status: 'unreadable'; readonly problem: Problem } {
  const message = `${what} ${plain(source)}; put the certificate there or correct the path (certificates.paths, --path, --cert).`;
  return { status: 'unreadable', problem: { aspect: 'source', reason: 'missing', level: 'critical', message } };
}

const unreadable: Readonly<Record<string, string>> = {
  EACCES: "the agent's user may not read it; grant read access to the file and its folders.",
  EPERM: "the agent's user may not read it; grant read access to the file and its folders.",
  ELOOP: 'its symbolic links go in a circle; correct them.',
  ENXIO: 'it is not a regular file; name a file with certificates.',
};

function detail(error: unknown): string {
  return plain(messageOf(error));
}
