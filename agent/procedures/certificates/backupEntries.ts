/** What a backup of certificate folders holds: files, folders and symbolic links with their rights, and what makes one refuse to be restored. */
import { posix } from 'node:path';
import * as z from 'zod';

const common = {
  /** Absolute. */
  path: z.string().min(1),
  /** Permission bits; never more than 0777. */
  mode: z.int().min(0).max(0o7777),
  uid: z.int().min(0),
  gid: z.int().min(0),
  /** Seconds since 1970. */
  mtime: z.number(),
};

const backupEntry = z.discriminatedUnion('type', [
  z.strictObject({ ...common, type: z.literal('file'), size: z.int().min(0), sha256: z.hex().length(64) }),
  z.strictObject({ ...common, type: z.literal('directory') }),
  z.strictObject({ ...common, type: z.literal('link'), target: z.string().min(1) }),
]);
export type BackupEntry = Readonly<z.infer<typeof backupEntry>>;
export type EntryType = BackupEntry['type'];

export const manifest = z.strictObject({
  format: z.literal('upkeep-certificates-1'),
  createdAt: z.iso.datetime(),
  host: z.string(),
  /** The files and folders that were backed up, absolute and with links resolved. */
  roots: z.array(z.string().min(1)).min(1),
  /** Folders before what is in them. */
  entries: z.array(backupEntry).min(1),
});
export type Manifest = Readonly<z.infer<typeof manifest>>;

/** First in each archive. */
export const manifestName = 'upkeep-manifest.json';

/** Far more than certificates need, and little enough to hurt nobody. Bytes. */
export const limits = {
  file: 16 * 1024 * 1024,
  manifest: 64 * 1024 * 1024,
  total: 512 * 1024 * 1024,
  archive: 512 * 1024 * 1024,
  entries: 100_000,
} as const;

/** What nobody but the owner may do to a restored file: no mode above 0755. */
export const restorableBits = 0o755;

/** An archive that is not restored, or not whole. `message` is for people and names the entry. */
export class RefusedArchive extends Error {
  override readonly name = 'RefusedArchive';
}

/** Refuses names that lead out of the folder in which they are made, or hide from the reader what they are. */
export function refuseName(name: string): void {
  const shown = shownName(name);
  if (name === '') throw new RefusedArchive('an entry of the archive has no name');
  if (name.includes('\0')) throw new RefusedArchive(`the entry ${shown} has a NUL byte in its name`);
  if (/[\p{Cc}\p{Cf}\uFFFD]/u.test(name))
    throw new RefusedArchive(`the entry ${shown} has control characters in its name`);
  if (name.startsWith('/')) throw new RefusedArchive(`the entry ${shown} has an absolute name`);
  if (name.includes('\\')) throw new RefusedArchive(`the entry ${shown} has a backslash in its name`);
  if (name.split('/').some((part) => part === '..' || part === '.' || part === '')) {
    throw new RefusedArchive(`the entry ${shown} has "..", "." or an empty part in its name`);
  }
}

/** For messages: no control characters, and not endless. */
export function shownName(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name).replaceAll(/[\p{Cf}\u007F-\u009F]/gu, '?');
}

/** Notes the entries of an archive in their order, and refuses those that would change or hide behind an earlier one. */
export class EntryTree {
  readonly #types = new Map<string, EntryType>();
  readonly #folded = new Map<string, string>();

  /** `name` has passed `refuseName`. */
  add(name: string, type: EntryType): void {
    const shown = shownName(name);
    if (this.#types.has(name)) throw new RefusedArchive(`the entry ${shown} is there twice`);
    const folded = name.normalize('NFC').toLowerCase();
    const twin = this.#folded.get(folded);
    if (twin !== undefined)
      throw new RefusedArchive(`the entry ${shown} differs from ${shownName(twin)} by its case alone`);
    for (let parent = posix.dirname(name); parent !== '.'; parent = posix.dirname(parent)) {
      const kind = this.#types.get(parent);
      if (kind !== undefined && kind !== 'directory') {
        throw new RefusedArchive(
          `the entry ${shown} would be written through ${shownName(parent)}, which is a ${kind}`,
        );
      }
      const otherCase = this.#folded.get(parent.normalize('NFC').toLowerCase());
      if (otherCase !== undefined && otherCase !== parent) {
        throw new RefusedArchive(`the entry ${shown} lies below ${shownName(otherCase)} but for its case`);
      }
    }
    this.#types.set(name, type);
    this.#folded.set(folded, name);
  }
}

/** Is `path` one of `roots` or below one? */
export function isWithin(path: string, roots: readonly string[]): boolean {
  return roots.some((root) => path === root || path.startsWith(root === '/' ? '/' : `${root}/`));
}

/** Where a symbolic link leads by its text alone. */
export function linkDestination(path: string, target: string): string {
  return posix.resolve(posix.dirname(path), target);
}
