/** Who can put something else in the place of a folder or of what lies in it. */
import { lstat, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { UserAndGroup } from './asUser.ts';

/**
 * As whom files of the folder may be touched: null = as oneself, since nobody else can change anything on the way to it; a user =
 * with that user's rights alone, since it can; `untrusted` = not at all, since several can. Links on the way are resolved first.
 * Rejects with ENOENT when there is no such folder.
 */
export async function trustedAs(folder: string): Promise<UserAndGroup | null | 'untrusted'> {
  const real = await realpath(folder);
  const own = process.geteuid?.() ?? 0;
  let user: UserAndGroup | null = null;
  for (const step of ancestors(real)) {
    const stats = await lstat(step);
    if (!stats.isDirectory()) return 'untrusted';
    // In a sticky folder everybody can make files, yet nobody can move those of others (chmod(1), restricted deletion flag).
    const sticky = (stats.mode & 0o1000) !== 0 && step !== real;
    if (!sticky && (stats.mode & 0o002) !== 0) return 'untrusted';
    if (!sticky && own === 0 && (stats.mode & 0o020) !== 0 && stats.gid !== 0) return 'untrusted';
    if (stats.uid === 0 || stats.uid === own) continue;
    if (own !== 0 || (user !== null && user.uid !== stats.uid)) return 'untrusted';
    user = { uid: stats.uid, gid: stats.gid };
  }
  return user;
}

/** The folder and all above it, from the root down. */
function ancestors(folder: string): readonly string[] {
  const parent = path.dirname(folder);
  return parent === folder ? [folder] : [...ancestors(parent), folder];
}
