/**
 * Access control lists (acl(5)) of certificate files. Archives do not hold them, and where there is one the permission bits of the group are
 * its mask and not what the group may do: a file that is made with these bits would be open to that group.
 */
import { runTool, findTool } from '../tool.ts';
import type { BackupEntry } from './backupEntries.ts';

const atOnce = 500;

/** Paths of files and folders that have one, as the plus sign of ls(1) tells. Where there is no ls, none is known. */
export async function withAccessLists(
  entries: readonly BackupEntry[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const binary = await findTool('ls', process.env);
  const paths = entries.filter(({ type }) => type !== 'link').map(({ path }) => path);
  if (binary === null) return [];
  const found: string[] = [];
  for (let from = 0; from < paths.length; from += atOnce) {
    const some = paths.slice(from, from + atOnce);
    const { lines } = await runTool({ binary, args: ['-ldnUN', '--', ...some], env: process.env, signal });
    const marked = lines.filter((line) => /^[-d][-rwxsStT]{9}\+ /.test(line));
    found.push(...some.filter((path) => marked.some((line) => line.endsWith(` ${path}`))));
  }
  return found;
}

/** Without what the mask of a list would give the group. */
export function withoutMask(entry: BackupEntry, listed: ReadonlySet<string>): BackupEntry {
  return listed.has(entry.path) ? { ...entry, mode: entry.mode & ~0o070 } : entry;
}

/** `/etc/letsencrypt/live and 3 more have access control lists` */
export function listsText([first = '', ...more]: readonly string[]): string {
  return more.length === 0
    ? `${first} has an access control list`
    : `${first} and ${more.length} more have access control lists`;
}
