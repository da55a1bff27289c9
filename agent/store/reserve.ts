/**
 * Space kept back for a full disk: a file that is deleted then, so that the store's log can be checkpointed and retention
 * can delete (in WAL mode even DELETE needs space).
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const largest = 4 * 1024 * 1024;
const smallest = 64 * 1024;
/** A small file system is not to be filled by its own reserve. */
const shareOfDisk = 1 / 8;

export class Reserve {
  readonly #file: string;
  readonly #bytes: number;
  /** Size, in bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  constructor(file: string) {
    this.#file = file;
    this.#bytes = sizeFor(dirname(file));
  }

  exists(): boolean {
    return statSync(this.#file, { throwIfNoEntry: false }) !== undefined;
  }

  /** Makes it unless it is there; false when there is no room for it and as much again. */
  create(): boolean {
    if ((statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0) >= this.#bytes) return true;
    if (!this.hasRoom(this.#bytes)) return false;
    return fill(this.#file, this.#bytes);
  }

  release(): void {
    rmSync(this.#file, { force: true });
  }

  /** Whether so many bytes, and a reserve besides, can really be written: quotas do not show in statfs(2). */
  hasRoom(bytes: number): boolean {
    const probe = `${this.#file}.probe`;
    const done = freeBytes(dirname(this.#file)) >= bytes + this.#bytes && fill(probe, bytes + smallest);
    rmSync(probe, { force: true });
    return done;
  }
}

function sizeFor(directory: string): number {
  try {
    const { blocks, bsize } = statfsSync(directory);
    return Math.max(smallest, Math.min(largest, Math.floor(blocks * bsize * shareOfDisk)));
  } catch {
    return smallest;
  }
}

/** That this user can have on the file system of a folder; 0 when nobody can tell. */
export function freeBytes(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return 0;
  }
}

/** Random bytes: a compressing file system would keep nothing back for zeros. */
function fill(file: string, bytes: number): boolean {
  try {
    rmSync(file, { force: true });
    const descriptor = openSync(file, 'wx', 0o600);
    try {
      const chunk = randomFillSync(Buffer.alloc(Math.min(bytes, 1024 * 1024)));
      for (let written = 0; written < bytes;) {
        written += writeSync(descriptor, chunk, 0, Math.min(chunk.length, bytes - written));
      }
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    return true;
  } catch {
    rmSync(file, { force: true });
    return false;
  }
}
