/** What of an archive is restored: all of it, or what belongs to one domain, with everything else as it is now. */
import { posix } from 'node:path';
import { type BackupEntry, isWithin, shownName } from './backupEntries.ts';
import type { OpenArchive } from './backupArchive.ts';
import { StoreProblem } from './backupStore.ts';
import { asRestored, readPlainFile } from './backupTree.ts';
import { lineageOf } from './pair.ts';

export interface Scope {
  /** The folders and files that are replaced. */
  readonly roots: readonly string[];
  /** Of the archive, as it has them. */
  readonly chosen: readonly BackupEntry[];
  /** All that the roots are to hold. Folders before what is in them. */
  readonly wanted: readonly BackupEntry[];
  readonly contents: () => AsyncGenerator<MadeEntry>;
}

/** An entry as it is to be made. */
export interface MadeEntry {
  readonly entry: BackupEntry;
  /** Empty unless it is a file. */
  readonly content: Buffer;
}

export function wholeScope({ manifest, entries }: OpenArchive): Scope {
  return {
    roots: manifest.roots,
    chosen: manifest.entries,
    wanted: manifest.entries.map(asRestored),
    contents: async function* () {
      for await (const { entry, content } of entries()) yield { entry: asRestored(entry), content };
    },
  };
}

/** `current`: the entries of all roots of the archive. Throws StoreProblem when the archive holds nothing of the domain. */
export function domainScope(
  file: string,
  domain: string,
  { manifest, entries }: OpenArchive,
  current: readonly BackupEntry[],
): Scope {
  const name = lineageOf(domain);
  const belongs = ({ path }: BackupEntry): boolean => belongsTo(path, name, manifest.roots);
  const own = manifest.entries.filter(belongs);
  if (own.length === 0) {
    throw new StoreProblem(
      `The archive ${file} holds nothing of ${shownName(domain)}: no file or folder has that name.`,
    );
  }
  const roots = manifest.roots.filter((root) => own.some(({ path }) => isWithin(path, [root])));
  const kept = current.filter((entry) => isWithin(entry.path, roots) && !belongs(entry));
  const there = new Set(kept.map(({ path }) => path));
  // Folders on the way that are not there any more come from the archive as well.
  const way = new Set(own.flatMap(({ path }) => foldersAbove(path, manifest.roots)));
  const chosen = manifest.entries.filter((entry) => belongs(entry) || (way.has(entry.path) && !there.has(entry.path)));
  const wanted = [...kept, ...chosen.map(asRestored)].sort(byPlace);
  const from = new Set(chosen.map(({ path }) => path));
  return {
    roots,
    chosen,
    wanted,
    contents: async function* () {
      const contents = new Map<string, Buffer>();
      for await (const { entry, content } of entries()) if (from.has(entry.path)) contents.set(entry.path, content);
      for (const entry of wanted) {
        const content = contents.get(entry.path) ?? (entry.type === 'file' ? await readPlainFile(entry.path) : empty);
        yield { entry, content };
      }
    },
  };
}

const empty = Buffer.alloc(0);

/** A part of the path below its root is called so, maybe with the ending of a file of certificates: `renewal/a.example.conf`. */
function belongsTo(path: string, name: string, roots: readonly string[]): boolean {
  const root = roots.find((one) => isWithin(path, [one]));
  if (root === undefined) return false;
  const parts = path === root ? [posix.basename(path)] : path.slice(root.length + 1).split('/');
  return parts.some((part) => part.replace(/\.(?:conf|pem|crt|cer|key|csr|der|p12|pfx)$/i, '').toLowerCase() === name);
}

function foldersAbove(path: string, roots: readonly string[]): string[] {
  const folders: string[] = [];
  for (let folder = path; !roots.includes(folder) && folder !== '/';) folders.push((folder = posix.dirname(folder)));
  return folders;
}

/** By the parts of the path, so that a folder comes before what is in it and nothing between. */
function byPlace({ path: one }: BackupEntry, { path: other }: BackupEntry): number {
  const [a, b] = [one.replaceAll('/', '\0'), other.replaceAll('/', '\0')];
  return a < b ? -1 : a > b ? 1 : 0;
}
