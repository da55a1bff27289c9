/** The bytes of a configuration file as text: bounded, decoded, free of characters that YAML does not allow. */
import * as fs from 'node:fs';
import { codeOf } from '../thrown.ts';
import { reasonOf } from './reason.ts';

/** A file-level problem at a character offset of the text. */
export class TextError extends Error {
  readonly code: string;
  readonly offset: number;
  /** What could be read, for the line of `offset`, when the reader got no text. */
  readonly text: string | null;

  constructor(code: string, message: string, offset = 0, cause?: unknown, text: string | null = null) {
    super(message, { cause });
    this.name = 'TextError';
    this.code = code;
    this.offset = offset;
    this.text = text;
  }
}

/** Largest configuration, in bytes; one with a thousand tasks has about 120 KiB. */
export const maxConfigBytes = 512 * 1024;

/** Reads a regular file of at most `maxConfigBytes`; throws TextError (`no-file`, `unreadable`, `too-large`). Never blocks on a FIFO. */
export function readConfigBytes(file: string): Buffer {
  let descriptor: number;
  try {
    descriptor = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch (error) {
    const missing = codeOf(error) === 'ENOENT';
    if (missing) throw new TextError('no-file', `there is no file ${file}: create it, or name another one`, 0, error);
    throw new TextError('unreadable', `${file} can not be read: ${reasonOf(error)}`, 0, error);
  }
  try {
    const { size } = regularFile(descriptor, file);
    if (size > maxConfigBytes) throw tooLarge(size);
    const bytes = fs.readFileSync(descriptor);
    if (bytes.length > maxConfigBytes) throw tooLarge(bytes.length);
    return bytes;
  } catch (error) {
    if (error instanceof TextError) throw error;
    throw new TextError('unreadable', `${file} can not be read: ${reasonOf(error)}`, 0, error);
  } finally {
    fs.closeSync(descriptor);
  }
}

/**
 * UTF-8 or UTF-16 to text without its byte order mark; without one, the zero bytes around the first character tell (YAML 1.2.2 §5.2).
 * `odd` tells that it was UTF-16. Throws TextError (`encoding`) for anything else.
 */
export function decodeConfig(bytes: Buffer): { readonly text: string; readonly odd: boolean } {
  const beginning = bytes.subarray(0, 4).toString('hex');
  if (/^(?:0000feff|fffe0000|000000..|..000000)/.test(beginning))
    throw new TextError('encoding', 'the file is UTF-32: save it as UTF-8');
  if (/^(?:feff|00..)/.test(beginning)) return { text: decode(bytes, 'utf-16be'), odd: true };
  if (/^(?:fffe|..00)/.test(beginning)) return { text: decode(bytes, 'utf-16le'), odd: true };
  return { text: decode(bytes, 'utf-8'), odd: false };
}

/** Throws TextError at the first character that YAML 1.2.2 §5.1 does not allow (NUL, escape and the like), or when the text is too long. */
export function checkText(text: string): void {
  if (text.length > maxConfigBytes) throw tooLarge(Buffer.byteLength(text));
  const match = notPrintable.exec(text);
  if (match === null) return;
  const code = match[0].codePointAt(0) ?? 0;
  const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
  throw new TextError('control-character', `the control character ${name} is not allowed here: remove it`, match.index);
}

const notPrintable = /[^\t\n\r\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/u;

function decode(bytes: Buffer, encoding: 'utf-8' | 'utf-16le' | 'utf-16be'): string {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (error) {
    // The part before the first replacement character is what could be read: it leads to the line of the bad byte.
    const lenient = new TextDecoder(encoding).decode(bytes);
    const offset = Math.max(0, lenient.indexOf('\uFFFD'));
    const message = `the text is not valid ${encoding.toUpperCase()} here: save the file as UTF-8`;
    throw new TextError('encoding', message, offset, error, lenient);
  }
}

function regularFile(descriptor: number, file: string): fs.Stats {
  const stats = fs.fstatSync(descriptor);
  if (!stats.isFile()) throw new TextError('unreadable', `${file} is not a regular file: name a YAML file`);
  return stats;
}

function tooLarge(size: number): TextError {
  const limit = maxConfigBytes / 1024;
  return new TextError('too-large', `the file has ${Math.ceil(size / 1024)} KiB, more than the ${limit} KiB allowed`);
}
