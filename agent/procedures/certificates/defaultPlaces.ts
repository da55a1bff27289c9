/** Where certificates lie on a server that says nothing about it: certbot's folder, and what nginx is told to use. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { codeOf } from '../../thrown.ts';
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
  const texts = new Map<string, string>();
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const entry of await entriesOf(folder.path, closed)) {
      const path = join(folder.path, entry.name);
      if (entry.isDirectory()) {
        if (folder.depth < deepest) folders.push({ path, depth: folder.depth + 1 });
      } else if (isNginxConfig(entry.name, folder.path) && texts.size < mostFiles) {
        texts.set(path, await textOf(path));
        await pace();
      }
    }
  }
  const included = new Set([...texts.values()].flatMap(includesOf).map((path) => resolve(nginx, path)));
  for (const [path, text] of texts) {
    if (isIdleSnippet(path, included)) continue;
    for (const certificate of certificatesOfNginx(text)) paths.add(resolve(nginx, certificate));
  }
  return { paths: [...paths].sort(), closed };
}

/** Debian's sites carry no extension. */
function isNginxConfig(name: string, folder: string): boolean {
  return name.endsWith('.conf') || folder.endsWith('sites-enabled');
}

/** http://nginx.org/en/docs/http/ngx_http_ssl_module.html#ssl_certificate; names with variables exist per request only. */
function certificatesOfNginx(text: string): string[] {
  return [...text.matchAll(/^[ \t]*ssl_certificate[ \t]+(?:"([^"\n]+)"|'([^'\n]+)'|([^\s;"']+))[ \t]*;/gm)]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
    .filter((path) => !path.includes('$') && !/^(data|engine|store):/.test(path));
}

function includesOf(text: string): string[] {
  return [...text.matchAll(/^[ \t]*include[ \t]+["']?([^\s;"']+)["']?[ \t]*;/gm)].map((match) => match[1] ?? '');
}

/** Debian's package brings `snippets/snakeoil.conf`, which names files that are not there: it is for sites that include it. */
function isIdleSnippet(path: string, included: ReadonlySet<string>): boolean {
  const folder = dirname(path);
  if (basename(folder) !== 'snippets') return false;
  return ![path, join(folder, '*'), join(folder, '*.conf')].some((name) => included.has(name));
}

async function textOf(file: string): Promise<string> {
  return readRegularFile(file).then(
    ({ bytes }) => bytes.toString('utf8'),
    () => '',
  );
}

async function entriesOf(folder: string, closed: string[]) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'EACCES') closed.push(folder);
    return [];
  }
}
