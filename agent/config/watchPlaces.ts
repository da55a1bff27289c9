/** Which folders tell of a change of a file, whatever stands behind its path: symbolic links of the file and of its folders included. */
import * as fs from 'node:fs';
import * as path from 'node:path';

export interface WatchPlace {
  /** Tells when the folder has been replaced by another of the same name. */
  readonly identity: string;
  /** What matters in it: the file, a link, or the folder that is missing; null = everything. */
  readonly names: ReadonlySet<string> | null;
}

/**
 * The folder that holds the file, and each that holds a symbolic link on the way to it: a swap of any of them (Kubernetes
 * ConfigMaps, `current -> releases/12`) changes the file. Where the way ends early, the last folder that exists.
 */
export function watchPlaces(file: string): ReadonlyMap<string, WatchPlace> {
  const places = new Map<string, WatchPlace>();
  follow(path.resolve(file), places, 0);
  return places;
}

/** Of the folder that is there now; null when there is none. */
export function folderIdentity(directory: string): string | null {
  const stats = fs.statSync(directory, { throwIfNoEntry: false });
  return stats?.isDirectory() === true ? `${stats.dev}:${stats.ino}` : null;
}

const maxLinks = 40;

function follow(file: string, places: Map<string, WatchPlace>, links: number): void {
  let current = path.parse(file).root;
  const parts = file.slice(current.length).split(path.sep).filter(Boolean);
  for (const [index, part] of parts.entries()) {
    const next = path.join(current, part);
    const stats = fs.lstatSync(next, { throwIfNoEntry: false });
    const last = index === parts.length - 1;
    if (last || stats === undefined || stats.isSymbolicLink()) add(current, part, places);
    if (stats === undefined) return;
    if (stats.isSymbolicLink()) {
      if (links >= maxLinks) return;
      const target = path.resolve(current, fs.readlinkSync(next));
      follow(path.join(target, ...parts.slice(index + 1)), places, links + 1);
      return;
    }
    current = next;
  }
}

function add(directory: string, name: string, places: Map<string, WatchPlace>): void {
  const names = places.get(directory)?.names ?? [];
  const identity = folderIdentity(directory);
  if (identity !== null) places.set(directory, { identity, names: new Set([...names, name]) });
}
