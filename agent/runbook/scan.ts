/** Markdown files below a folder: bounded in number, size and depth, never outside the folder. */
import { constants } from 'node:fs';
import { open, readdir, realpath } from 'node:fs/promises';
import * as path from 'node:path';
import { reasonOf } from '../config/reason.ts';

export interface ScannedFile {
  /** Below the folder as it was given. */
  readonly path: string;
  /** The folder that the file must stay in, links resolved. */
  readonly root: string;
}

export interface Scan {
  readonly files: readonly ScannedFile[];
  /** Folders that were looked into, for watching. */
  readonly folders: readonly string[];
  /** One sentence each: what is missing, or left out. */
  readonly problems: readonly string[];
}

const maxFiles = 500;
const maxFolders = 200;
const maxDepth = 5;
const maxRunbookBytes = 1024 * 1024;

/** Hidden folders and node_modules are passed by, links to folders are not followed. */
export async function scanRunbooks(directory: string): Promise<Scan> {
  const files: ScannedFile[] = [];
  const folders: string[] = [];
  const problems: string[] = [];
  let root: string;
  try {
    root = await realpath(directory);
  } catch (error) {
    return { files, folders, problems: [`the runbook folder ${directory} can not be read: ${reasonOf(error)}`] };
  }
  const open: { readonly folder: string; readonly depth: number }[] = [{ folder: directory, depth: 0 }];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const { folder, depth } = next;
    folders.push(folder);
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      problems.push(`the runbook folder ${folder} can not be read: ${reasonOf(error)}`);
      return [];
    });
    for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) {
        if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
        if (depth >= maxDepth || folders.length + open.length >= maxFolders) {
          problems.push(`runbooks below ${file} are left out: at most ${maxDepth} levels and ${maxFolders} folders`);
        } else open.push({ folder: file, depth: depth + 1 });
      } else if (/\.(?:md|markdown)$/i.test(entry.name)) {
        if (files.length < maxFiles) files.push({ path: file, root });
        else
          return {
            files,
            folders,
            problems: [...problems, `more than ${maxFiles} runbooks in ${directory}: the rest is left out`],
          };
      }
    }
  }
  return { files, folders, problems };
}

export interface RunbookFile {
  readonly bytes: Buffer;
  readonly modifiedAt: Date;
}

/** Reads a scanned file, or throws an Error that says why not: it leads out of its folder, is no regular file, or is too large. */
export async function readRunbook({ path: file, root }: ScannedFile): Promise<RunbookFile> {
  const real = await realpath(file);
  if (!isInside(real, root)) throw new Error(`${file} leads out of its runbook folder: it is left out`);
  // After realpath no link is left; one that is put there now is refused.
  const handle = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error(`${file} is not a regular file: it is left out`);
    if (stats.size > maxRunbookBytes) {
      throw new Error(`${file} has more than ${maxRunbookBytes / 1024} KiB: it is left out`);
    }
    return { bytes: await handle.readFile(), modifiedAt: stats.mtime };
  } finally {
    await handle.close();
  }
}

function isInside(file: string, root: string): boolean {
  return file.startsWith(root.endsWith(path.sep) ? root : root + path.sep);
}
