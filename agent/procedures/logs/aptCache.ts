/** What `apt-get clean` removes on this host, by its own simulation: it knows where the configuration of apt has its folders. */
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';

export interface CachedFile {
  readonly path: string;
  /** Space on the disk. */
  readonly bytes: number;
}

/** `lines`: what `apt-get -s clean` printed (apt-get(8)), such as `Del /var/cache/apt/archives/* /var/cache/apt/archives/partial/*`. */
export async function cachedFiles(lines: readonly string[]): Promise<readonly CachedFile[]> {
  const places = lines.flatMap((line) => (line.startsWith('Del ') ? line.slice(4).trim().split(/\s+/) : []));
  const found = new Map<string, CachedFile>();
  for (const place of places.filter((one) => path.isAbsolute(one))) {
    for (const file of place.endsWith('/*') ? await filesIn(place.slice(0, -2)) : [place]) {
      const stats = await lstat(file).catch(() => null);
      if (stats !== null && !stats.isDirectory()) found.set(file, { path: file, bytes: stats.blocks * 512 });
    }
  }
  return [...found.values()];
}

/** But the lock, which apt leaves. */
async function filesIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name !== 'lock').map((name) => path.join(folder, name));
}
