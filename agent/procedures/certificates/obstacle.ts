/** Who lacks what where access is denied: EACCES tells neither the user nor which of the folders on the way is closed. */
import { accessSync, constants, lstatSync, readlinkSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';

const mostLinks = 20;

/**
 * `the user nobody (65534) may not enter the folder /etc/letsencrypt/live (mode 0700, owner 0, group 0)`, or null when nothing
 * of that kind is in the way. `path` is absolute; its links are followed.
 */
export function obstacleTo(path: string): string | null {
  try {
    const found = closedPart(resolve(path), mostLinks);
    return found === null ? null : `${thisUser()} ${found}`;
  } catch {
    return null;
  }
}

/** `the user nobody (65534)` */
export function thisUser(): string {
  const uid = process.getuid?.() ?? -1;
  try {
    return `the user ${userInfo().username} (${uid})`;
  } catch {
    // It has no entry in the directory of users.
    return `the user with the number ${uid}`;
  }
}

function closedPart(path: string, links: number): string | null {
  let at = '/';
  const parts = path.split('/').filter((part) => part !== '');
  for (const [index, part] of parts.entries()) {
    if (!may(at, constants.X_OK)) return `may not enter the folder ${described(at)}`;
    const next = join(at, part);
    if (lstatSync(next).isSymbolicLink()) {
      if (links === 0) return null;
      return closedPart(resolve(dirname(next), readlinkSync(next), ...parts.slice(index + 1)), links - 1);
    }
    at = next;
  }
  if (may(at, constants.R_OK)) return null;
  return `${statSync(at).isDirectory() ? 'may not list the folder' : 'may not read the file'} ${described(at)}`;
}

function may(path: string, right: number): boolean {
  try {
    accessSync(path, right);
    return true;
  } catch {
    return false;
  }
}

function described(path: string): string {
  const { mode, uid, gid } = statSync(path);
  return `${path} (mode ${(mode & 0o7777).toString(8).padStart(4, '0')}, owner ${uid}, group ${gid})`;
}
