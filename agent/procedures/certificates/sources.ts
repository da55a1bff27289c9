/** From configured files, folders and globs to the files that are read. */
import { glob, readdir, stat } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { type Analysis, unusable } from './analyse.ts';
import { within } from './concurrently.ts';
import { fileProblem, missing } from './fileProblem.ts';
import type { Pace } from './pace.ts';

export interface FileSource {
  /** Absolute. */
  readonly path: string;
  /** Named as such, not found in a folder or by a glob, where keys and requests are passed over. */
  readonly named: boolean;
}

export interface ExpandedPaths {
  readonly files: readonly FileSource[];
  /** Paths that lead to nothing. */
  readonly failures: readonly Analysis[];
}

export const certificateExtensions: ReadonlySet<string> = new Set([
  '.pem',
  '.crt',
  '.cer',
  '.cert',
  '.der',
  '.p12',
  '.pfx',
]);

const deepest = 8;
const mostFiles = 20_000;

/** `patterns` are absolute. `timeout`: milliseconds for each of them. */
export async function expandPaths(patterns: readonly string[], timeout: number, pace: Pace): Promise<ExpandedPaths> {
  const files = new Map<string, FileSource>();
  const failures: Analysis[] = [];
  for (const pattern of patterns) {
    try {
      const found = await within(timeout, expandOne(pattern, pace));
      if (found.length === 0) {
        const { status, problem } = missing(pattern, 'There is no certificate file at');
        failures.push(unusable(pattern, status, problem));
      }
      for (const file of found) if (!files.has(file.path) || file.named) files.set(file.path, file);
    } catch (error) {
      const { status, problem } = fileProblem(pattern, error);
      failures.push(unusable(pattern, status, problem));
    }
  }
  return { files: [...files.values()], failures };
}

async function expandOne(pattern: string, pace: Pace): Promise<FileSource[]> {
  let problem: unknown;
  try {
    // First to the letter: `[1].pem` may be the name of a file.
    return (await stat(pattern)).isDirectory() ? await filesIn(pattern, pace) : [{ path: pattern, named: true }];
  } catch (error) {
    if (!/[*?[{]/.test(pattern)) throw error;
    problem = error;
  }
  if (!(problem instanceof Error && 'code' in problem && problem.code === 'ENOENT')) throw problem;
  const found: FileSource[] = [];
  for await (const path of glob(pattern)) {
    const absolute = resolve(path);
    if (await isFolder(absolute)) found.push(...(await filesIn(absolute, pace)));
    else found.push({ path: absolute, named: false });
    if (found.length > mostFiles) break;
    await pace();
  }
  return found.sort(byPath);
}

/** Links to files are followed (certbot's `live` holds nothing else), links to folders are not. */
async function filesIn(top: string, pace: Pace): Promise<FileSource[]> {
  const found: FileSource[] = [];
  const folders = [{ path: top, depth: 0 }];
  for (let folder = folders.pop(); folder !== undefined && found.length < mostFiles; folder = folders.pop()) {
    const entries = await readdir(folder.path, { withFileTypes: true });
    const names = new Set(entries.map((entry) => entry.name));
    for (const entry of entries) {
      const path = join(folder.path, entry.name);
      if (entry.isDirectory()) {
        if (folder.depth < deepest) folders.push({ path, depth: folder.depth + 1 });
      } else if (certificateExtensions.has(extname(entry.name).toLowerCase()) && !isPartOfBundle(entry.name, names)) {
        found.push({ path, named: false });
      }
    }
    await pace();
  }
  return found.sort(byPath);
}

/** certbot writes the same certificate three times; `fullchain.pem` has it all. */
function isPartOfBundle(name: string, names: ReadonlySet<string>): boolean {
  const match = /^(?:cert|chain)(\d*)\.pem$/.exec(name);
  return match !== null && names.has(`fullchain${match[1] ?? ''}.pem`);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
}

function byPath(one: FileSource, other: FileSource): number {
  return one.path < other.path ? -1 : 1;
}
