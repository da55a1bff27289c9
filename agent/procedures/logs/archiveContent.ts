/** What goes into an archive: a tar of all sources, and after them their checksums as sha256sum(1) reads them; given out in blocks. */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { reasonOf } from '../../config/reason.ts';
import { formatBytes } from '../../config/units.ts';
import { isShortage } from '../../run/startProblem.ts';
import { codeOf } from '../../thrown.ts';
import { endOfArchive, padding, tarHeader } from '../certificates/tarWriter.ts';
import { openSafely } from './archive.ts';
import { asUser } from './asUser.ts';
import type { UserAndGroup } from './asUser.ts';
import type { Channel } from './channel.ts';
import type { ArchivedFile } from './manifest.ts';
import { NoRoom } from './ownFiles.ts';
import { Watch } from './unchanged.ts';
import { inodeKey } from './writers.ts';

export interface Source {
  readonly path: string;
  /** `dev:ino` at the time of the plan. */
  readonly key: string;
  readonly bytes: number;
  /** Whose rights suffice to read and remove it; null = one's own. */
  readonly user: UserAndGroup | null;
}

/** This source can not be archived now; the others can. Its message is a clause without subject: `it changed while it was read`. */
export class SourceProblem extends Error {
  override readonly name = 'SourceProblem';
  readonly source: Source;

  constructor(source: Source, message: string, cause?: unknown) {
    super(message, { cause });
    this.source = source;
  }
}

/** Name in the archive of the list of checksums. */
export const checksums = 'SHA256SUMS';
/** Bytes read between two looks at the free space. */
const roomEvery = 8 << 20;
/** What stays free on the destination for everybody else. */
export const reserveBytes = 16 << 20;

export async function freeBytes(place: string): Promise<number> {
  const { bavail, bsize } = await statfs(place);
  return bavail * bsize;
}

/** Throws NoRoom when less than `bytes` and a reserve are free at `place`. */
async function requireRoom(place: string, bytes: number): Promise<void> {
  const free = await freeBytes(place);
  if (free >= bytes + reserveBytes) return;
  throw new NoRoom(
    place,
    `${place} has ${formatBytes(free)} free; about ${formatBytes(bytes)} for the archive and ${formatBytes(reserveBytes)} in reserve are needed`,
  );
}

/** Hands full blocks over, and fills empty ones. */
export interface BlockTraffic {
  /** Large buffers that nobody uses. */
  readonly empty: Channel<Buffer<ArrayBuffer>>;
  readonly full: (buffer: Buffer<ArrayBuffer>, bytes: number) => void;
}

/** Bytes of a file from which on it is compared with its archive; to open less once more takes longer than its checksum. */
export const leastReadAgain = 1 << 20;

export class Content {
  /** Those that were begun; a checksum is empty until its file was read to the end. */
  readonly files: ArchivedFile[] = [];
  /** By path, of those whose times will tell whether they are still what was read. */
  readonly marks = new Map<string, string>();
  /** By path, how sources were before they were read; of those alone that are worth a second reading. */
  readonly begun = new Map<string, { readonly source: Source; readonly stats: BigIntStats }>();
  readonly #watch = new Watch();
  readonly #destination: string;
  readonly #progress: (bytes: number) => void;
  readonly #signal: AbortSignal;
  #sinceLook = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(destination: string, progress: (bytes: number) => void, signal: AbortSignal) {
    this.#destination = destination;
    this.#progress = progress;
    this.#signal = signal;
  }

  /** One after the other: while a source is opened with its owner's rights, the whole process has no others. */
  async turn<Result>(work: () => Promise<Result>): Promise<Result> {
    const mine = this.#turn.then(work, work);
    this.#turn = mine.catch(() => undefined);
    return await mine;
  }

  async write(sources: readonly Source[], traffic: BlockTraffic): Promise<void> {
    const blocks = new Filler(traffic);
    for (const source of sources) await this.#one(source, blocks);
    const list = checksumText(this.files);
    const about = { name: checksums, bytes: list.length, mode: 0o600, uid: 0, gid: 0, modifiedAt: new Date(0) };
    for (const part of [header(about), list, padding(list.length), endOfArchive]) await blocks.append(part);
    blocks.end();
  }

  async #one(source: Source, blocks: Filler): Promise<void> {
    await using handle = await this.turn(() => openSource(source));
    const before = await handle.stat({ bigint: true });
    if (inodeKey(before) !== source.key) throw new SourceProblem(source, 'it is another file by now');
    const about = {
      name: nameInArchive(source.path),
      bytes: Number(before.size),
      mode: Number(before.mode) & 0o7777,
      uid: Number(before.uid),
      gid: Number(before.gid),
    };
    const modifiedAt = new Date(Number(before.mtimeMs));
    const file = { path: source.path, ...about, modifiedAt: modifiedAt.toISOString(), sha256: '' };
    if (about.bytes >= leastReadAgain) this.begun.set(source.path, { source, stats: before });
    this.files.push(file);
    await blocks.append(header({ ...about, modifiedAt }));
    const hash = createHash('sha256');
    for (let position = 0; position < about.bytes;) {
      const room = await blocks.room();
      const chunk = room.subarray(0, about.bytes - position);
      const bytes = await this.#read(handle, source, chunk, position);
      hash.update(chunk.subarray(0, bytes));
      blocks.filled(bytes);
      position += bytes;
    }
    const after = await handle.stat({ bigint: true });
    if (!isWhole(before, after)) throw new SourceProblem(source, 'it changed while it was read');
    const mark = await this.turn(() => this.#watch.mark(after, path.dirname(source.path)));
    if (mark !== null) this.marks.set(source.path, mark);
    file.sha256 = hash.digest('hex');
    await blocks.append(padding(about.bytes));
  }

  async #read(handle: FileHandle, source: Source, chunk: Buffer, position: number): Promise<number> {
    this.#signal.throwIfAborted();
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, position);
    if (bytesRead === 0) throw new SourceProblem(source, 'it was shortened while it was read');
    this.#progress(bytesRead);
    this.#sinceLook += bytesRead;
    if (this.#sinceLook >= roomEvery) {
      this.#sinceLook = 0;
      await this.turn(() => requireRoom(this.#destination, 0));
    }
    return bytesRead;
  }
}

/** Fills one block after the other. */
class Filler {
  readonly #traffic: BlockTraffic;
  #block: Buffer<ArrayBuffer> | null = null;
  #used = 0;

  constructor(traffic: BlockTraffic) {
    this.#traffic = traffic;
  }

  /** The free part of the block that is being filled, never empty. What is read into it counts once `filled` says so. */
  async room(): Promise<Buffer> {
    if (this.#block?.length === this.#used) this.end();
    this.#block ??= await this.#traffic.empty.take();
    if (this.#block === null) throw new Error('there are no more blocks');
    return this.#block.subarray(this.#used);
  }

  filled(bytes: number): void {
    this.#used += bytes;
  }

  async append(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const count = bytes.copy(await this.room(), 0, done);
      this.filled(count);
      done += count;
    }
  }

  /** Hands over what there is. */
  end(): void {
    if (this.#block !== null && this.#used > 0) this.#traffic.full(this.#block, this.#used);
    this.#block = null;
    this.#used = 0;
  }
}

function header({
  bytes,
  modifiedAt,
  ...rest
}: Omit<ArchivedFile, 'path' | 'sha256' | 'modifiedAt'> & { modifiedAt: Date }): Buffer {
  return tarHeader({ ...rest, type: 'file', mtime: Math.floor(modifiedAt.getTime() / 1000), size: bytes, target: '' });
}

/** With the rights of its owner. Throws SourceProblem, or the system's error for a shortage (EMFILE), which is no word about this source. */
export async function openSource(source: Source): Promise<FileHandle> {
  try {
    return await asUser(source.user, () => openSafely(source.path));
  } catch (error) {
    if (isShortage(error)) throw error;
    const denied = ['EACCES', 'EPERM'].includes(codeOf(error));
    const advice = denied ? '; run this as a user who may read it and write to its folder' : '';
    throw new SourceProblem(source, `it can not be read (${reasonOf(error)})${advice}`, error);
  }
}

/** Size and times, not the number of names: a rename changes the latter's time too. */
export function isWhole(before: BigIntStats, after: BigIntStats): boolean {
  return before.size === after.size && before.mtimeNs === after.mtimeNs && after.nlink === 1n;
}

function nameInArchive(file: string): string {
  return file.replace(/^\/+/, '');
}

/** Lines of sha256sum(1), which marks names with a backslash or line feed. */
export function checksumText(files: readonly ArchivedFile[]): Buffer {
  const lines = files.map(({ name, sha256 }) => {
    const escaped = name
      .replaceAll('\\', '\\\\')
      .replaceAll('\n', String.raw`\n`)
      .replaceAll('\r', String.raw`\r`);
    return `${escaped === name ? '' : '\\'}${sha256}  ${escaped}\n`;
  });
  return Buffer.from(lines.join(''));
}
