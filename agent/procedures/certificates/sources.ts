/** From configured files, folders and globs to the files that are read. */
import { readdir } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { placesOf } from '../pattern.ts';
import { type Analysis, unusable } from './analyse.ts';
import { within } from './concurrently.ts';
import { denied, fileProblem, missing } from './fileProblem.ts';
import { obstacleTo } from './obstacle.ts';
import type { Pace } from './pace.ts';

export interface FileSource {
  /** Absolute. */
  readonly path: string;
  /** Named as such, not found in a folder or by a glob, where keys and requests are passed over. */
  readonly named: boolean;
}

export interface FoundSource extends FileSource {
  /** The path or pattern that led to it. */
  readonly pattern: string;
}

export interface ExpandedPaths {
  readonly files: readonly FoundSource[];
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
  const files = new Map<string, FoundSource>();
  const failures: Analysis[] = [];
  for (const pattern of patterns) {
    try {
      const closed: Analysis[] = [];
      const found = await within(timeout, expandOne(pattern, pace, closed));
      failures.push(...closed);
      if (found.length === 0 && closed.length === 0) failures.push(nothingAt(pattern));
      for (const file of found) if (!files.has(file.path) || file.named) files.set(file.path, { ...file, pattern });
    } catch (error) {
      const { status, problem } = fileProblem(pattern, error);
      failures.push(unusable(pattern, status, problem));
    }
  }
  return { files: [...files.values()], failures };
}

/** Those of the patterns that led to files, but not to one with a certificate. `files[index]` has `counts[index]` of them. */
export function barren(files: readonly FoundSource[], counts: readonly number[]): Analysis[] {
  const fruitful = new Set(files.filter((_, index) => counts[index] !== 0).map(({ pattern }) => pattern));
  const patterns = new Set(files.map(({ pattern }) => pattern).filter((pattern) => !fruitful.has(pattern)));
  return [...patterns].map((pattern) => {
    const { status, problem } = missing(pattern, 'There are keys or requests, but no certificate, at');
    return unusable(pattern, status, problem);
  });
}

/** A glob passes silently over folders that it may not list. */
function nothingAt(pattern: string): Analysis {
  const closed = obstacleTo(pattern.slice(0, pattern.search(/[*?[{]|$/)).replace(/[^/]*$/, ''));
  const { status, problem } =
    closed === null ? missing(pattern, 'There is no certificate file at') : denied(pattern, closed);
  return unusable(pattern, status, problem);
}

/** Folders within that can not be listed come to `closed`. */
async function expandOne(pattern: string, pace: Pace, closed: Analysis[]): Promise<FileSource[]> {
  const found: FileSource[] = [];
  for await (const { path, named, stats } of placesOf(pattern)) {
    if (stats?.isDirectory() === true) found.push(...(await filesIn(path, pace, closed)));
    else found.push({ path, named });
    if (found.length > mostFiles) break;
    await pace();
  }
  return found.sort(byPath);
}

/** Links to files are followed (certbot's `live` holds nothing else), links to folders are not. */
async function filesIn(top: string, pace: Pace, closed: Analysis[]): Promise<FileSource[]> {
  const found: FileSource[] = [];
  const folders = [{ path: top, depth: 0 }];
  for (let folder = folders.pop(); folder !== undefined && found.length < mostFiles; folder = folders.pop()) {
    let entries;
    try {
      entries = await readdir(folder.path, { withFileTypes: true });
    } catch (error) {
      if (folder.depth === 0) throw error;
      const { status, problem } = fileProblem(folder.path, error);
      closed.push(unusable(folder.path, status, problem));
      continue;
    }
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

function byPath(one: FileSource, other: FileSource): number {
  return one.path < other.path ? -1 : 1;
}
