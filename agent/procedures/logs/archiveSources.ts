/** Which rotated generations are due for the archive, and which must stay where they are. */
import { glob, lstat } from 'node:fs/promises';
import path from 'node:path';
import { concurrently } from '../certificates/concurrently.ts';
import type { Source } from './archiveContent.ts';
import type { UserAndGroup } from './asUser.ts';
import { trustedOr } from './folderTrust.ts';
import { dateInName } from './generationDate.ts';
import { generationSuffix, rotatedGenerations } from './generations.ts';
import { describeWriters, findWriters, inodeKey } from './writers.ts';

export interface DueSource extends Source {
  readonly modifiedAt: Date;
}

export interface Survey {
  readonly due: readonly DueSource[];
  /** Generations that are too young. */
  readonly young: number;
  /** What is due and can not be taken, with the reason. */
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
  /** Old by the date in their names, yet written later than that says. */
  readonly late: readonly string[];
  /** Written in the future. */
  readonly future: readonly string[];
  /** Patterns that lead to no log. */
  readonly empty: readonly string[];
}

/**
 * `patterns`: absolute files and globs of logs; a match that is named like a generation (`app.log.3.gz`, `app.log-20240131`) is taken
 * as one. Taken is what was written last before `before`, and whose name, where it has a date, says so too; `byName`: of those with a
 * date in their names, only that counts. `dateFormats`: further forms of dates in names, as logrotate's `dateformat`. `su`:
 * with whose rights logs are taken from folders that others can write to.
 */
export async function survey(
  patterns: readonly string[],
  before: Date,
  { byName = false, now = new Date(), dateFormats = [] as readonly string[], su = null as UserAndGroup | null } = {},
): Promise<Survey> {
  const { files, empty } = await expand(patterns, generationSuffix(dateFormats));
  const due: DueSource[] = [];
  const refused: { path: string; reason: string }[] = [];
  const [late, future]: [string[], string[]] = [[], []];
  const trusts = new Map<string, Awaited<ReturnType<typeof trustedOr>>>();
  const seen = new Set<string>();
  let young = 0;
  const looks = await concurrently(files, 16, async (file) => await lstat(file, { bigint: true }).catch(() => null));
  for (const [index, file] of files.entries()) {
    const stats = looks[index] ?? null;
    // Two paths may lead to one file.
    if (stats === null || stats.isDirectory() || seen.has(inodeKey(stats))) continue;
    seen.add(inodeKey(stats));
    const modifiedAt = new Date(Number(stats.mtimeMs));
    const named = dateInName(path.basename(file));
    const isNamedOld = named !== null && named < before;
    if (named === null ? modifiedAt >= before : !isNamedOld || (!byName && modifiedAt >= before)) {
      young += 1;
      if (isNamedOld) late.push(file);
      else if (named === null && modifiedAt > now) future.push(file);
      continue;
    }
    const folder = path.dirname(file);
    const trust = trusts.has(folder) ? trusts.get(folder) : await trustOf(folder, su);
    trusts.set(folder, trust ?? null);
    if (!stats.isFile()) refused.push({ path: file, reason: 'it is no regular file (a link, FIFO or device)' });
    else if (stats.nlink !== 1n) refused.push({ path: file, reason: 'it has other names too (hard links)' });
    else if (trust === 'untrusted') refused.push({ path: file, reason: openToOthers(folder) });
    else due.push({ path: file, key: inodeKey(stats), bytes: Number(stats.size), user: trust ?? null, modifiedAt });
  }
  return { due, young, late, future, refused, empty };
}

function openToOthers(folder: string): string {
  return `others can write to its folder ${folder}; set \`su: USER GROUP\` in logs.archive, as for logrotate, or take that right from them`;
}

/** A folder that is gone by now has nothing that could be trusted. */
async function trustOf(folder: string, su: UserAndGroup | null): ReturnType<typeof trustedOr> {
  return await trustedOr(folder, su).catch(() => 'untrusted' as const);
}

/** By path, those that a process has open for writing, with its name. */
export async function inUse(sources: readonly Source[]): Promise<ReadonlyMap<string, string>> {
  const { writers } = await findWriters(new Set(sources.map(({ key }) => key)));
  return new Map(
    sources.flatMap(({ path: file, key }) => {
      const some = writers.get(key);
      return some === undefined ? [] : [[file, `${describeWriters(some)} still writes to it`] as const];
    }),
  );
}

/** Generations of all patterns, and the patterns that lead to nothing. */
async function expand(
  patterns: readonly string[],
  suffix: string,
): Promise<{ files: readonly string[]; empty: readonly string[] }> {
  const files = new Set<string>();
  const empty: string[] = [];
  for (const pattern of patterns) {
    const name = path.basename(pattern);
    const literal = !hasWildcard(name) || (await isThere(pattern));
    const isLog = (other: string): boolean => other === name || (!literal && path.matchesGlob(other, name));
    let any = false;
    for (const folder of await foldersOf(path.dirname(pattern))) {
      const found = await rotatedGenerations(folder, isLog, suffix);
      any ||= found.any;
      for (const generation of found.generations) files.add(path.join(folder, generation));
    }
    if (!any) empty.push(pattern);
  }
  return { files: [...files].sort(), empty };
}

async function foldersOf(pattern: string): Promise<readonly string[]> {
  if (!hasWildcard(pattern) || (await isThere(pattern))) return [pattern];
  const folders: string[] = [];
  for await (const match of glob(pattern)) folders.push(path.resolve(match));
  return folders;
}

function hasWildcard(text: string): boolean {
  return /[*?[{]/.test(text);
}

async function isThere(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    () => false,
  );
}
