/** Where certificates lie on a server that says nothing about it: certbot's folder, and what nginx is told to use. */
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Pace } from './pace.ts';
import { readRegularFile } from './regularFile.ts';

export interface DefaultPlaces {
  readonly paths: readonly string[];
  /** Folders that are there but closed to the agent. */
  readonly closed: readonly string[];
}

const deepest = 4;
const mostFiles = 2_000;

/** `root` is `/` but in tests. */
export async function defaultPlaces(root: string, pace: Pace): Promise<DefaultPlaces> {
  const paths = new Set<string>();
  const closed: string[] = [];
  const live = join(root, 'etc/letsencrypt/live');
  for (const entry of await entriesOf(live, closed)) {
    if (entry.isDirectory()) paths.add(join(live, entry.name, 'fullchain.pem'));
  }
  const nginx = join(root, 'etc/nginx');
  const folders = [{ path: nginx, depth: 0 }];
  let files = 0;
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await entriesOf(folder.path, closed)) {
      const path = join(folder.path, entry.name);
      if (entry.isDirectory()) {
        if (folder.depth < deepest) folders.push({ path, depth: folder.depth + 1 });
      } else if (isNginxConfig(entry.name, folder.path) && (files += 1) <= mostFiles) {
        for (const certificate of await certificatesOfNginx(path)) paths.add(resolve(nginx, certificate));
        await pace();
      }
    }
  }
  return { paths: [...paths].sort(), closed };
}

/** Debian's sites carry no extension. */
function isNginxConfig(name: string, folder: string): boolean {
  return name.endsWith('.conf') || folder.endsWith('sites-enabled');
}

/** http://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_certificate; names with variables exist per request only. */
async function certificatesOfNginx(file: string): Promise<string[]> {
  const text = await readRegularFile(file).then(
    ({ bytes }) => bytes.toString('utf8'),
    () => '',
  );
  return [...text.matchAll(/^[ \t]*ssl_certificate[ \t]+(?:"([^"\n]+)"|'([^'\n]+)'|([^\s;"']+))[ \t]*;/gm)]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
    .filter((path) => !path.includes('$') && !/^(data|engine|store):/.test(path));
}

async function entriesOf(folder: string, closed: string[]) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EACCES') closed.push(folder);
    return [];
  }
}
