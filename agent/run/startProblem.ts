/** Why a process could not be started, in words (errno(3), fork(2), execve(2)). */
import { codeOf, messageOf } from '../thrown.ts';

const causes: Readonly<Record<string, string>> = {
  EMFILE: 'the agent has too many files open (EMFILE): raise its limit of open files (LimitNOFILE)',
  ENFILE: 'the host has too many files open (ENFILE): raise fs.file-max',
  EAGAIN: 'the limit of processes is reached (EAGAIN): raise it (TasksMax, ulimit -u), or end other work',
  ENOMEM: 'memory is short (ENOMEM)',
  E2BIG: 'its arguments and environment are too long (E2BIG)',
  ENOSPC: 'the disk of the state folder, or the number of watches, is used up (ENOSPC)',
  EACCES: 'the agent may not do that (EACCES)',
  EROFS: 'the state folder is read-only (EROFS)',
};

/** One clause without full stop. */
export function startProblem(error: unknown): string {
  return causes[codeOf(error)] ?? messageOf(error);
}

/** True of a shortage of this moment: it says nothing about the file that was looked at, and the next look may succeed. */
export function isShortage(error: unknown): boolean {
  return ['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN'].includes(codeOf(error));
}
