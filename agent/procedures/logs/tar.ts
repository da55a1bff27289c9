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
  const input = new Blocks(chunks);
  let next: { name?: string; bytes?: number } = {};
  for (;;) {
    const header = await input.exactly(blockSize);
    if (header.every((byte) => byte === 0)) break;
    const { type, bytes, name } = parseHeader(header);
    if (type === 'x') {
      if (bytes > 1 << 20) throw new TarProblem('its header records are too long');
      next = parsePax(await input.exactly(bytes));
      await input.exactly(padding(bytes).length);
      continue;
    }
    if (type !== '0') throw new TarProblem(`it holds an entry of the type ${JSON.stringify(type)}, not only files`);
    const size = next.bytes ?? bytes;
    await reader.begin(next.name ?? name, size);
    for (let left = size; left > 0;) {
      const chunk = await input.atMost(left);
      left -= chunk.length;
      await reader.data(chunk);
    }
    await reader.end();
    await input.exactly(padding(size).length);
    next = {};
  }
  await input.exactly(blockSize);
  if (!(await input.atEnd())) throw new TarProblem('something follows its end');
}

/** Gives out pieces of wanted lengths. */
class Blocks {
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async exactly(bytes: number): Promise<Buffer> {
    while (this.#rest.length < bytes) {
      const before = this.#rest;
      this.#rest = Buffer.alloc(0);
      if (!(await this.#more())) throw new TarProblem('it breaks off');
      this.#rest = Buffer.concat([before, this.#rest]);
    }
    return this.#take(bytes);
  }

  async atMost(bytes: number): Promise<Buffer> {
    if (await this.atEnd()) throw new TarProblem('it breaks off');
    return this.#take(Math.min(bytes, this.#rest.length));
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

function parsePax(records: Buffer): { name?: string; bytes?: number } {
  const found: { name?: string; bytes?: number } = {};
  for (let rest = records; rest.length > 0;) {
    const length = Number(rest.subarray(0, rest.indexOf(' ')).toString());
    const body = rest.subarray(0, length).toString();
    const match = /^\d+ ([a-z]+)=([^]*)\n$/.exec(body);
    if (match === null || length < 5) throw new TarProblem('its header records are damaged');
    if (match[1] === 'path') found.name = match[2] ?? '';
    if (match[1] === 'size') found.bytes = Number(match[2]);
    rest = rest.subarray(length);
  }
  if (found.bytes !== undefined && !Number.isSafeInteger(found.bytes)) throw new TarProblem('a size in it is damaged');
  return found;
}

function parseHeader(header: Buffer): { readonly type: string; readonly bytes: number; readonly name: string } {
  const stated = Number.parseInt(header.toString('latin1', 148, 156), 8);
  if (stated !== checksum(header) || header.toString('latin1', 257, 262) !== 'ustar') {
    throw new TarProblem('a header in it is damaged');
  }
  const text = header.toString('utf8', 0, nameBytes);
  const name = text.includes('\0') ? text.slice(0, text.indexOf('\0')) : text;
  const bytes = Number.parseInt(header.toString('latin1', 124, 136), 8);
  return { type: header.toString('latin1', 156, 157), bytes, name };
}
