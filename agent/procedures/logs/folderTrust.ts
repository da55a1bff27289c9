/** Who can put something else in the place of a folder or of what lies in it. */
import { lstat, readlink } from 'node:fs/promises';
import path from 'node:path';
import type { UserAndGroup } from './asUser.ts';

/**
 * As whom files of the folder may be touched: null = as oneself, since nobody else can change anything on the way to it; a user =
 * with that user's rights alone, since it can; `untrusted` = not at all, since several can. Links on the way are followed, and count
 * as their owner's. Rejects with ENOENT when there is no such folder.
 */
export async function trustedAs(folder: string): Promise<UserAndGroup | null | 'untrusted'> {
  const walk: Walk = { own: process.geteuid?.() ?? 0, user: null, links: 0 };
  return (await walkTo(path.resolve(folder), walk, true)) ? walk.user : 'untrusted';
}

/** As `trustedAs`, and `su` for a folder that several can change, where a person has named one, as for logrotate; only root can work as another. */
export async function trustedOr(folder: string, su: UserAndGroup | null): Promise<UserAndGroup | null | 'untrusted'> {
  const trust = await trustedAs(folder);
  return trust === 'untrusted' && su !== null && process.geteuid?.() === 0 ? su : trust;
}

interface Walk {
  readonly own: number;
  /** The one other user who can change something on the way so far. */
  user: UserAndGroup | null;
  links: number;
}

const mostLinks = 40;

async function walkTo(place: string, walk: Walk, last: boolean): Promise<boolean> {
  const parent = path.dirname(place);
  if (parent !== place && !(await walkTo(parent, walk, false))) return false;
  const stats = await lstat(place);
  if (!belongs(stats, walk)) return false;
  if (stats.isSymbolicLink()) {
    walk.links += 1;
    if (walk.links > mostLinks) return false;
    return await walkTo(path.resolve(parent, await readlink(place)), walk, last);
  }
  if (!stats.isDirectory()) return false;
  // In a sticky folder everybody can make files, yet nobody can move those of others (chmod(1), restricted deletion flag).
  if ((stats.mode & 0o1000) !== 0 && !last) return true;
  return (stats.mode & 0o002) === 0 && !(walk.own === 0 && (stats.mode & 0o020) !== 0 && stats.gid !== 0);
}

function belongs(stats: UserAndGroup, walk: Walk): boolean {
  if (stats.uid === 0 || stats.uid === walk.own) return true;
  if (walk.own !== 0 || (walk.user !== null && walk.user.uid !== stats.uid)) return false;
  walk.user = { uid: stats.uid, gid: stats.gid };
  return true;
}
