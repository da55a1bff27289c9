/** The places that `certificates.backup.paths` names, with links resolved and none inside of another. */
import { lstat, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isWithin } from './backupEntries.ts';

export interface BackupRoots {
  readonly present: readonly string[];
  readonly missing: readonly string[];
}

/** `paths` are absolute. */
export async function backupRoots(paths: readonly string[]): Promise<BackupRoots> {
  const found = new Set<string>();
  const missing: string[] = [];
  for (const path of paths) {
    const resolved = await realpath(path).catch(() => null);
    if (resolved === null) missing.push(path);
    else found.add(resolved);
  }
  const present = [...found].filter((path) => ![...found].some((other) => other !== path && isWithin(path, [other])));
  return { present, missing };
}

/** A root that can not be renamed, since another file system begins there. */
export async function isMountPoint(root: string): Promise<boolean> {
  const [own, above] = await Promise.all([lstat(root).catch(() => null), lstat(dirname(root)).catch(() => null)]);
  return own !== null && above !== null && own.dev !== above.dev;
}
