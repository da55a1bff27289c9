/**
 * Whether a file is still what was read of it, without reading it again: every change of content, name or rights sets its time of change
 * (ctime), which no program can set back (inode(7)). That holds where the kernel itself keeps the times, and for a file whose last
 * change is older than what may still be unwritten of a mapping into memory (mmap(2), MAP_SHARED).
 */
import type { BigIntStats } from 'node:fs';
import { readFile, statfs } from 'node:fs/promises';
import path from 'node:path';

/** By statfs(2): ext2 to ext4, XFS, Btrfs, F2FS. Not those of memory, networks and user space, nor ZFS, which knows of a mapping's writes late. */
const honest: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010]);
/** Since the last write. After the 30 seconds of vm.dirty_expire_centisecs nothing of a mapping is unwritten, where nobody changed that. */
const writtenMs = 3_600_000;
/** What of that the kernel's own delays may be. */
const unwrittenMs = writtenMs / 4;
/** Since any change: two changes in one tick of a file system's clock look like one, and there are ticks of a second. */
const changedMs = 3000;

/** Remembers what kind of file system each device has. */
export class Watch {
  readonly #devices = new Map<bigint, boolean>();
  readonly #writesBack: Promise<boolean>;
  readonly #now: () => number;

  /** `vm`: folder of the kernel's settings of its memory; `now`: milliseconds since 1970. */
  constructor(vm = '/proc/sys/vm', now: () => number = Date.now) {
    this.#writesBack = writesBackSoon(vm);
    this.#now = now;
  }

  /** What `isUnchanged` wants, of a file in `folder` that was read to its end; null when its times do not suffice. */
  async mark(stats: BigIntStats, folder: string): Promise<string | null> {
    const now = this.#now();
    if (now - Number(stats.mtimeMs) < writtenMs || now - Number(stats.ctimeMs) < changedMs) return null;
    if (!(await this.#writesBack)) return null;
    const known = this.#devices.get(stats.dev) ?? (await isHonest(folder));
    this.#devices.set(stats.dev, known);
    return known ? markOf(stats) : null;
  }
}

/** The same file, unchanged, under the same name. */
export function isUnchanged(mark: string, stats: BigIntStats): boolean {
  return mark === markOf(stats);
}

/** The same, but for a rename, which sets the time of change. */
export function isOnlyRenamed(before: BigIntStats, after: BigIntStats): boolean {
  return markOf(before) === markOf(after, before.ctimeNs);
}

/** What `isUnchanged` compares. */
export function markOf({ dev, ino, mode, nlink, size, mtimeNs, ctimeNs }: BigIntStats, changed = ctimeNs): string {
  return [dev, ino, mode, nlink, size, mtimeNs, changed].join(':');
}

/** Does the kernel write back by itself what was changed in mappings? Only then the next change by them is one of the time too. */
async function writesBackSoon(vm: string): Promise<boolean> {
  const [interval = 0, age = 0] = await Promise.all(
    ['dirty_writeback_centisecs', 'dirty_expire_centisecs'].map(async (name) => {
      const text = await readFile(path.join(vm, name), 'latin1').catch(() => '');
      return Number(text) * 10;
    }),
  );
  // An interval of 0 is never: proc_sys_vm(5).
  return interval > 0 && interval + age <= unwrittenMs;
}

async function isHonest(folder: string): Promise<boolean> {
  return await statfs(folder).then(
    // Some come as negative numbers of 32 bits.
    ({ type }) => honest.has(type >>> 0),
    () => false,
  );
}
