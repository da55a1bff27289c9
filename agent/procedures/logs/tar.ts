/**
 * Reads the tar archives that archive-logs makes as a stream: regular files in the ustar format, with pax records for what does not fit
 * there, of any size. Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block".
 */
import { blockSize, checksum, padding } from '../certificates/tarWriter.ts';

/** What is read is no archive that `tarHeader` wrote: damaged, cut off, or of another kind. */
export class TarProblem extends Error {
  override readonly name = 'TarProblem';
}

export interface TarReader {
  readonly begin: (name: string, bytes: number) => void | Promise<void>;
  readonly data: (chunk: Buffer) => void | Promise<void>;
  readonly end: () => void | Promise<void>;
}

/** Reads regular files, in their order, to the end of the archive. Throws TarProblem for anything else. */
export async function readTar(chunks: AsyncIterable<Buffer>, reader: TarReader): Promise<void> {
  for await (const { name, bytes, data } of tarFiles(chunks)) {
    await reader.begin(name, bytes);
    for await (const chunk of data) await reader.data(chunk);
    await reader.end();
  }
}

export interface TarFile {
  readonly name: string;
  readonly bytes: number;
  /** What is not read of it is skipped; nothing after the next file was asked for. */
  readonly data: AsyncIterable<Buffer>;
}

/**
 * The regular files of an archive, one after the other. Throws TarProblem for anything else, unless it is `lenient`: archives of other
 * programs (GNU tar's long names, folders, links, padding behind the end) then give their files, and what is no file is skipped.
 */
export async function* tarFiles(chunks: AsyncIterable<Buffer>, { lenient = false } = {}): AsyncGenerator<TarFile> {
  const iterator = chunks[Symbol.asyncIterator]();
  try {
    yield* filesIn(new Blocks(iterator), lenient);
  } finally {
    await iterator.return?.();
  }
}

async function* filesIn(input: Blocks, lenient: boolean): AsyncGenerator<TarFile> {
  let next: { name?: string; bytes?: number } = {};
  for (;;) {
    if (lenient && (await input.atEnd())) return;
    const header = await input.exactly(blockSize);
    if (header.every((byte) => byte === 0)) break;
    const { type, bytes, name } = parseHeader(header, lenient);
    if (type === 'x' || (lenient && type === 'L')) {
      if (bytes > 1 << 20) throw new TarProblem('its header records are too long');
      const records = await input.exactly(bytes);
      next = type === 'x' ? parsePax(records, lenient) : { ...next, name: untilNul(records.toString()) };
      await input.exactly(padding(bytes).length);
      continue;
    }
    const size = next.bytes ?? bytes;
    const isFile = type === '0' || (lenient && type === '\0');
    if (!isFile && !lenient)
      throw new TarProblem(`it holds an entry of the type ${JSON.stringify(type)}, not only files`);
    const data = input.data(size);
    if (isFile) yield { name: next.name ?? name, bytes: size, data };
    for (let more = await data.next(); more.done !== true;) more = await data.next();
    await input.exactly(padding(size).length);
    next = {};
  }
  if (lenient) return;
  await input.exactly(blockSize);
  if (!(await input.atEnd())) throw new TarProblem('something follows its end');
}

/** Gives out pieces of wanted lengths. */
class Blocks {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterator<Buffer>) {
    this.#chunks = chunks;
  }

  async exactly(bytes: number): Promise<Buffer> {
    while (this.#rest.length < bytes) {
      // Its bytes may be those of another chunk once the next one is asked for.
      const before = Buffer.from(this.#rest);
      this.#rest = Buffer.alloc(0);
      if (!(await this.#more())) throw new TarProblem('it breaks off');
      this.#rest = Buffer.concat([before, this.#rest]);
    }
    return this.#take(bytes);
  }

  /** May be left and taken up again: it has no end of its own that a `break` could call. */
  data(bytes: number): AsyncIterableIterator<Buffer> {
    let left = bytes;
    const iterator: AsyncIterableIterator<Buffer> = {
      next: async () => {
        if (left === 0) return { done: true, value: undefined };
        if (await this.atEnd()) throw new TarProblem('it breaks off');
        const value = this.#take(Math.min(left, this.#rest.length));
        left -= value.length;
        return { done: false, value };
      },
      [Symbol.asyncIterator]: () => iterator,
    };
    return iterator;
  }

  async atEnd(): Promise<boolean> {
    while (this.#rest.length === 0) if (!(await this.#more())) return true;
    return false;
  }

  #take(bytes: number): Buffer {
    const taken = this.#rest.subarray(0, bytes);
    this.#rest = this.#rest.subarray(bytes);
    return taken;
  }

  async #more(): Promise<boolean> {
    const result = await this.#chunks.next();
    if (result.done === true) return false;
    this.#rest = result.value;
    return true;
  }
}

const nameBytes = 100;

function parsePax(records: Buffer, lenient: boolean): { name?: string; bytes?: number } {
  const found: { name?: string; bytes?: number } = {};
  for (let rest = records; rest.length > 0;) {
    const length = Number(rest.subarray(0, rest.indexOf(' ')).toString());
    const body = rest.subarray(0, length).toString();
    const match = /^\d+ ([^=]+)=([^]*)\n$/.exec(body);
    if (match === null || length < 5 || (!lenient && !/^[a-z]+$/.test(match[1] ?? '')))
      throw new TarProblem('its header records are damaged');
    if (match[1] === 'path') found.name = match[2] ?? '';
    if (match[1] === 'size') found.bytes = Number(match[2]);
    rest = rest.subarray(length);
  }
  if (found.bytes !== undefined && !Number.isSafeInteger(found.bytes)) throw new TarProblem('a size in it is damaged');
  return found;
}

function parseHeader(
  header: Buffer,
  lenient: boolean,
): { readonly type: string; readonly bytes: number; readonly name: string } {
  const stated = Number.parseInt(header.toString('latin1', 148, 156), 8);
  if (stated !== checksum(header) || header.toString('latin1', 257, 262) !== 'ustar') {
    throw new TarProblem('a header in it is damaged');
  }
  const own = untilNul(header.toString('utf8', 0, nameBytes));
  // POSIX, not GNU, has the folder of a long name in a field of its own.
  const folder = lenient && header[262] === 0 ? untilNul(header.toString('utf8', 345, 500)) : '';
  const large = lenient && (header[124] ?? 0) >= 0x80;
  const bytes = large ? header.readUIntBE(130, 6) : Number.parseInt(header.toString('latin1', 124, 136), 8);
  if (!Number.isSafeInteger(bytes)) throw new TarProblem('a size in it is damaged');
  return { type: header.toString('latin1', 156, 157), bytes, name: folder === '' ? own : `${folder}/${own}` };
}

function untilNul(text: string): string {
  return text.includes('\0') ? text.slice(0, text.indexOf('\0')) : text;
}
