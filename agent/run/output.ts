/** Output of a run, read from its file by byte offset at the reader's own pace. */
import { isUtf8 } from 'node:buffer';
import { open } from 'node:fs/promises';
import { giveBuffer, takeBuffer } from '../bufferPool.ts';
import { nothingSecret, type Masker } from '../secrets/masker.ts';
import { RequestError } from '../server/requestError.ts';
import { codeOf } from '../thrown.ts';
import { readingPlainly } from './directory.ts';
import { cutMark, readCut, type OutputCut } from './outputCut.ts';

export interface OutputPiece {
  readonly offset: number;
  readonly nextOffset: number;
  readonly encoding: 'utf8' | 'base64';
  readonly text: string;
  /** Bytes that were written so far, dropped ones included. */
  readonly size: number;
  /** Bytes from `offset` that are gone; `text` is then a mark that says so. */
  readonly dropped?: number;
}

export interface OutputMask {
  readonly masker: Masker;
  /** True while more may come: what may be the beginning of a secret is then held back until the rest is there. */
  readonly growing: boolean;
}

const unmasked: OutputMask = { masker: nothingSecret, growing: false };

/** A cut that comes while a piece is read makes it worthless; a second one in the time of one read does not happen. */
const mostCutsMeanwhile = 5;

/** At most `limit` bytes from `offset`, masked; valid UTF-8 is cut at a character, anything else comes as base64. Missing file = empty. */
export async function readOutput(
  file: string,
  offset: number,
  limit: number,
  mask: OutputMask = unmasked,
): Promise<OutputPiece> {
  const handle = await open(file, readingPlainly).catch((error: unknown) => {
    const code = codeOf(error);
    if (code === 'ENOENT') return null;
    if (code === 'ELOOP')
      throw new RequestError('notFound', 'The output of this run is a link, which is not followed.');
    throw error;
  });
  if (handle === null) return { offset, nextOffset: offset, encoding: 'utf8', text: '', size: 0 };
  let buffer: Buffer | null = null;
  try {
    for (let tries = 1; ; tries += 1) {
      const cut = readCut(file);
      const size = (await handle.stat()).size + (cut?.shift ?? 0);
      if (cut !== null && offset >= cut.from && offset < cut.to) return markPiece(cut, offset, size);
      // A secret may lie across either end of the piece.
      const edge = Math.max(0, mask.masker.longest - 1);
      const before = cut !== null && offset < cut.from;
      const from = Math.max(cut === null || before ? 0 : cut.to, Math.min(offset, size) - edge);
      const to = Math.min(before ? cut.from : size, offset + limit + edge);
      if (buffer !== null) giveBuffer(buffer);
      buffer = takeBuffer(Math.max(0, to - from));
      const place = cut !== null && !before ? from - cut.shift : from;
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, place);
      // Bytes that were dropped while they were read are no output.
      const after = readCut(file);
      if (!isSameCut(cut, after) && tries < mostCutsMeanwhile) continue;
      const bytes = buffer.subarray(0, bytesRead);
      const held = mask.growing && from + bytesRead >= size ? mask.masker.unfinished(bytes) : 0;
      mask.masker.bytes(bytes);
      const end = Math.min(offset - from + limit, bytesRead - held);
      return pieceOf(bytes.subarray(offset - from, Math.max(offset - from, end)), offset, size);
    }
  } finally {
    if (buffer !== null) giveBuffer(buffer);
    await handle.close();
  }
}

/** How far output can be read while it grows: its size, without an end that is held back. */
export async function readableSize(file: string, masker: Masker): Promise<number> {
  const { size } = await readOutput(file, 0, 0);
  if (masker.empty) return size;
  const piece = await readOutput(file, Math.max(0, size - masker.longest), masker.longest, { masker, growing: true });
  return piece.dropped === undefined ? piece.nextOffset : size;
}

function pieceOf(bytes: Buffer, offset: number, size: number): OutputPiece {
  const whole = bytes.subarray(0, bytes.length - incompleteTail(bytes));
  // Nothing but the beginning of one character: it is given as bytes rather than waited for.
  const taken = whole.length === 0 ? bytes : whole;
  const encoding = isUtf8(taken) ? 'utf8' : 'base64';
  return { offset, nextOffset: offset + taken.length, encoding, text: taken.toString(encoding), size };
}

function markPiece(cut: OutputCut, offset: number, size: number): OutputPiece {
  return { offset, nextOffset: cut.to, encoding: 'utf8', text: cutMark(cut), size, dropped: cut.to - offset };
}

function isSameCut(one: OutputCut | null, other: OutputCut | null): boolean {
  return one?.from === other?.from && one?.to === other?.to && one?.shift === other?.shift;
}

/** Bytes at the end that begin a UTF-8 character without ending it: 0 to 3 (RFC 3629). */
function incompleteTail(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte < 0x80) return 0;
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return length > back ? back : 0;
    }
  }
  return 0;
}
