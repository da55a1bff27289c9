/** Headers of tar archives as POSIX describes them (IEEE Std 1003.1, pax, "ustar Interchange Format" and "pax Extended Header"). */

export interface TarHeader {
  readonly name: string;
  readonly type: 'file' | 'directory' | 'link';
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Bytes that follow; 0 unless it is a file. */
  readonly size: number;
  /** Target of a link, else empty. */
  readonly target: string;
}

export const blockSize = 512;
export const typeFlags = { file: '0', link: '2', directory: '5' } as const;

/** Header of one entry, after a pax header where a field does not fit into it. */
export function tarHeader(header: TarHeader): Buffer {
  const name = header.type === 'directory' ? `${header.name}/` : header.name;
  const extended: [key: string, value: string][] = [];
  if (!fits(name, 100)) extended.push(['path', name]);
  if (!fits(header.target, 100)) extended.push(['linkpath', header.target]);
  if (header.uid > largestId) extended.push(['uid', String(header.uid)]);
  if (header.gid > largestId) extended.push(['gid', String(header.gid)]);
  if (header.size > largestSize) extended.push(['size', String(header.size)]);
  const own = block({ ...header, name, flag: typeFlags[header.type] });
  if (extended.length === 0) return own;
  const records = Buffer.concat(extended.map(([key, value]) => paxRecord(key, value)));
  const before = block({ ...header, name: 'pax', target: '', mode: 0o600, size: records.length, flag: 'x' });
  return Buffer.concat([before, records, padding(records.length), own]);
}

/** Zeros up to the next block. */
export function padding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}

export const endOfArchive = Buffer.alloc(2 * blockSize);

/** Seven octal digits. */
const largestId = 0o7777777;
/** Eleven. */
const largestSize = 0o77777777777;

function fits(text: string, bytes: number): boolean {
  return Buffer.byteLength(text) <= bytes;
}

function block(fields: Omit<TarHeader, 'type'> & { readonly flag: string }): Buffer {
  const bytes = Buffer.alloc(blockSize);
  const octal = (value: number, digits: number): string =>
    Math.max(0, Math.trunc(value)).toString(8).padStart(digits, '0');
  bytes.write(fields.name, 0, 100);
  bytes.write(octal(fields.mode, 7), 100);
  bytes.write(octal(Math.min(fields.uid, largestId), 7), 108);
  bytes.write(octal(Math.min(fields.gid, largestId), 7), 116);
  bytes.write(octal(fields.size > largestSize ? 0 : fields.size, 11), 124);
  bytes.write(octal(fields.mtime, 11), 136);
  bytes.write(fields.flag, 156);
  bytes.write(fields.target, 157, 100);
  bytes.write('ustar\x0000', 257, 'latin1');
  bytes.write(octal(checksum(bytes), 6), 148);
  bytes.writeUInt16BE(0x00_20, 154);
  return bytes;
}

/** Sum of a header's bytes, its own field counted as blanks. */
export function checksum(header: Buffer): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < blockSize; index += 1) if (index < 148 || index > 155) sum += header[index] ?? 0;
  return sum;
}

/** `length key=value\n`, the length counting itself. */
function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  const size = Buffer.byteLength(rest);
  let length = size + 1;
  while (String(length).length + size !== length) length = String(length).length + size;
  return Buffer.from(`${length}${rest}`);
}
