/**
 * A strict reader of tar archives (IEEE Std 1003.1, pax): files, folders and symbolic links in ustar headers, with the pax
 * records that our own writer makes. Everything else that tar can say is refused by its name, for what is not understood can not
 * be judged: hard links, devices, sparse files, GNU and other dialects.
 */
import { limits, refuseName, RefusedArchive, shownName } from './backupEntries.ts';
import { blockSize, checksum, padding, typeFlags } from './tarWriter.ts';

export interface TarEntry {
  /** As `refuseName` lets it pass. */
  readonly name: string;
  readonly type: 'file' | 'directory' | 'link';
  readonly mode: number;
  readonly target: string;
  readonly content: Buffer;
}

/** The entries of an unpacked archive, one at a time in memory; throws RefusedArchive. `chunks` is read no further than is asked for. */
export async function* readTar(chunks: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const input = new ByteQueue(chunks);
  let extended = new Map<string, string>();
  for (let count = 0; ;) {
    const bytes = await input.take(blockSize);
    if (bytes.every((byte) => byte === 0)) break;
    const header = parseHeader(bytes, extended);
    const { flag, size } = header;
    if (flag === 'x') {
      if (size > largestPax) throw new RefusedArchive(`the pax header before entry ${count + 1} has ${size} bytes`);
      extended = paxRecords(await takeContent(input, size));
      continue;
    }
    refuseName(header.name);
    const type = typeOf(header);
    const largest = count === 0 ? limits.manifest : limits.file;
    if (size > largest) {
      throw new RefusedArchive(`the entry ${shownName(header.name)} has ${size} bytes; ${largest} are the most`);
    }
    if (type !== 'file' && size !== 0)
      throw new RefusedArchive(`the entry ${shownName(header.name)} is a ${type} with content`);
    if ((count += 1) > limits.entries) throw new RefusedArchive(`it has more than ${limits.entries} entries`);
    const { name, mode, target } = header;
    yield { name, type, mode, target, content: await takeContent(input, size) };
    extended = new Map();
  }
  await input.expectZeros();
}

interface Header {
  readonly name: string;
  readonly flag: string;
  readonly mode: number;
  readonly size: number;
  readonly target: string;
}

const largestPax = 64 * 1024;

function parseHeader(bytes: Buffer, extended: ReadonlyMap<string, string>): Header {
  if (octal(bytes, 148, 8) !== checksum(bytes)) throw new RefusedArchive('a header of it is damaged (wrong checksum)');
  if (bytes.toString('latin1', 257, 265) !== 'ustar\x0000')
    throw new RefusedArchive('a header of it is not of the kind ustar');
  const flag = String.fromCharCode(bytes[156] ?? 0);
  const prefix = text(bytes, 345, 155);
  const short = text(bytes, 0, 100);
  const name = extended.get('path') ?? (prefix === '' ? short : `${prefix}/${short}`);
  return {
    name: flag === typeFlags.directory && name.endsWith('/') ? name.slice(0, -1) : name,
    flag,
    mode: octal(bytes, 100, 8),
    size: octal(bytes, 124, 12),
    target: extended.get('linkpath') ?? text(bytes, 157, 100),
  };
}

function typeOf({ flag, name, mode, target }: Header): TarEntry['type'] {
  const shown = shownName(name);
  if (flag === '0' || flag === '2' || flag === '5') {
    if (mode > 0o777)
      throw new RefusedArchive(`the entry ${shown} is setuid, setgid or sticky (mode ${mode.toString(8)})`);
    if (flag === '2' && (target === '' || /[\p{Cc}\p{Cf}\uFFFD]/u.test(target))) {
      throw new RefusedArchive(`the entry ${shown} is a symbolic link to ${shownName(target)}`);
    }
    return flag === '0' ? 'file' : flag === '2' ? 'link' : 'directory';
  }
  const kind = foreignKinds.get(flag) ?? `of an unknown kind (${shownName(flag)})`;
  throw new RefusedArchive(`the entry ${shown} is ${kind}; only files, folders and symbolic links are restored`);
}

const foreignKinds: ReadonlyMap<string, string> = new Map([
  ['\0', 'of the format before POSIX'],
  ['1', 'a hard link'],
  ['3', 'a character device'],
  ['4', 'a block device'],
  ['6', 'a FIFO'],
  ['7', 'a contiguous file'],
  ['g', 'a global pax header'],
  ['L', 'a GNU long name'],
  ['K', 'a GNU long link'],
  ['S', 'a GNU sparse file'],
]);

/** Text up to the first NUL, behind which nothing may hide. */
function text(bytes: Buffer, offset: number, length: number): string {
  const field = bytes.subarray(offset, offset + length);
  const end = field.indexOf(0);
  const shown = field.toString('utf8', 0, end < 0 ? length : end);
  if (end >= 0 && field.subarray(end).some((byte) => byte !== 0)) {
    throw new RefusedArchive(`the entry ${shownName(shown)} has a NUL byte in its name`);
  }
  return shown;
}

/** Base-256 numbers of GNU tar are among what is refused. */
function octal(bytes: Buffer, offset: number, length: number): number {
  const field = bytes.toString('latin1', offset, offset + length);
  const digits = /^ *([0-7]{1,11})[ \0]*$/.exec(field)?.[1];
  if (digits === undefined) throw new RefusedArchive('a header of it holds a number that is none');
  return Number.parseInt(digits, 8);
}

function paxRecords(bytes: Buffer): Map<string, string> {
  const records = new Map<string, string>();
  for (let offset = 0; offset < bytes.length;) {
    const digits = /^[1-9]\d{0,5}(?= )/.exec(bytes.toString('latin1', offset, offset + 8))?.[0];
    const length = Number(digits);
    const record = bytes.subarray(offset, offset + length);
    const equals = record.indexOf('=');
    if (digits === undefined || record.length !== length || equals < 0 || record.at(-1) !== 0x0a) {
      throw new RefusedArchive('a pax header of it is damaged');
    }
    const key = record.toString('utf8', digits.length + 1, equals);
    const value = record.toString('utf8', equals + 1, length - 1);
    if (!knownRecords.has(key))
      throw new RefusedArchive(`a pax header of it says ${shownName(key)}, which no backup does`);
    if (value.includes('\0')) throw new RefusedArchive(`the entry ${shownName(value)} has a NUL byte in its name`);
    if (records.has(key)) throw new RefusedArchive(`a pax header of it says ${key} twice`);
    records.set(key, value);
    offset += length;
  }
  return records;
}

const knownRecords: ReadonlySet<string> = new Set(['path', 'linkpath', 'uid', 'gid']);

async function takeContent(input: ByteQueue, size: number): Promise<Buffer> {
  const content = await input.take(size);
  await input.take(padding(size).length);
  return content;
}

/** Bytes in the portions that the reader wants. */
class ByteQueue {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer[] = [];
  #length = 0;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async take(size: number): Promise<Buffer> {
    while (this.#length < size) {
      const next = await this.#chunks.next();
      if (next.done === true) throw new RefusedArchive('it ends in the middle of an entry');
      this.#held.push(next.value);
      this.#length += next.value.length;
    }
    const all = this.#held.length === 1 ? (this.#held[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#held);
    this.#held = size < all.length ? [all.subarray(size)] : [];
    this.#length -= size;
    return all.subarray(0, size);
  }

  /** Other programs would see a second archive behind the end; zeros fill up what is written at once, and no more than that. */
  async expectZeros(): Promise<void> {
    for (let seen = 0; ;) {
      seen += this.#length;
      if (seen > mostFill || this.#held.some((chunk) => chunk.some((byte) => byte !== 0))) {
        throw new RefusedArchive('it goes on behind its end');
      }
      const next = await this.#chunks.next();
      if (next.done === true) return;
      this.#held = [next.value];
      this.#length = next.value.length;
    }
  }
}

const mostFill = 1024 * 1024;
