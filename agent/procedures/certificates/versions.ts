/**
 * The files of a service as links into one folder of versions, so that certificate and key change in one rename(2):
 *
 *     site.pem -> .site.pem.upkeep/current/cert     current -> versions/1735689600000-1f2e3d4c
 *     site.key -> .site.pem.upkeep/current/key      undo    -> versions/… (while a deployment is under way)
 *
 * Each step leaves files that belong together, whenever it is cut: a version is complete before it has its name; plain files
 * first become a version of their own, whose links then hold what they held. The way back is made before the
 * switch, so that going back takes no disk space.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import {
  access,
  chmod,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import * as z from 'zod';
import type { DeployTarget } from '../../config/certificates.ts';
import { syncDirectory, writeFileAtomic } from '../../store/atomicWrite.ts';
import { lockFile } from '../../store/stateLock.ts';
import { codeOf } from '../../thrown.ts';

const roles = ['cert', 'key', 'chain', 'combined'] as const;
export type Role = (typeof roles)[number];

export interface InstalledFile {
  readonly bytes: Buffer;
  readonly mode: number;
  /** -1 = that of the agent. */
  readonly uid: number;
  readonly gid: number;
}
export type VersionFiles = ReadonlyMap<Role, InstalledFile>;

const versionName = z.string().regex(/^\d{1,16}-[0-9a-z]{1,16}$/);
const journalText = z.object({ from: versionName.nullable(), to: versionName });
/** A new name, in the order of time. */
export function newVersion(now: Date): string {
  return `${now.getTime()}-${randomBytes(4).toString('hex')}`;
}

/** A deployment under way: the version before and the one that was to take its place. */
export type Journal = z.infer<typeof journalText>;

export class VersionStore {
  readonly #directory: string;
  readonly #links: ReadonlyMap<Role, string>;
  #lock: DatabaseSync | null = null;

  constructor(to: DeployTarget['to']) {
    const entries = roles.flatMap((role) => (to[role] === undefined ? [] : [[role, to[role]] as const]));
    this.#links = new Map(entries);
    const first = to.cert ?? to.combined ?? '';
    this.#directory = join(dirname(first), `.${basename(first)}.upkeep`);
  }

  get paths(): readonly string[] {
    return [...this.#links.values()];
  }

  get roles(): readonly Role[] {
    return [...this.#links.keys()];
  }

  /** Whether anything was ever deployed there. */
  async exists(): Promise<boolean> {
    return access(this.#directory).then(
      () => true,
      () => false,
    );
  }

  /** Makes the folder, takes its lock (which the kernel gives back at the end of the process) and removes what a kill left. */
  async open(): Promise<void> {
    await mkdir(this.#directory, { mode: 0o755 }).catch(unless('EEXIST'));
    await mkdir(this.#path('versions'), { mode: 0o755 }).catch(unless('EEXIST'));
    await this.#refuseForeign();
    // Whatever the umask: the service reads the files as its own user.
    for (const folder of [this.#directory, this.#path('versions')]) await chmod(folder, 0o755);
    const lock = lockFile(this.#path('lock'));
    if (lock === null) throw new Error('another deployment of it is under way; wait for its end');
    this.#lock = lock;
    for (const folder of [this.#directory, this.#path('versions')]) {
      for (const name of await readdir(folder)) {
        if (name.startsWith('.')) await rm(join(folder, name), { recursive: true, force: true });
      }
    }
    if ((await this.journal()) !== null) return;
    await unlink(this.#path('undo')).catch(unless('ENOENT'));
    const current = await this.current();
    const others = (await readdir(this.#path('versions'))).filter((name) => name !== current).sort();
    await this.#prune(others.at(-1) ?? null);
  }

  close(): void {
    this.#lock?.close();
    this.#lock = null;
  }

  /** Name of the version in force; null when there is none. */
  async current(): Promise<string | null> {
    const target = await readlink(this.#path('current')).catch(unless('ENOENT'));
    return target === undefined ? null : versionName.parse(basename(target));
  }

  async journal(): Promise<Journal | null> {
    const text = await readFile(this.#path('journal.json'), 'utf8').catch(unless('ENOENT'));
    return text === undefined ? null : journalText.parse(JSON.parse(text));
  }

  async files(version: string): Promise<VersionFiles> {
    return filesAt([...this.#links.keys()].map((role) => [role, this.#path('versions', version, role)]));
  }

  /** What the service finds now, whether by our links or not. Needs no open(). */
  async effective(): Promise<VersionFiles> {
    return filesAt([...this.#links]);
  }

  async linked(): Promise<boolean> {
    for (const [role, path] of this.#links) {
      if ((await readlink(path).catch(() => null)) !== this.#linkText(role)) return false;
    }
    return true;
  }

  /** Turns plain files, links to elsewhere and missing files into our links, without a change of what they hold. */
  async adopt(name: string): Promise<void> {
    if (await this.linked()) return;
    const found = await this.effective();
    if (found.size > 0) {
      await this.#write(name, found, (role, file, path) => this.#keepFile(role, file, path));
      await this.#point('current', name);
    }
    for (const [role, path] of this.#links) {
      if ((await readlink(path).catch(() => null)) === this.#linkText(role)) continue;
      const temporary = join(dirname(path), `.${basename(path)}.upkeep-link`);
      await unlink(temporary).catch(unless('ENOENT'));
      await symlink(this.#linkText(role), temporary);
      await rename(temporary, path);
      await syncDirectory(dirname(path));
    }
  }

  /** Writes a version, complete or not at all. Each file has its owner and mode before it has content. */
  async add(name: string, files: VersionFiles): Promise<void> {
    await this.#write(name, files, (_, file, path) => writeOwned(path, file));
  }

  async #write(
    name: string,
    files: VersionFiles,
    make: (role: Role, file: InstalledFile, path: string) => Promise<void>,
  ): Promise<void> {
    const temporary = this.#path('versions', `.${name}`);
    try {
      await mkdir(temporary, { mode: 0o700 });
      for (const [role, file] of files) await make(role, file, join(temporary, role));
      await chmod(temporary, 0o755);
      await syncDirectory(temporary);
      await rename(temporary, this.#path('versions', name));
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
    await syncDirectory(this.#path('versions'));
  }

  /** Puts `to` in force, with a way back to what is in force now. */
  async switchTo(to: string): Promise<Journal> {
    const from = await this.current();
    const journal = { from, to };
    if (from !== null) await this.#point('undo', from);
    await writeFileAtomic(this.#path('journal.json'), JSON.stringify(journal));
    await this.#point('current', to);
    return journal;
  }

  /** Whether the new version was never in force; where there was none before, that makes no difference to anybody. */
  async untouched({ from, to }: Journal): Promise<boolean> {
    const current = await this.current();
    if (from === null || current !== from) return current !== to;
    return (await readlink(this.#path('undo')).catch(unless('ENOENT'))) !== undefined;
  }

  /** Back to the version before; links that led nowhere before are removed. Takes no disk space. */
  async switchBack(journal: Journal): Promise<void> {
    if (journal.from === null) {
      await unlink(this.#path('current')).catch(unless('ENOENT'));
      for (const [role, path] of this.#links) {
        if ((await readlink(path).catch(() => null)) === this.#linkText(role)) await unlink(path);
      }
    } else if ((await this.current()) !== journal.from) {
      await rename(this.#path('undo'), this.#path('current'));
    }
    await syncDirectory(this.#directory);
  }

  /** The deployment is over. Keeps the version before, as an undo by hand, and removes older ones. */
  async settle(keep: string | null): Promise<void> {
    await unlink(this.#path('journal.json')).catch(unless('ENOENT'));
    await unlink(this.#path('undo')).catch(unless('ENOENT'));
    await this.#prune(keep);
    await syncDirectory(this.#directory);
  }

  /** In a folder that others can write somebody may have been faster, and would then hold the files in their hands. */
  async #refuseForeign(): Promise<void> {
    for (const folder of [this.#directory, this.#path('versions')]) {
      const stats = await lstat(folder);
      const ours = stats.uid === 0 || stats.uid === process.geteuid?.();
      if (stats.isDirectory() && ours) continue;
      throw new Error(`${folder} was not made by this agent; remove it, and let nobody else write its folder`);
    }
  }

  /**
   * A plain file with one name gets its second here, so that it stays what it is, access control lists and security labels included: the
   * service has to read it again after a way back. Whatever else is there (a link, say) is copied.
   */
  async #keepFile(role: Role, file: InstalledFile, path: string): Promise<void> {
    const [place, own] = [this.#links.get(role) ?? '', this.#path('current', role)];
    const isOurs = (await readlink(place).catch(() => null)) === this.#linkText(role);
    const from = isOurs ? own : place;
    const stats = await lstat(from);
    // Its second name may be from an adoption that was cut short.
    const alone = stats.nlink === 1 || (stats.nlink === 2 && stats.ino === (await lstat(own).catch(() => null))?.ino);
    if (!stats.isFile() || !alone || !(await linkIfPossible(from, path))) await writeOwned(path, file);
  }

  async #prune(keep: string | null): Promise<void> {
    const kept = new Set([keep, await this.current()]);
    for (const name of await readdir(this.#path('versions'))) {
      if (!kept.has(name)) await rm(this.#path('versions', name), { recursive: true, force: true });
    }
  }

  async #point(link: 'current' | 'undo', version: string): Promise<void> {
    const temporary = this.#path(`.${link}`);
    await unlink(temporary).catch(unless('ENOENT'));
    await symlink(join('versions', version), temporary);
    await rename(temporary, this.#path(link));
    await syncDirectory(this.#directory);
  }

  #linkText(role: Role): string {
    const path = this.#links.get(role) ?? '';
    const target = this.#path('current', role);
    // A relative link stays right when the folder is mounted elsewhere; through `..` it would depend on links on the way.
    return dirname(path) === dirname(this.#directory) ? relative(dirname(path), target) : target;
  }

  #path(...parts: string[]): string {
    return join(this.#directory, ...parts);
  }
}

/** False where file system or kernel (fs.protected_hardlinks) give no second name. */
async function linkIfPossible(from: string, path: string): Promise<boolean> {
  try {
    await link(from, path);
    return true;
  } catch (error) {
    unless('EPERM', 'EACCES', 'EXDEV', 'EMLINK', 'EOPNOTSUPP')(error);
    return false;
  }
}

async function writeOwned(path: string, { bytes, mode, uid, gid }: InstalledFile): Promise<void> {
  const handle = await open(path, 'wx', mode & 0o600);
  try {
    if (uid !== -1 || gid !== -1) await handle.chown(uid, gid);
    await handle.chmod(mode);
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const largestFile = 10 * 1024 * 1024;

/** Those of the files that are there. */
async function filesAt(places: readonly (readonly [Role, string])[]): Promise<VersionFiles> {
  const files = new Map<Role, InstalledFile>();
  for (const [role, path] of places) {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(unless('ENOENT'));
    if (handle === undefined) continue;
    try {
      const stats = await handle.stat();
      if (!stats.isFile()) throw new Error(`${path} is not a regular file; name another place for the certificate`);
      if (stats.size > largestFile) throw new Error(`${path} is larger than 10 MB and so no certificate`);
      files.set(role, { bytes: await handle.readFile(), mode: stats.mode & 0o7777, uid: stats.uid, gid: stats.gid });
    } finally {
      await handle.close();
    }
  }
  return files;
}

function unless(...codes: readonly string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes(codeOf(error))) throw error;
    return undefined;
  };
}
