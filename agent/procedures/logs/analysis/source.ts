/** Opens a log for reading: a file, packed or not, a tar archive of logs, or standard input. */
import { constants, createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { codeOf } from '../../../thrown.ts';
import { checksums } from '../archiveContent.ts';
import { packingOf } from '../packers.ts';
import { tarFiles, TarProblem } from '../tar.ts';
import { isZlibError } from '../zlibStream.ts';
import type { Read } from './lines.ts';
import { DamagedSource, NoUnpacker, unpack } from './unpack.ts';
import { asUtf8, utf16Of } from './utf16.ts';

/** What `--file` says for standard input. */
export const standardInput = '-';

export interface OpenSource {
  /** The file itself (`name` is null), or the logs of an archive; each is read before the next is asked for. */
  readonly logs: AsyncIterable<{ readonly name: string | null; readonly read: Read }>;
  /** Bytes of the file that were read so far. */
  readonly position: () => number;
  readonly bytes: number;
  /** Ends a read that waits for somebody to write. */
  readonly interrupt: () => void;
  readonly close: () => Promise<void>;
}

/** A file that cannot be analysed; `message` is a sentence for people. */
export class UnreadableSource extends Error {
  override readonly name = 'UnreadableSource';
}

/** As long as a header of tar. */
const lookedAt = 512;

/**
 * A packed file and an archive are known by their content, not by their name. What is written while it is read is left
 * for the next time. Throws UnreadableSource, or the error of open(2).
 */
export async function openSource(path: string): Promise<OpenSource> {
  if (path === standardInput) {
    const input = process.stdin as AsyncIterable<Buffer>;
    const interrupt = (): void => {
      process.stdin.destroy();
    };
    return { logs: logsOf(path, input), position: () => 0, bytes: 0, interrupt, close: () => Promise.resolve() };
  }
  // O_NONBLOCK: a FIFO must not hang it.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new UnreadableSource(`${path} is not a regular file.`);
    const beginning = Buffer.alloc(lookedAt);
    const { bytesRead } = await handle.read(beginning, 0, lookedAt, 0);
    const there = beginning.subarray(0, bytesRead);
    const isPlain = packingOf(there) === null && utf16Of(there) === null && !isTar(beginning);
    return isPlain ? plain(handle, stats.size) : streamed(path, handle, stats.size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function plain(handle: FileHandle, bytes: number): OpenSource {
  let position = 0;
  const read: Read = async (buffer, offset, length) => {
    const wanted = Math.min(length, bytes - position);
    if (wanted <= 0) return 0;
    const { bytesRead } = await handle.read(buffer, offset, wanted, position);
    position += bytesRead;
    return bytesRead;
  };
  const logs = async function* (): AsyncGenerator<{ name: null; read: Read }> {
    yield await Promise.resolve({ name: null, read });
  };
  return { logs: logs(), position: () => position, bytes, interrupt: nothing, close: () => handle.close() };
}

function streamed(path: string, handle: FileHandle, bytes: number): OpenSource {
  const input = createReadStream('', {
    fd: handle,
    autoClose: false,
    start: 0,
    end: bytes - 1,
    highWaterMark: 1 << 18,
  });
  const close = async (): Promise<void> => {
    input.destroy();
    await handle.close();
  };
  return { logs: logsOf(path, input), position: () => input.bytesRead, bytes, interrupt: nothing, close };
}

function nothing(): void {
  // A file never waits.
}

async function* logsOf(
  path: string,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly name: string | null; readonly read: Read }> {
  let open: ByteStream | null = null;
  const content = await unpackedStream(new ByteStream(chunks));
  try {
    if (!isTar(await content.peek(lookedAt))) {
      open = await utf8Stream(content);
      yield { name: null, read: open.read };
      return;
    }
    for await (const { name, data } of tarFiles(content, { lenient: true })) {
      // Of an archive that archive-logs made: no log.
      if (name === checksums) continue;
      // Rotated logs are packed in the archive as they were on disk.
      open = await utf8Stream(await unpackedStream(new ByteStream(data)));
      yield { name, read: open.read };
    }
  } catch (error) {
    throw error instanceof NoUnpacker ? new UnreadableSource(`${path} ${error.message}`) : error;
  } finally {
    await open?.close();
    await content.close();
  }
}

async function unpackedStream(stream: ByteStream): Promise<ByteStream> {
  const packing = packingOf(await stream.peek(lookedAt));
  return packing === null ? stream : new ByteStream(unpack(stream, packing));
}

async function utf8Stream(stream: ByteStream): Promise<ByteStream> {
  const encoding = utf16Of(await stream.peek(lookedAt));
  return encoding === null ? stream : new ByteStream(asUtf8(stream, encoding));
}

/** By the magic of its first header. Source: POSIX.1-2017, pax, "ustar Interchange Format". */
function isTar(beginning: Buffer): boolean {
  return beginning.length >= lookedAt && beginning.toString('latin1', 257, 262) === 'ustar';
}

/** Chunks of any size whose beginning can be looked at before they are read. */
class ByteStream {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** Up to `length` bytes; fewer at the end. */
  async peek(length: number): Promise<Buffer> {
    while (this.#rest.length < length) {
      const before = this.#rest;
      if (!(await this.#more())) {
        this.#rest = before;
        break;
      }
      this.#rest = Buffer.concat([before, this.#rest]);
    }
    return this.#rest.subarray(0, length);
  }

  readonly read: Read = async (buffer, offset, length) => {
    if (this.#rest.length === 0 && !(await this.#more())) return 0;
    const count = this.#rest.copy(buffer, offset, 0, length);
    this.#rest = this.#rest.subarray(count);
    return count;
  };

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      while (this.#rest.length > 0 || (await this.#more())) {
        const chunk = this.#rest;
        this.#rest = Buffer.alloc(0);
        yield chunk;
      }
    } finally {
      await this.close();
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** Keeps what there is when there is no more. */
  async #more(): Promise<boolean> {
    const next = await this.#chunks.next();
    if (next.done === true) return false;
    this.#rest = next.value;
    return this.#rest.length > 0 || (await this.#more());
  }
}

/** Packed data that is damaged or breaks off. */
export function isPackingError(error: unknown): boolean {
  if (error instanceof DamagedSource || error instanceof TarProblem || isZlibError(error)) return true;
  return codeOf(error).startsWith('ERR_ZLIB');
}
