/**
 * The links of certbot's `live/NAME`. certbot takes each old one away before it makes the new one; killed in between it leaves a link
 * out, passes over the certificate from then on, and mends it by no command of its own (seen with 2.1).
 */
import { lstat, readdir, readlink, symlink } from 'node:fs/promises';
import { join } from 'node:path';

const kinds = ['cert', 'privkey', 'chain', 'fullchain'] as const;

/**
 * Makes links anew that are not there, to the version that another link names and that has all four files in `archive/NAME`, else to the
 * newest such one. Gives their paths. Links that are there, and a certificate that certbot does not have, are left alone.
 */
export async function mendLiveLinks(configDirectory: string, lineage: string): Promise<readonly string[]> {
  const live = join(configDirectory, 'live', lineage);
  const absent: (typeof kinds)[number][] = [];
  const named = new Set<number>();
  for (const kind of kinds) {
    const link = join(live, `${kind}.pem`);
    if ((await lstat(link).catch(() => null)) === null) absent.push(kind);
    else named.add(versionIn(kind, await readlink(link).catch(() => '')) ?? 0);
  }
  if (absent.length === 0 || absent.length === kinds.length) return [];
  const whole = await wholeVersions(join(configDirectory, 'archive', lineage));
  const linked = whole.filter((version) => named.has(version));
  const version = Math.max(0, ...(linked.length > 0 ? linked : whole));
  if (version === 0) return [];
  const made: string[] = [];
  for (const kind of absent) {
    const link = join(live, `${kind}.pem`);
    await symlink(join('..', '..', 'archive', lineage, `${kind}${version}.pem`), link);
    made.push(link);
  }
  return made;
}

/** Versions of which all four files are there. */
async function wholeVersions(folder: string): Promise<readonly number[]> {
  const names = new Set(await readdir(folder).catch(() => []));
  const versions = [...names].map((name) => versionIn('cert', name)).filter((version) => version !== null);
  return versions.filter((version) => kinds.every((kind) => names.has(`${kind}${version}.pem`)));
}

function versionIn(kind: string, file: string): number | null {
  const number = new RegExp(`(?:^|/)${kind}(\\d+)\\.pem$`).exec(file)?.[1];
  return number === undefined ? null : Number(number);
}
