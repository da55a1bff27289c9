/** Makes one archive and shows that it holds what it should. Nothing is removed here. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { BigIntStats } from 'node:fs';
import { open, rm, statfs } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { endOfArchive, padding, tarHeader } from '../certificates/tarWriter.ts';
import { asUser } from './asUser.ts';
import type { UserAndGroup } from './asUser.ts';
import { isZlibError, openSafely } from './archive.ts';
import { packed, unpacked } from './compression.ts';
import type { Compression } from './compression.ts';
import type { ArchivedFile, Manifest } from './manifest.ts';
import { readTar, TarProblem } from './tar.ts';
import type { TarReader } from './tar.ts';
import { inodeKey } from './writers.ts';

export interface Source {
  readonly path: string;
  /** `dev:ino` at the time of the plan. */
  readonly key: string;
  readonly bytes: number;
  /** Whose rights suffice to read and remove it; null = one's own. */
  readonly user: UserAndGroup | null;
}

export interface ArchiveFileSettings {
  readonly compression: Compression;
  readonly mode: number;
  readonly owner: UserAndGroup | null;
}

/** This source can not be archived now; the others can. */
export class SourceProblem extends Error {
  override readonly name = 'SourceProblem';
  readonly source: Source;

  constructor(source: Source, message: string, cause?: unknown) {
    super(message, { cause });
    this.source = source;
  }
}

/** The destination has not enough space. */
export class NoRoom extends Error {
  override readonly name = 'NoRoom';
}

const chunkBytes = 1 << 20;
/** Bytes read between two looks at the free space. */
const roomEvery = 8 << 20;
/** What stays free on the destination for everybody else. */
export const reserveBytes = 16 << 20;
const checksums = 'SHA256SUMS';

/**
 * Writes `sources` into the new file `temporary`, on the disk when this resolves. Its first byte is written with the final mode and
 * owner. Rejects with SourceProblem, NoRoom or the system's error; the half file is then removed.
 */
export async function writeArchive(
  temporary: string,
  sources: readonly Source[],
  settings: ArchiveFileSettings,
  progress: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Pick<Manifest, 'files' | 'bytes' | 'sha256' | 'compression'>> {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  const content = new Content(temporary, progress, signal);
  const target = await open(temporary, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, settings.mode & 0o600);
  try {
    if (settings.owner !== null) await target.chown(settings.owner.uid, settings.owner.gid);
    await target.chmod(settings.mode);
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of packed(content.chunks(sources), settings.compression)) {
      hash.update(chunk);
      await target.writeFile(chunk);
      bytes += chunk.length;
    }
    await target.sync();
    return { files: content.files, bytes, sha256: hash.digest('hex'), compression: settings.compression };
  } catch (error) {
    await content.turn(() => rm(temporary, { force: true }));
    throw isOutOfSpace(error) ? new NoRoom(`there is no space left for ${temporary}`, { cause: error }) : error;
  } finally {
    await target.close();
  }
}

/** Throws NoRoom when less than `bytes` and a reserve are free at `place`. */
export async function requireRoom(place: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(place);
  const free = bavail * bsize;
  if (free >= bytes + reserveBytes) return;
  throw new NoRoom(
    `${place} has ${free} bytes free; about ${bytes} for the archive and ${reserveBytes} in reserve are needed`,
  );
}

/**
 * Reads the archive from its file and compares it with its manifest: its own checksum, names, sizes and checksums of all files, and
 * nothing besides. Null when all is as it should be, else what is not. `onFile` gets what it holds, before it is known to be whole.
 */
export async function verifyArchive(
  file: string,
  expected: Manifest,
  signal: AbortSignal,
  onFile?: (entry: ArchivedFile) => Promise<(chunk: Buffer | null) => Promise<void>>,
): Promise<string | null> {
  await using handle = await openSafely(file);
  const hash = createHash('sha256');
  const comparison = new Comparison(expected.files, onFile);
  try {
    await readTar(unpacked(hashed(handle, hash, signal), expected.compression), comparison);
  } catch (error) {
    if (error instanceof TarProblem || isZlibError(error)) return error.message;
    throw error;
  }
  if (!comparison.complete()) return 'it does not hold all files of its manifest';
  return hash.digest('hex') === expected.sha256 ? null : 'its checksum is another than that of its manifest';
}

class Comparison implements TarReader {
  readonly #files: readonly ArchivedFile[];
  readonly #onFile: Parameters<typeof verifyArchive>[3];
  #next = 0;
  #hash = createHash('sha256');
  #sink: ((chunk: Buffer | null) => Promise<void>) | null = null;

  constructor(files: readonly ArchivedFile[], onFile: Parameters<typeof verifyArchive>[3]) {
    this.#files = files;
    this.#onFile = onFile;
  }

  async begin(name: string, bytes: number): Promise<void> {
    this.#hash = createHash('sha256');
    this.#sink = null;
    const file = this.#files[this.#next];
    if (file === undefined) {
      const most = checksumText(this.#files).length;
      if (name === checksums && bytes === most && this.#next === this.#files.length) return;
      throw new TarProblem(`it holds ${JSON.stringify(name)}, which its manifest does not name`);
    }
    if (file.name !== name || file.bytes !== bytes) {
      throw new TarProblem(`it holds ${JSON.stringify(name)} with ${bytes} bytes in the place of ${file.name}`);
    }
    if (this.#onFile !== undefined) this.#sink = await this.#onFile(file);
  }

  async data(chunk: Buffer): Promise<void> {
    this.#hash.update(chunk);
    await this.#sink?.(chunk);
  }

  async end(): Promise<void> {
    const file = this.#files[this.#next];
    this.#next += 1;
    const sum = file?.sha256 ?? createHash('sha256').update(checksumText(this.#files)).digest('hex');
    if (this.#hash.digest('hex') !== sum) throw new TarProblem(`${file?.name ?? checksums} in it has another checksum`);
    await this.#sink?.(null);
  }

  /** All files, and after them their list. */
  complete(): boolean {
    return this.#next === this.#files.length + 1;
  }
}

/** The tar: each source, then their checksums as sha256sum(1) reads them. */
class Content {
  readonly files: ArchivedFile[] = [];
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

  async *chunks(sources: readonly Source[]): AsyncGenerator<Buffer> {
    for (const source of sources) yield* this.#one(source);
    const list = checksumText(this.files);
    const about = { name: checksums, bytes: list.length, mode: 0o600, uid: 0, gid: 0, modifiedAt: new Date(0) };
    yield Buffer.concat([header(about), list, padding(list.length), endOfArchive]);
  }

  async *#one(source: Source): AsyncGenerator<Buffer> {
    await using handle = await this.turn(() => openSource(source));
    const before = await handle.stat({ bigint: true });
    if (inodeKey(before) !== source.key) throw new SourceProblem(source, `${source.path} is another file by now`);
    const about = {
      name: nameInArchive(source.path),
      bytes: Number(before.size),
      mode: Number(before.mode) & 0o7777,
      uid: Number(before.uid),
      gid: Number(before.gid),
      modifiedAt: new Date(Number(before.mtimeMs)),
    };
    yield header(about);
    const hash = createHash('sha256');
    for (let position = 0; position < about.bytes;) {
      const chunk = await this.#read(handle, source, position, Math.min(chunkBytes, about.bytes - position));
      hash.update(chunk);
      position += chunk.length;
      yield chunk;
    }
    if (!isUnchanged(before, await handle.stat({ bigint: true }))) {
      throw new SourceProblem(source, `${source.path} changed while it was read`);
    }
    yield padding(about.bytes);
    const { modifiedAt, ...rest } = about;
    this.files.push({ path: source.path, ...rest, modifiedAt: modifiedAt.toISOString(), sha256: hash.digest('hex') });
  }

  async #read(handle: FileHandle, source: Source, position: number, bytes: number): Promise<Buffer> {
    this.#signal.throwIfAborted();
    const chunk = Buffer.allocUnsafe(bytes);
    const { bytesRead } = await handle.read(chunk, 0, bytes, position);
    if (bytesRead === 0) throw new SourceProblem(source, `${source.path} was shortened while it was read`);
    this.#progress(bytesRead);
    this.#sinceLook += bytesRead;
    if (this.#sinceLook >= roomEvery) {
      this.#sinceLook = 0;
      await this.turn(() => requireRoom(this.#destination, 0));
    }
    return chunk.subarray(0, bytesRead);
  }
}

function header({
  bytes,
  modifiedAt,
  ...rest
}: Omit<ArchivedFile, 'path' | 'sha256' | 'modifiedAt'> & { modifiedAt: Date }): Buffer {
  return tarHeader({ ...rest, type: 'file', mtime: Math.floor(modifiedAt.getTime() / 1000), size: bytes, target: '' });
}

async function openSource(source: Source): Promise<FileHandle> {
  try {
    return await asUser(source.user, () => openSafely(source.path));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SourceProblem(source, `${source.path} can not be read: ${reason}`, error);
  }
}

/** Size and times, not the number of names: a rename changes the latter's time too. */
function isUnchanged(before: BigIntStats, after: BigIntStats): boolean {
  return before.size === after.size && before.mtimeNs === after.mtimeNs && after.nlink === 1n;
}

function nameInArchive(file: string): string {
  return file.replace(/^\/+/, '');
}

/** Lines of sha256sum(1), which marks names with a backslash or line feed. */
function checksumText(files: readonly ArchivedFile[]): Buffer {
  const lines = files.map(({ name, sha256 }) => {
    const escaped = name
      .replaceAll('\\', '\\\\')
      .replaceAll('\n', String.raw`\n`)
      .replaceAll('\r', String.raw`\r`);
    return `${escaped === name ? '' : '\\'}${sha256}  ${escaped}\n`;
  });
  return Buffer.from(lines.join(''));
}

async function* hashed(
  handle: FileHandle,
  hash: ReturnType<typeof createHash>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  for (;;) {
    signal.throwIfAborted();
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) return;
    hash.update(chunk.subarray(0, bytesRead));
    yield chunk.subarray(0, bytesRead);
  }
}

function isOutOfSpace(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
