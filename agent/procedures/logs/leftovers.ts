/** Old files that the configuration names, and their removal. Nothing else is ever touched. */
import { glob, lstat, unlink } from 'node:fs/promises';
import path from 'node:path';
import { asUser } from './asUser.ts';
import type { UserAndGroup } from './asUser.ts';
import { trustedAs } from './folderTrust.ts';
import type { KeepRules } from './tmpfilesRules.ts';
import { findWriters, inodeKey } from './writers.ts';

export interface Leftover {
  readonly path: string;
  readonly key: string;
  readonly bytes: number;
  /** With whose rights it is removed; null = one's own. */
  readonly user: UserAndGroup | null;
}

export interface Leftovers {
  readonly due: readonly Leftover[];
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
}

/** `patterns`: absolute. Links, folders and files in use are left; so is what lies on another file system than the fixed part of its pattern. */
export async function findLeftovers(
  patterns: readonly string[],
  before: Date,
  rules: KeepRules = () => null,
): Promise<Leftovers> {
  const due = new Map<string, Leftover>();
  const refused = new Map<string, string>();
  for (const pattern of patterns) {
    const device = await deviceOf(fixedPart(pattern));
    for await (const match of glob(pattern)) {
      const file = path.resolve(match);
      const stats = await lstat(file, { bigint: true }).catch(() => null);
      if (stats === null || !stats.isFile() || Number(stats.mtimeMs) >= before.getTime()) continue;
      const user = await ownerOf(path.dirname(file), Number(stats.uid));
      const rule = rules(file);
      if (rule !== null) refused.set(file, `a line of tmpfiles.d keeps it (${rule})`);
      else if (stats.dev !== device) refused.set(file, 'it lies on another file system');
      else if (user === 'untrusted') refused.set(file, 'others can change the way to it');
      else due.set(file, { path: file, key: inodeKey(stats), bytes: Number(stats.blocks) * 512, user });
    }
  }
  const { writers } = await findWriters(new Set([...due.values()].map(({ key }) => key)));
  for (const { path: file, key } of due.values())
    if (writers.has(key)) refused.set(file, 'a process still writes to it');
  return {
    due: [...due.values()].filter((leftover) => !refused.has(leftover.path)),
    refused: [...refused].map(([file, reason]) => ({ path: file, reason })),
  };
}

/** True when it is gone. What has been put under its name since is left alone. */
export async function removeLeftover(leftover: Leftover): Promise<boolean> {
  return await asUser(leftover.user, async () => {
    const stats = await lstat(leftover.path, { bigint: true }).catch(() => null);
    if (stats === null) return true;
    if (!stats.isFile() || inodeKey(stats) !== leftover.key) return false;
    await unlink(leftover.path);
    return true;
  });
}

/** In a folder that all may write to with the sticky bit, as /tmp, each file goes with its owner's rights: unlink(2) follows no link. */
async function ownerOf(folder: string, uid: number): Promise<UserAndGroup | null | 'untrusted'> {
  const stats = await lstat(folder);
  const sticky = stats.isDirectory() && (stats.mode & 0o1000) !== 0;
  const trust = await trustedAs(sticky ? path.dirname(folder) : folder).catch(() => 'untrusted' as const);
  if (!sticky || trust !== null) return trust;
  return process.geteuid?.() === 0 && uid !== 0 ? { uid, gid: uid } : null;
}

function fixedPart(pattern: string): string {
  const parts = pattern.split(path.sep);
  const wild = parts.findIndex((part) => /[*?[{]/.test(part));
  return parts.slice(0, wild < 0 ? -1 : wild).join(path.sep) || path.sep;
}

async function deviceOf(folder: string): Promise<bigint | null> {
  return await lstat(folder, { bigint: true }).then(
    ({ dev }) => dev,
    () => null,
  );
}
