/** Shows that an archive holds what it should, by reading it. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { openSafely } from './archive.ts';
import { checksums, checksumText } from './archiveContent.ts';
import { BlockProblem, unpacked } from './compression.ts';
import type { ArchivedFile, Manifest } from './manifest.ts';
import type { SecondReading } from './secondReading.ts';
import { readTar, TarProblem } from './tar.ts';
import type { TarReader } from './tar.ts';
import { isZlibError } from './zlibStream.ts';

const chunkBytes = 1 << 20;

/** Takes what one file holds, piece by piece; null = that was all. */
export type FileSink = (chunk: Buffer | null) => Promise<void>;

/**
 * Reads the archive from its file and compares it with its manifest: its own checksum, names, sizes and checksums of all files, and
 * nothing besides. Null when all is as it should be, else what is not. `onFile` gets what it holds, before it is known to be whole.
 */
export async function verifyArchive(
  file: string,
  expected: Manifest,
  signal: AbortSignal,
  onFile?: (entry: ArchivedFile) => Promise<FileSink>,
): Promise<string | null> {
  await using handle = await openSafely(file);
  const hash = createHash('sha256');
  const problem = await compareContent(unpacked(hashed(handle, hash, signal), expected.compression), expected.files, {
    onFile,
  });
  if (problem !== null) return problem;
  return hash.digest('hex') === expected.sha256 ? null : 'its checksum is another than that of its manifest';
}

interface Beside {
  readonly onFile?: ((entry: ArchivedFile) => Promise<FileSink>) | undefined;
  /** What is compared to the byte, in place of its checksum. */
  readonly original?: (entry: ArchivedFile) => Promise<SecondReading | null>;
}

/**
 * Compares the content of an archive with the files that it should hold. `files` may still grow while it is read, ahead of what is
 * read. Null when it holds them all, each as its original or with its checksum, and nothing besides; else what is wrong. Throws
 * SourceProblem when an original was changed.
 */
export async function compareContent(
  content: AsyncIterable<Buffer>,
  files: readonly ArchivedFile[],
  beside: Beside = {},
): Promise<string | null> {
  await using comparison = new Comparison(files, beside);
  try {
    await readTar(content, comparison);
  } catch (error) {
    if (error instanceof TarProblem || error instanceof BlockProblem || isZlibError(error)) return error.message;
    throw error;
  }
  return comparison.complete() ? null : 'it does not hold all files of its manifest';
}

class Comparison implements TarReader, AsyncDisposable {
  readonly #files: readonly ArchivedFile[];
  readonly #beside: Beside;
  #next = 0;
  #hash = createHash('sha256');
  #sink: FileSink | null = null;
  #original: SecondReading | null = null;

  constructor(files: readonly ArchivedFile[], beside: Beside) {
    this.#files = files;
    this.#beside = beside;
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
    this.#original = (await this.#beside.original?.(file)) ?? null;
    this.#sink = (await this.#beside.onFile?.(file)) ?? null;
  }

  async data(chunk: Buffer): Promise<void> {
    if (this.#original === null) this.#hash.update(chunk);
    else if (!(await this.#original.goesOnWith(chunk))) {
      throw new TarProblem(`${this.#files[this.#next]?.name ?? checksums} in it is not what its original holds`);
    }
    await this.#sink?.(chunk);
  }

  async end(): Promise<void> {
    const file = this.#files[this.#next];
    this.#next += 1;
    if (this.#original === null) {
      const sum = file?.sha256 ?? createHash('sha256').update(checksumText(this.#files)).digest('hex');
      if (this.#hash.digest('hex') !== sum)
        throw new TarProblem(`${file?.name ?? checksums} in it has another checksum`);
    }
    // An original was compared to its last byte: there were as many as its header says, and that says as many as it should.
    await this[Symbol.asyncDispose]();
    await this.#sink?.(null);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#original?.[Symbol.asyncDispose]();
    this.#original = null;
  }

  /** All files, and after them their list. */
  complete(): boolean {
    return this.#next === this.#files.length + 1;
  }
}

async function* hashed(handle: FileHandle, hash: Hash, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (;;) {
    signal.throwIfAborted();
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) return;
    hash.update(chunk.subarray(0, bytesRead));
    yield chunk.subarray(0, bytesRead);
  }
}
