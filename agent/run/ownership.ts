/**
 * Whether a script can be changed only by those who may command the agent anyway: root and the agent's own user. The file is
 * judged by its open descriptor, and every folder and symbolic link on the way to it, since who may write one of those
 * may put another file in its place. Source: open(2), path_resolution(7), inode(7).
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import { hasPrivateGroup } from './privateGroup.ts';

const mostLinks = 40;
/** S_ISVTX, which node:fs does not name (inode(7)). */
const sticky = 0o1000;

class UnsafeScriptError extends Error {
  override readonly name = 'UnsafeScriptError';
}

/** SHA-256 of the script, hex. Throws UnsafeScriptError with one sentence when others could change what is run. */
export function checkScript(file: string): string {
  const found = walk(file);
  const descriptor = openSync(found.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new UnsafeScriptError(`${file} is not a file: name a script`);
    if (stats.ino !== found.stats.ino || stats.dev !== found.stats.dev) {
      throw new UnsafeScriptError(`${file} was replaced while it was looked at: run it again`);
    }
    judge(found.path, stats, 'script');
    return createHash('sha256').update(readFileSync(descriptor)).digest('hex');
  } finally {
    closeSync(descriptor);
  }
}

/** Follows the path part by part as the kernel does, and judges each folder and link. */
function walk(file: string): { readonly path: string; readonly stats: Stats } {
  let links = 0;
  let path: string = sep;
  let rest = partsOf(resolve(file));
  judge(path, lstatSync(path), 'folder');
  for (;;) {
    const [part, ...after] = rest;
    if (part === undefined) throw new UnsafeScriptError(`${file} is a folder: name a script`);
    const next = part === '..' ? dirname(path) : join(path, part);
    const stats = lstatSync(next);
    if (stats.isSymbolicLink()) {
      links += 1;
      if (links > mostLinks) throw new UnsafeScriptError(`${file}: too many symbolic links: name the script itself`);
      judge(next, stats, 'link');
      const target = readlinkSync(next);
      if (target.startsWith(sep)) path = sep;
      rest = [...partsOf(target), ...after];
      continue;
    }
    if (after.length === 0) return { path: next, stats };
    judge(next, stats, 'folder');
    path = next;
    rest = after;
  }
}

function judge(path: string, stats: Stats, what: 'script' | 'folder' | 'link'): void {
  const own = process.geteuid?.() ?? stats.uid;
  if (stats.uid !== 0 && stats.uid !== own) {
    throw new UnsafeScriptError(
      `the ${what} ${path} belongs to another user (${stats.uid}), who could change what is run: chown it to root or to the agent's user`,
    );
  }
  // The mode of a link means nothing (symlink(7)).
  if (what === 'link') return;
  // In a sticky folder nobody removes or replaces what is another's (inode(7)).
  if (what === 'folder' && (stats.mode & sticky) !== 0) return;
  const world = (stats.mode & constants.S_IWOTH) !== 0;
  const group = (stats.mode & constants.S_IWGRP) !== 0 && !(own !== 0 && hasPrivateGroup(own, stats.gid));
  if (!world && !group) return;
  const who = world ? 'anybody' : `the group ${stats.gid}`;
  throw new UnsafeScriptError(
    `${who} may write the ${what} ${path} and so change what is run: take the right away with \`chmod go-w ${path}\``,
  );
}

function partsOf(path: string): string[] {
  return path.split(sep).filter((part) => part !== '' && part !== '.');
}
